/** What the action of a pass reads. */
import { v } from "convex/values";
import { loadProfile } from "../agents/ops.js";
import type { ProviderConfig } from "../config.js";
import { internalMutation, internalQuery, type Doc } from "../kit/functions.js";
import { loadSchedulerState, SCHEDULER_KEY } from "../kit/wake.js";
import { openActiveSecret, openFirstActiveSecret } from "../secrets/ops.js";
import {
  findProviderConfigProblem,
  loadProviderConfig,
  loadWorkerRuntimeConfig,
} from "../settings/ops.js";
import { loadWorker } from "../workers/ops.js";
import { appsToLook, loadApps, type AppToLook } from "./apps.js";
import { loadLiveWorkers } from "./world.js";

export type PassSetup = {
  deploymentId: string;
  gatewayCheckedUrl: string | null;
  gatewayCheckedAt: number;
  providerConfig: ProviderConfig | null;
  workerApps: string[];
  /** What this pass lists. */
  apps: AppToLook[];
  transport: "gateway" | "direct";
  pathPrefix: string;
  flyApiToken: string | null;
  convexUrl: string | null;
};

/** Config and credentials of a pass. Plaintext goes to the action only. */
export const load = internalQuery({
  args: {},
  handler: async (ctx): Promise<PassSetup> => {
    const state = await ctx.db
      .query("schedulerState")
      .withIndex("by_key", (q) => q.eq("key", SCHEDULER_KEY))
      .unique();
    const workers = await loadLiveWorkers(ctx);
    const runtime = await loadWorkerRuntimeConfig(ctx);
    const apps = workers.flatMap((w) => w.machineRef?.appName ?? w.appName ?? []);
    const providerConfig = await loadProviderConfig(ctx);
    const isUsable = providerConfig !== null && findProviderConfigProblem(providerConfig) === null;
    const current = isUsable ? [providerConfig.appName, ...apps] : apps;
    return {
      deploymentId: state?.deploymentId ?? "",
      gatewayCheckedUrl: state?.gatewayCheckedUrl ?? null,
      gatewayCheckedAt: state?.gatewayCheckedAt ?? 0,
      providerConfig,
      workerApps: [...new Set(apps)],
      apps: appsToLook(current, await loadApps(ctx), Date.now()),
      transport: runtime.transport,
      pathPrefix: runtime.pathPrefix,
      flyApiToken: await openActiveSecret(ctx, "fly.apiToken"),
      convexUrl: await openActiveSecret(ctx, "convex.url"),
    };
  },
});

export const worker = internalQuery({
  args: { workerId: v.string() },
  handler: async (ctx, args): Promise<Doc<"workers"> | null> =>
    await loadWorker(ctx, args.workerId),
});

/** Bridge values for the environment of a machine: only of the agent that the machine is for. */
export const bridgeEnvironment = internalQuery({
  args: { agentKey: v.string() },
  returns: v.object({
    serviceId: v.optional(v.string()),
    serviceKey: v.optional(v.string()),
    linkingSharedSecret: v.optional(v.string()),
  }),
  handler: async (ctx, args) => {
    const bridge = (await loadProfile(ctx, args.agentKey))?.bridgeConfig;
    if (bridge?.enabled !== true) return {};
    const scoped = (name: string) => [
      `agent-bridge.${name}.${args.agentKey}`,
      `agent-bridge.${name}`,
    ];
    const keyRefs =
      bridge.serviceKeySecretRef === undefined
        ? scoped("serviceKey")
        : [bridge.serviceKeySecretRef, ...scoped("serviceKey")];
    const serviceId =
      bridge.serviceId ?? (await openFirstActiveSecret(ctx, scoped("serviceId")))?.value;
    const serviceKey = (await openFirstActiveSecret(ctx, keyRefs))?.value;
    const linking = await openActiveSecret(ctx, "agent-bridge.linkingSharedSecret");
    return {
      ...(serviceId === undefined ? {} : { serviceId }),
      ...(serviceKey === undefined ? {} : { serviceKey }),
      ...(linking === null ? {} : { linkingSharedSecret: linking }),
    };
  },
});

export const gatewayAnswered = internalMutation({
  args: { url: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    const state = await loadSchedulerState(ctx);
    await ctx.db.patch("schedulerState", state._id, {
      gatewayCheckedUrl: args.url,
      gatewayCheckedAt: Date.now(),
    });
    return null;
  },
});

/** True when this pass may have to create a machine. */
export const wantsMachines = internalQuery({
  args: {},
  returns: v.boolean(),
  handler: async (ctx) => {
    const demand = await ctx.db
      .query("conversations")
      .withIndex("by_state_and_ownerWorkerId_and_rankAt", (q) =>
        q.eq("state", "ready").eq("ownerWorkerId", undefined),
      )
      .first();
    if (demand !== null) return true;
    const live = await loadLiveWorkers(ctx);
    return live.some(
      (w) => w.status === "active" && w.machineRef === undefined && w.appName !== undefined,
    );
  },
});

/** The scheduler for operators: run a pass now, explain the next one, look at the fleet. */
import { v } from "convex/values";
import { refuse } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import { vProviderConfig, vScalingPolicy } from "../config.js";
import { action, query } from "../kit/functions.js";
import { isPassRunning, SCHEDULER_KEY } from "../kit/wake.js";
import { deleteVolumeById, storedGovernor } from "../providers/ops.js";
import { lastHeartbeat } from "../workers/ops.js";
import { MAX_LIVE_WORKERS, vWorkerStatsRow } from "../workers/validators.js";
import { runPass } from "./pass.js";
import { planPass } from "./plan.js";
import { listLeaks } from "./leaks.js";
import { vDecision, vLeak, vPassReport } from "./validators.js";
import { loadWorld } from "./world.js";

/** An operator waits this long for a provider that asked for a pause. */
const PATIENCE_MS = 30_000;

/**
 * Runs one pass now and returns {activeWorkers, spawned, terminated}. Costs one read when nothing runs and nothing
 * waits; a no-op while another pass runs. A given `scalingPolicy` is stored; a given `providerConfig` is stored
 * unless an operator set one with setProviderRuntimeConfig. Token and URL default to the secrets 'fly.apiToken' and
 * 'convex.url' and are never stored.
 *
 * @throws CONFIG_INCOMPLETE naming the field; PROVIDER_UNSUPPORTED; SECRET_MISSING when something must be done
 *   and no Fly token is there
 */
export const reconcileWorkers = action({
  args: {
    flyApiToken: v.optional(v.string()),
    convexUrl: v.optional(v.string()),
    workspaceId: v.optional(v.string()),
    nowMs: v.optional(v.number()),
    scalingPolicy: v.optional(vScalingPolicy),
    providerConfig: v.optional(vProviderConfig),
  },
  returns: vPassReport,
  handler: async (
    ctx,
    args,
  ): Promise<{ activeWorkers: number; spawned: number; terminated: number }> => {
    const start:
      | { kind: "quiet" }
      | { kind: "busy"; activeWorkers: number }
      | { kind: "taken"; passId: string } = await ctx.runMutation(internal.scheduler.start.manual, {
      ...(args.scalingPolicy === undefined ? {} : { scalingPolicy: args.scalingPolicy }),
      ...(args.providerConfig === undefined ? {} : { providerConfig: args.providerConfig }),
    });
    if (start.kind === "quiet") return { activeWorkers: 0, spawned: 0, terminated: 0 };
    if (start.kind === "busy")
      return { activeWorkers: start.activeWorkers, spawned: 0, terminated: 0 };
    const { errors, ...report } = await runPass(ctx, start.passId, args);
    const missing = errors.find((error) => error.startsWith("Missing "));
    if (missing !== undefined) refuse("SECRET_MISSING", missing);
    return report;
  },
});

/** Drains what is idle too long and goes on with teardown; a pass by another name, kept for 3.x. */
export const checkIdleShutdowns = action({
  args: {
    flyApiToken: v.optional(v.string()),
    nowMs: v.optional(v.number()),
    providerConfig: v.optional(vProviderConfig),
  },
  returns: v.object({
    checked: v.number(),
    stopped: v.number(),
    pending: v.number(),
    nextCheckScheduled: v.boolean(),
  }),
  handler: async (
    ctx,
    args,
  ): Promise<{
    checked: number;
    stopped: number;
    pending: number;
    nextCheckScheduled: boolean;
  }> => {
    const before: { live: number; leaving: number; wakeAt: number | null } = await ctx.runQuery(
      internal.scheduler.start.fleet,
      {},
    );
    const start: { kind: string; passId?: string } = await ctx.runMutation(
      internal.scheduler.start.manual,
      args.providerConfig === undefined ? {} : { providerConfig: args.providerConfig },
    );
    const stopped =
      start.passId === undefined ? 0 : (await runPass(ctx, start.passId, args)).terminated;
    const after: typeof before = await ctx.runQuery(internal.scheduler.start.fleet, {});
    return {
      checked: before.live,
      stopped,
      pending: after.leaving,
      nextCheckScheduled: after.wakeAt !== null,
    };
  },
});

/**
 * What the next pass would do and why, without doing it. Machines are not asked for: decisions that need a list of
 * machines (adoption, missing machines, orphans) are not foretold, nor what follows from a lease that expired since
 * the last pass.
 */
export const explainPass = query({
  args: { nowMs: v.optional(v.number()) },
  returns: v.object({
    decisions: v.array(vDecision),
    nextWakeAt: v.union(v.null(), v.number()),
    running: v.boolean(),
    lastPassAt: v.union(v.null(), v.number()),
    lastPassErrors: v.array(v.string()),
    spawnBlock: v.union(v.null(), v.string()),
  }),
  handler: async (ctx, args) => {
    const now = args.nowMs ?? Date.now();
    const state = await ctx.db
      .query("schedulerState")
      .withIndex("by_key", (q) => q.eq("key", SCHEDULER_KEY))
      .unique();
    const { world, policy } = await loadWorld(ctx, state, null, now);
    return {
      decisions: planPass(world, policy, now),
      nextWakeAt: state?.wakeAt ?? null,
      running: state !== null && isPassRunning(state, now),
      lastPassAt: state?.lastPassAt ?? null,
      lastPassErrors: state?.lastPassErrors ?? [],
      spawnBlock: world.spawnBlock,
    };
  },
});

/**
 * What costs, or may cost, without a live row: machines with our tags and volumes of ours that no live worker has, as the
 * passes observed them, and rows whose machine is missing or gone. Asks no provider. Each is removed by itself when two
 * passes, 90 s apart, saw it; one that stays for long needs an operator.
 */
export const listLeakedResources = query({
  args: {},
  returns: v.array(vLeak),
  handler: async (ctx) => await listLeaks(ctx),
});

/** Active workers: how many work, how many idle, and their rows. */
export const workerStats = query({
  args: {},
  returns: v.object({
    activeCount: v.number(),
    idleCount: v.number(),
    workers: v.array(vWorkerStatsRow),
  }),
  handler: async (ctx) => {
    const rows = await ctx.db
      .query("workers")
      .withIndex("by_status", (q) => q.eq("status", "active"))
      .take(MAX_LIVE_WORKERS);
    const workers = [];
    for (const row of rows)
      workers.push({
        workerId: row.workerId,
        status: row.status,
        load: row.load,
        heartbeatAt: await lastHeartbeat(ctx, row),
        machineId: row.machineRef?.machineId ?? null,
        appName: row.machineRef?.appName ?? null,
      });
    return {
      activeCount: workers.filter((w) => w.load > 0).length,
      idleCount: workers.filter((w) => w.load === 0).length,
      workers,
    };
  },
});

/** Deletes one Fly volume. The token must be given: an operator's tool, it reads no stored secret. */
export const deleteFlyVolume = action({
  args: { appName: v.string(), volumeId: v.string(), flyApiToken: v.optional(v.string()) },
  returns: v.object({ ok: v.boolean(), status: v.number(), message: v.string() }),
  handler: async (ctx, args) =>
    await deleteVolumeById(
      { ...args, flyApiToken: args.flyApiToken ?? "" },
      { governor: (appName) => storedGovernor(ctx, appName, PATIENCE_MS) },
    ),
});

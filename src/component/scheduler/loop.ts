/**
 * The single pass. `begin` (woken by kit/wake) takes the pass's lease and starts `run`; a watchdog behind it
 * begins anew when an action died. Config and policy are read in the pass; nothing scheduled carries any.
 */
import { v } from "convex/values";
import { errorMessage } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import { internalAction, internalMutation } from "../kit/functions.js";
import type { ActionCtx, Doc, MutationCtx } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { randomBase36 } from "../kit/random.js";
import {
  cancelWake,
  isPassRunning,
  loadSchedulerState,
  PASS_LEASE_MS,
  scheduleWake,
} from "../kit/wake.js";
import { providerFor, type WorkerProvider } from "../providers/ops.js";
import { findProviderConfigProblem } from "../settings/ops.js";
import type { ProviderConfig } from "../config.js";
import { observe, runEffects, type PassContext } from "./effects.js";
import { healthUrlOf } from "./environment.js";
import { probeGateway } from "./probe.js";
import { loadWorld } from "./world.js";
import type { PassSetup } from "./setup.js";
import type { PassReport } from "./validators.js";
import { nextWakeAt } from "./wakeups.js";

const MAX_STORED_ERRORS = 20;
/** A gateway that answered is not asked again for this long. */
const GATEWAY_CHECK_TTL_MS = 10 * 60_000;
const WATCHDOG_SLACK_MS = 1_000;

// ── Taking and giving back the pass ─────────────────────────────────────────

/**
 * Takes the pass, or returns null while another one runs. The wake-up becomes the watchdog of this pass. `woken`: the
 * caller is the standing wake-up itself, which must not cancel itself.
 */
export async function takePass(
  ctx: MutationCtx,
  now: number,
  { woken }: { woken: boolean } = { woken: false },
): Promise<string | null> {
  const state = await loadSchedulerState(ctx);
  if (isPassRunning(state, now)) {
    if (woken) await setWatchdog(ctx, state, (state.passStartedAt ?? now) + PASS_LEASE_MS - now);
    return null;
  }
  const passId = randomBase36(12);
  if (state.wakeFunctionId !== undefined && !woken)
    await ctx.scheduler.cancel(state.wakeFunctionId);
  await ctx.db.patch("schedulerState", state._id, {
    passId,
    passStartedAt: now,
    passCount: state.passCount + 1,
    wakeAt: undefined,
  });
  await setWatchdog(ctx, state, PASS_LEASE_MS);
  return passId;
}

/** Should the action of a pass die, somebody must come by when its lease is over. */
async function setWatchdog(
  ctx: MutationCtx,
  state: Doc<"schedulerState">,
  leaseLeftMs: number,
): Promise<void> {
  const wakeFunctionId = await ctx.scheduler.runAfter(
    leaseLeftMs + WATCHDOG_SLACK_MS,
    internal.scheduler.loop.begin,
    {},
  );
  await ctx.db.patch("schedulerState", state._id, { wakeFunctionId });
}

/** Woken by kit/wake or as the watchdog of a pass that died. */
export const begin = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const passId = await takePass(ctx, Date.now(), { woken: true });
    if (passId !== null) await ctx.scheduler.runAfter(0, internal.scheduler.loop.run, { passId });
    return null;
  },
});

/** Gives the pass back and schedules the next wake-up, the one wished for meanwhile included. */
export const finish = internalMutation({
  args: { passId: v.string(), errors: v.array(v.string()) },
  returns: v.object({ activeWorkers: v.number(), nextWakeAt: v.union(v.null(), v.number()) }),
  handler: async (ctx, args) => {
    const now = Date.now();
    const state = await loadSchedulerState(ctx);
    const { world, policy } = await loadWorld(ctx, state, null, now);
    const activeWorkers = world.workers.filter((w) => w.status === "active").length;
    if (state.passId !== args.passId) return { activeWorkers, nextWakeAt: null };
    await ctx.db.patch("schedulerState", state._id, {
      passId: undefined,
      passStartedAt: undefined,
      lastPassAt: state.passStartedAt ?? now,
      lastPassErrors: args.errors.slice(0, MAX_STORED_ERRORS),
    });
    const spawnBlocked = world.spawnBlock !== null || world.appName === null;
    const needed = nextWakeAt(
      {
        workers: world.workers,
        unmetDemand: world.demand.length,
        blocked: spawnBlocked
          ? "spawn_block"
          : world.workers.length >= policy.scaling.maxWorkers
            ? "cap"
            : null,
        spawnNotBefore: state.spawnNotBefore ?? null,
        nextWaitingAt: await earliest(ctx, "waiting"),
        nextLeaseExpiryAt: await earliest(ctx, "leased"),
        orphansWatched: Object.keys(state.orphansSeen ?? {}).length,
      },
      policy,
      now,
    );
    const wished = state.wakeAt;
    const wakeAt =
      needed === null ? wished : wished === undefined ? needed : Math.min(needed, wished);
    if (wakeAt !== undefined) await scheduleWake(ctx, state, Math.max(now, wakeAt), now);
    else {
      await cancelWake(ctx, state);
      await ctx.db.patch("schedulerState", state._id, {
        wakeAt: undefined,
        wakeFunctionId: undefined,
      });
    }
    return { activeWorkers, nextWakeAt: wakeAt ?? null };
  },
});

async function earliest(ctx: MutationCtx, state: "waiting" | "leased"): Promise<number | null> {
  const first = await ctx.db
    .query("conversations")
    .withIndex("by_state_and_readyAt", (q) => q.eq("state", state))
    .first();
  return first?.readyAt ?? null;
}

// ── The pass ────────────────────────────────────────────────────────────────

export const run = internalAction({
  args: { passId: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    await runPass(ctx, args.passId, {});
    return null;
  },
});

export type PassOverrides = {
  flyApiToken?: string | undefined;
  convexUrl?: string | undefined;
  workspaceId?: string | undefined;
};

/**
 * Runs one pass under `passId` and gives it back, whatever happens. Missing credentials are an error only when
 * something has to be done with them.
 */
export async function runPass(
  ctx: ActionCtx,
  passId: string,
  overrides: PassOverrides,
): Promise<PassReport & { errors: string[] }> {
  const errors: string[] = [];
  let spawned = 0;
  let terminated = 0;
  try {
    if (await ctx.runMutation(internal.scheduler.reserve.prepare, { passId })) {
      const setup: PassSetup = await ctx.runQuery(internal.scheduler.setup.load, {});
      const token = overrides.flyApiToken ?? setup.flyApiToken;
      const config = setup.providerConfig;
      const usable = config !== null && findProviderConfigProblem(config) === null;
      if (usable && token !== null) {
        const pass = passContext(config, token, setup, overrides);
        const apps = [...new Set([config.appName, ...setup.workerApps])];
        const observation = await observe(apps, pass, errors);
        await checkAddress(ctx, setup, pass.convexUrl, errors);
        const plan = await ctx.runMutation(internal.scheduler.reserve.commit, {
          passId,
          observation,
        });
        spawned = plan.spawned;
        terminated = (await runEffects(ctx, plan.effects, pass, errors)).terminated;
      } else if (usable) {
        errors.push(MISSING_TOKEN);
        if (await ctx.runQuery(internal.scheduler.setup.wantsMachines, {}))
          await ctx.runMutation(internal.scheduler.records.blockSpawns, {
            kind: "config",
            message: MISSING_TOKEN,
          });
      }
    }
  } catch (error) {
    errors.push(errorMessage(error));
    log("error", "pass_failed", { passId, error: errorMessage(error) });
  }
  const end = await ctx.runMutation(internal.scheduler.loop.finish, { passId, errors });
  if (errors.length > 0)
    log("warn", "pass_errors", { passId, first: errors[0], count: errors.length });
  return { activeWorkers: end.activeWorkers, spawned, terminated, errors };
}

export const MISSING_TOKEN =
  "Missing Fly API token. Import an active 'fly.apiToken' secret or pass flyApiToken explicitly.";
export const MISSING_URL =
  "Missing Convex URL. Import an active 'convex.url' secret or pass convexUrl explicitly.";

function passContext(
  config: ProviderConfig,
  token: string,
  setup: PassSetup,
  overrides: PassOverrides,
): PassContext {
  const providers = new Map<string, WorkerProvider>();
  return {
    deploymentId: setup.deploymentId,
    convexUrl: overrides.convexUrl ?? setup.convexUrl ?? "",
    workspaceId: overrides.workspaceId ?? "default",
    provider: (appName) => {
      const known = providers.get(appName);
      if (known !== undefined) return known;
      const made = providerFor(
        { kind: config.kind, appName },
        { token, ...(config.apiBaseUrl === undefined ? {} : { baseUrl: config.apiBaseUrl }) },
      );
      providers.set(appName, made);
      return made;
    },
  };
}

/**
 * Before machines are created: the address they would call must be known and mounted. If not, creating is blocked
 * with the sentence that says what to do; everything else of the pass, teardown above all, goes on.
 */
async function checkAddress(
  ctx: ActionCtx,
  setup: PassSetup,
  convexUrl: string,
  errors: string[],
): Promise<void> {
  if (!(await ctx.runQuery(internal.scheduler.setup.wantsMachines, {}))) return;
  const block = async (kind: string, message: string) => {
    errors.push(message);
    await ctx.runMutation(internal.scheduler.records.blockSpawns, { kind, message });
  };
  if (convexUrl === "") return await block("config", MISSING_URL);
  if (setup.transport === "direct") return;
  const url = healthUrlOf(convexUrl, setup.pathPrefix);
  const checked = setup.gatewayCheckedAt + GATEWAY_CHECK_TTL_MS > Date.now();
  if (checked && setup.gatewayCheckedUrl === url) return;
  const probe = await probeGateway(url);
  if (probe.kind === "missing") await block("gateway", probe.message);
  else if (probe.kind === "silent") log("warn", "gateway_silent", { detail: probe.message });
  else await ctx.runMutation(internal.scheduler.setup.gatewayAnswered, { url });
}

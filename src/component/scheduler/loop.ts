/**
 * The single pass. `begin` (woken by kit/wake) takes the pass's lease and starts `run`; a watchdog behind it
 * begins anew when an action died. Config and policy are read in the pass; nothing scheduled carries any.
 */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { internalAction, internalMutation, internalQuery } from "../kit/functions.js";
import type { Doc, MutationCtx } from "../kit/functions.js";
import { randomBase36 } from "../kit/random.js";
import {
  cancelWake,
  decideWake,
  isPassRunning,
  loadSchedulerState,
  PASS_LEASE_MS,
  requestPass,
  scheduleWake,
} from "../kit/wake.js";
import { nextGateOpening } from "../providers/ops.js";
import { loadApps, nextFormerLookAt } from "./apps.js";
import { appsInUse, countMachines, type Demand } from "./facts.js";
import { countLeaks } from "./leaks.js";
import { runPass } from "./pass.js";
import { nextWakeAt } from "./wakeups.js";
import { readSchedulerState } from "./reading.js";
import { loadWorld } from "./world.js";

const MAX_STORED_ERRORS = 20;
const WATCHDOG_SLACK_MS = 1_000;

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

/** Whether a pass comes by `at` without anybody's asking: one is under way, or scheduled. For `requestPassApart`. */
export const isComing = internalQuery({
  args: { at: v.number(), now: v.number() },
  returns: v.boolean(),
  handler: async (ctx, { at, now }) => {
    const state = await readSchedulerState(ctx);
    if (state === null) return false;
    return isPassRunning(state, now) || decideWake(state, at, now).kind === "keep";
  },
});

/** Gives the pass back and schedules the next wake-up, the one wished for meanwhile included. */
export const finish = internalMutation({
  args: { passId: v.string(), errors: v.array(v.string()) },
  returns: v.object({ activeWorkers: v.number(), nextWakeAt: v.union(v.null(), v.number()) }),
  handler: async (ctx, args) => {
    const now = Date.now();
    const state = await loadSchedulerState(ctx);
    const { world, policy, spawnBlock } = await loadWorld(ctx, state, null, now);
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
        demand: world.demand.filter((one) => !one.overBudget).length,
        budgetResetsAt: earliestReset(world.demand),
        blocked: spawnBlocked
          ? "spawn_block"
          : countMachines(world.workers) >= policy.scaling.maxWorkers
            ? "cap"
            : null,
        spawnNotBefore: spawnBlock?.until ?? null,
        gateOpensAt: await nextGateOpening(ctx, now),
        nextWaitingAt: await earliest(ctx, "waiting"),
        nextLeaseExpiryAt: await earliest(ctx, "leased"),
        orphansWatched: await countLeaks(
          ctx,
          ({ appName }) =>
            (state.appsListedAt?.[appName ?? ""] ?? 0) >= (state.passStartedAt ?? now),
        ),
        nextFormerLookAt: await nextFormerLookAt(ctx, appsInUse(world)),
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

/** When the first conversation that waits for a budget may go on. */
function earliestReset(demand: readonly Demand[]): number | null {
  const resets = demand.flatMap((one) => (one.overBudget ? [one.overBudget.resetsAt] : []));
  return resets.length === 0 ? null : Math.min(...resets);
}

async function earliest(ctx: MutationCtx, state: "waiting" | "leased"): Promise<number | null> {
  const first = await ctx.db
    .query("conversations")
    .withIndex("by_state_and_readyAt", (q) => q.eq("state", state))
    .first();
  return first?.readyAt ?? null;
}

export const run = internalAction({
  args: { passId: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    await runPass(ctx, args.passId, {});
    return null;
  },
});

/** Hourly: what leaked after the last pass (a creation that took effect late, a list that was wrong) is found by another one. */
export const patrol = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const now = Date.now();
    if ((await loadApps(ctx)).length > 0) await requestPass(ctx, now, now);
    return null;
  },
});

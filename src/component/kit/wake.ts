/**
 * The one wake-up of the scheduler. Everything that will need attention at some time calls `requestPass`;
 * it only ever moves the wake-up earlier, so a burst of calls costs one scheduled function.
 */
import { MINUTE_MS, SECOND_MS } from "../../shared/time.js";
import { internal } from "../_generated/api.js";
import type { Doc, MutationCtx } from "./functions.js";

/** Passes start at least this far apart: the provider allows one list call per second and app. */
export const MIN_PASS_INTERVAL_MS = SECOND_MS;
/** A pass older than this is taken for crashed; effects are bounded well below it. */
export const PASS_LEASE_MS = 5 * MINUTE_MS;
/** A wake-up this overdue was lost with its scheduled function; a new one is scheduled. */
const WAKE_LOST_MS = 2 * MINUTE_MS;

export const SCHEDULER_KEY = "main";

type WakeState = Pick<Doc<"schedulerState">, "passId" | "passStartedAt" | "wakeAt" | "lastPassAt">;

export type WakeDecision =
  /** An earlier or equal wake-up stands. */
  | { kind: "keep" }
  /** A pass is running; its end schedules the wake-up. */
  | { kind: "remember"; wakeAt: number }
  | { kind: "schedule"; wakeAt: number };

/** What a wish to be woken at `at` means for the wake-up that stands. */
export function decideWake(state: WakeState, at: number, now: number): WakeDecision {
  const running = isPassRunning(state, now);
  const lastStart = running ? state.passStartedAt : state.lastPassAt;
  const earliest = lastStart === undefined ? now : lastStart + MIN_PASS_INTERVAL_MS;
  const wakeAt = Math.max(at, now, earliest);
  const lost = !running && state.wakeAt !== undefined && state.wakeAt + WAKE_LOST_MS < now;
  if (state.wakeAt !== undefined && state.wakeAt <= wakeAt && !lost) return { kind: "keep" };
  return { kind: running ? "remember" : "schedule", wakeAt };
}

export function isPassRunning(state: WakeState, now: number): boolean {
  return (
    state.passId !== undefined &&
    state.passStartedAt !== undefined &&
    state.passStartedAt + PASS_LEASE_MS > now
  );
}

/** A cleanup takes the machines down: none is created. */
export function isCleanupRunning(
  state: Pick<Doc<"schedulerState">, "cleanupUntil"> | null,
  now: number,
): boolean {
  return (state?.cleanupUntil ?? 0) > now;
}

/** The scheduler's row; created on first use. */
export async function loadSchedulerState(ctx: MutationCtx): Promise<Doc<"schedulerState">> {
  const row = await ctx.db
    .query("schedulerState")
    .withIndex("by_key", (q) => q.eq("key", SCHEDULER_KEY))
    .unique();
  if (row !== null) return row;
  const id = await ctx.db.insert("schedulerState", {
    key: SCHEDULER_KEY,
    deploymentId: crypto.randomUUID(),
    passCount: 0,
  });
  const created = await ctx.db.get("schedulerState", id);
  if (created === null) throw new Error("schedulerState was not created");
  return created;
}

/** Asks for a pass at `at` (epoch ms, by the clock of `now`). A no-op when one comes no later. */
export async function requestPass(ctx: MutationCtx, at: number, now: number): Promise<void> {
  const state = await loadSchedulerState(ctx);
  const decision = decideWake(state, at, now);
  if (decision.kind === "keep") return;
  if (decision.kind === "remember") {
    await ctx.db.patch("schedulerState", state._id, { wakeAt: decision.wakeAt });
    return;
  }
  await scheduleWake(ctx, state, decision.wakeAt, now);
}

/**
 * As `requestPass`, for calls that many workers make at once: it looks at a stale snapshot first, so that they meet neither
 * each other nor the pass under way. What was not seen there costs no more than time: the end of a pass looks at all
 * leases itself, and while a worker lives the next pass is never far.
 */
export async function requestPassApart(ctx: MutationCtx, at: number, now: number): Promise<void> {
  const stands: boolean = await ctx.runQuery(
    internal.scheduler.loop.isComing,
    { at, now },
    { useStaleSnapshot: true },
  );
  if (!stands) await requestPass(ctx, at, now);
}

/**
 * Cancels the standing wake-up. Not the one that is running this very transaction: its job ends by itself, and
 * cancelling it would take it for failed.
 */
export async function cancelWake(
  ctx: MutationCtx,
  state: Pick<Doc<"schedulerState">, "wakeFunctionId">,
): Promise<void> {
  if (state.wakeFunctionId === undefined) return;
  const job = await ctx.db.system.get("_scheduled_functions", state.wakeFunctionId);
  if (job?.state.kind === "pending") await ctx.scheduler.cancel(state.wakeFunctionId);
}

/** Replaces the standing wake-up by one at `wakeAt`. */
export async function scheduleWake(
  ctx: MutationCtx,
  state: Doc<"schedulerState">,
  wakeAt: number,
  now: number,
): Promise<void> {
  await cancelWake(ctx, state);
  const wakeFunctionId = await ctx.scheduler.runAfter(
    Math.max(0, wakeAt - now),
    internal.scheduler.loop.begin,
    {},
  );
  await ctx.db.patch("schedulerState", state._id, { wakeAt, wakeFunctionId });
}

/**
 * Something that kept machines from being created may have been mended (config, secret, an operator's call):
 * forgets the back-off and asks for a pass.
 */
export async function retrySpawning(ctx: MutationCtx, now: number): Promise<void> {
  const state = await loadSchedulerState(ctx);
  if (state.spawnNotBefore !== undefined || state.gatewayCheckedUrl !== undefined)
    await ctx.db.patch("schedulerState", state._id, {
      spawnNotBefore: undefined,
      spawnBlock: undefined,
      spawnFailures: undefined,
      bootFailures: undefined,
      gatewayCheckedUrl: undefined,
    });
  await requestPass(ctx, now, now);
}

/**
 * The one wake-up of the dispatcher: a job that gets a next run asks for it, and it only ever moves earlier. So
 * `HH:mm` means that minute without a cron, and a burst of edits costs one scheduled function.
 */
import { MINUTE_MS } from "../../shared/time.js";
import { internal } from "../_generated/api.js";
import type { Doc, MutationCtx } from "../kit/functions.js";
import { MAX_WAKE_AHEAD_MS } from "./validators.js";

const PUSH_KEY = "main";
/** A wake-up this overdue was lost with its scheduled function. */
const WAKE_LOST_MS = 2 * MINUTE_MS;

/** Asks for a dispatch at `at`. A no-op when one comes no later. */
export async function requestDispatch(ctx: MutationCtx, at: number, now: number): Promise<void> {
  const state = await loadPushState(ctx);
  const wakeAt = Math.min(Math.max(at, now), now + MAX_WAKE_AHEAD_MS);
  const lost = state.wakeAt !== undefined && state.wakeAt + WAKE_LOST_MS < now;
  if (state.wakeAt !== undefined && state.wakeAt <= wakeAt && !lost) return;
  await setWake(ctx, state, wakeAt, now);
}

/**
 * Replaces the wake-up that stands (it may be the one running now) by one for the next due job; none without jobs.
 * `nowMs` goes along to a continuation, for callers that brought their own clock.
 */
export async function rearm(
  ctx: MutationCtx,
  dueAt: number | null,
  now: number,
  nowMs?: number,
): Promise<void> {
  const state = await loadPushState(ctx);
  if (dueAt === null) {
    await cancel(ctx, state);
    if (state.wakeAt !== undefined)
      await ctx.db.patch("pushState", state._id, { wakeAt: undefined, wakeFunctionId: undefined });
    return;
  }
  const wakeAt = Math.min(Math.max(dueAt, now), now + MAX_WAKE_AHEAD_MS);
  await setWake(ctx, state, wakeAt, now, dueAt <= now ? nowMs : undefined);
}

async function setWake(
  ctx: MutationCtx,
  state: Doc<"pushState">,
  wakeAt: number,
  now: number,
  nowMs?: number,
): Promise<void> {
  await cancel(ctx, state);
  const wakeFunctionId = await ctx.scheduler.runAfter(
    Math.max(0, wakeAt - now),
    internal.push.dispatcher.run,
    nowMs === undefined ? {} : { nowMs },
  );
  await ctx.db.patch("pushState", state._id, { wakeAt, wakeFunctionId });
}

/** Not the one that runs this very transaction: it ends by itself. */
async function cancel(ctx: MutationCtx, state: Doc<"pushState">): Promise<void> {
  if (state.wakeFunctionId === undefined) return;
  const job = await ctx.db.system.get("_scheduled_functions", state.wakeFunctionId);
  if (job?.state.kind === "pending") await ctx.scheduler.cancel(state.wakeFunctionId);
}

async function loadPushState(ctx: MutationCtx): Promise<Doc<"pushState">> {
  const row = await ctx.db
    .query("pushState")
    .withIndex("by_key", (q) => q.eq("key", PUSH_KEY))
    .unique();
  if (row !== null) return row;
  const id = await ctx.db.insert("pushState", { key: PUSH_KEY });
  const created = await ctx.db.get("pushState", id);
  if (created === null) throw new Error("pushState was not created");
  return created;
}

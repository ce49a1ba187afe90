/** Writing the trail, folding it into counters, reading both. */
import { v } from "convex/values";
import { redact } from "../../shared/redact.js";
import { internal } from "../_generated/api.js";
import { internalMutation, type Doc, type MutationCtx, type QueryCtx } from "../kit/functions.js";
import type { MessageStatus } from "../queue/validators.js";
import type { MachineEventKind, MessageEventKind } from "./validators.js";

/** Events folded per transaction: two writes each, far below 16,000. */
export const FOLD_BATCH_SIZE = 500;
/**
 * The fold stays this far behind: a range that reaches the present would conflict with everybody who writes an
 * event.
 */
const FOLD_LAG_MS = 5_000;
/** Of the counted events, how many begin a fold: passes fold too, but a busy queue may do without passes. */
const FOLD_SHARE = 1 / 100;
/** Unfolded events that queueStats adds to the counters: exact unless the fold is further behind. */
const STATS_TAIL_LIMIT = 1_000;
/** Events shown for one message or worker. */
const TRAIL_LIMIT = 200;
const MAX_DETAIL_LENGTH = 500;

export type MessageEvent = {
  messageId: string;
  conversationId: string;
  kind: MessageEventKind;
  at: number;
  workerId?: string | undefined;
  detail?: string | undefined;
  /** The status the message left (absent for a new one) and entered: the counters follow. */
  from?: MessageStatus;
  to?: MessageStatus;
};

export async function recordMessageEvent(ctx: MutationCtx, event: MessageEvent): Promise<void> {
  const { workerId, detail, from, to, ...rest } = event;
  const counts = from !== undefined || to !== undefined;
  await ctx.db.insert("messageEvents", {
    ...rest,
    ...(workerId === undefined ? {} : { workerId }),
    ...(detail === undefined ? {} : { detail: redact(detail, MAX_DETAIL_LENGTH) }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    // Nothing to count: born folded, so that the fold never looks at it.
    ...(counts ? {} : { folded: true }),
  });
  if (counts && Math.random() < FOLD_SHARE)
    await ctx.scheduler.runAfter(FOLD_LAG_MS, internal.trail.ops.fold, {});
}

export async function recordMachineEvent(
  ctx: MutationCtx,
  event: {
    workerId: string;
    kind: MachineEventKind;
    at: number;
    machineId?: string | undefined;
    detail?: string | undefined;
  },
): Promise<void> {
  const { machineId, detail, ...rest } = event;
  await ctx.db.insert("machineEvents", {
    ...rest,
    ...(machineId === undefined ? {} : { machineId }),
    ...(detail === undefined ? {} : { detail: redact(detail, MAX_DETAIL_LENGTH) }),
  });
}

export async function listMessageEvents(
  ctx: QueryCtx,
  messageId: string,
): Promise<Doc<"messageEvents">[]> {
  return await ctx.db
    .query("messageEvents")
    .withIndex("by_messageId", (q) => q.eq("messageId", messageId))
    .take(TRAIL_LIMIT);
}

export async function listMachineEvents(
  ctx: QueryCtx,
  workerId: string,
): Promise<Doc<"machineEvents">[]> {
  return await ctx.db
    .query("machineEvents")
    .withIndex("by_workerId", (q) => q.eq("workerId", workerId))
    .take(TRAIL_LIMIT);
}

/** Net change per status of these events. Pure. */
export function sumDeltas(
  events: readonly { from?: MessageStatus; to?: MessageStatus }[],
): Map<MessageStatus, number> {
  const deltas = new Map<MessageStatus, number>();
  for (const event of events) {
    if (event.from !== undefined) deltas.set(event.from, (deltas.get(event.from) ?? 0) - 1);
    if (event.to !== undefined) deltas.set(event.to, (deltas.get(event.to) ?? 0) + 1);
  }
  return deltas;
}

/** Folds what waits, batch by batch. */
export const fold = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    if (await foldCounters(ctx)) await ctx.scheduler.runAfter(0, internal.trail.ops.fold, {});
    return null;
  },
});

/** Folds one batch of events into the counters; true when more may wait. */
export async function foldCounters(ctx: MutationCtx, now: number = Date.now()): Promise<boolean> {
  const events = await ctx.db
    .query("messageEvents")
    .withIndex("by_folded_and_at", (q) => q.eq("folded", undefined).lte("at", now - FOLD_LAG_MS))
    .take(FOLD_BATCH_SIZE);
  for (const [status, delta] of sumDeltas(events)) {
    const row = await ctx.db
      .query("queueCounters")
      .withIndex("by_status", (q) => q.eq("status", status))
      .unique();
    if (row === null) await ctx.db.insert("queueCounters", { status, count: delta });
    else await ctx.db.patch("queueCounters", row._id, { count: row.count + delta });
  }
  for (const event of events) await ctx.db.patch("messageEvents", event._id, { folded: true });
  return events.length === FOLD_BATCH_SIZE;
}

/** Messages per status: the counters plus what was not folded yet. */
export async function readCounts(ctx: QueryCtx): Promise<Map<MessageStatus, number>> {
  const rows = await ctx.db.query("queueCounters").take(16);
  const tail = await ctx.db
    .query("messageEvents")
    .withIndex("by_folded_and_at", (q) => q.eq("folded", undefined))
    .take(STATS_TAIL_LIMIT);
  const counts = sumDeltas(tail);
  for (const row of rows) counts.set(row.status, (counts.get(row.status) ?? 0) + row.count);
  return counts;
}

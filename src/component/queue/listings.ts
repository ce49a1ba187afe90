/** Bounded read views of the queue. */
import type { QueryCtx } from "../kit/functions.js";
import { readCounts } from "../trail/ops.js";
import { takeReadable, type Message } from "./store.js";
import type { ConversationState } from "../conversations/validators.js";
import {
  MAX_LIST_LIMIT,
  type ConversationSummary,
  type MessageStatus,
  type QueueItemView,
} from "./validators.js";

const DEFAULT_LIST_LIMIT = 100;
/** Messages that are not due, of either kind, which queueStats subtracts; beyond it the number is an upper bound. */
const NOT_READY_SCAN_LIMIT = 250;

export function clampLimit(limit: number | undefined, max: number = MAX_LIST_LIMIT): number {
  if (limit === undefined || !Number.isFinite(limit)) return Math.min(DEFAULT_LIST_LIMIT, max);
  return Math.min(max, Math.max(1, Math.floor(limit)));
}

export function summarise(message: Message) {
  return {
    _id: message._id,
    _creationTime: message._creationTime,
    conversationId: message.conversationId,
    agentKey: message.agentKey,
    status: message.status,
    priority: message.priority,
    scheduledFor: message.scheduledFor,
    attempts: message.attempts,
    maxAttempts: message.maxAttempts,
  };
}

export function toQueueItem(message: Message): QueueItemView {
  const { lastError = null, payload } = message;
  return { ...summarise(message), lastError, payload };
}

/**
 * Newest scheduledFor first; fewer than `limit` when they are large. With `statuses` only those, so that the limit
 * counts what was asked for.
 */
export async function listForConversation(
  ctx: QueryCtx,
  conversationId: string,
  limit: number | undefined,
  statuses?: readonly MessageStatus[],
): Promise<QueueItemView[]> {
  const count = clampLimit(limit);
  if (statuses === undefined) {
    const messages = ctx.db
      .query("messageQueue")
      .withIndex("by_conversationId_and_scheduledFor", (q) =>
        q.eq("conversationId", conversationId),
      )
      .order("desc");
    return (await takeReadable(messages, count)).map(toQueueItem);
  }
  const newest = [...new Set(statuses)].map((status) =>
    ctx.db
      .query("messageQueue")
      .withIndex("by_conversationId_and_status_and_scheduledFor", (q) =>
        q.eq("conversationId", conversationId).eq("status", status),
      )
      .order("desc"),
  );
  const merged = mergedStream(newest, (a, b) => isNewer(a, b));
  return (await takeReadable(merged, count)).map(toQueueItem);
}

function isNewer(a: Message, b: Message): boolean {
  return (
    a.scheduledFor > b.scheduledFor ||
    (a.scheduledFor === b.scheduledFor && a._creationTime > b._creationTime)
  );
}

/** Several ordered streams as one; reads one row of each ahead. */
async function* mergedStream(
  streams: readonly AsyncIterable<Message>[],
  isBefore: (a: Message, b: Message) => boolean,
): AsyncIterable<Message> {
  const heads = [];
  for (const stream of streams) {
    const rows = stream[Symbol.asyncIterator]();
    heads.push({ rows, next: await rows.next() });
  }
  for (;;) {
    let best: (typeof heads)[number] | undefined;
    for (const head of heads)
      if (
        head.next.done !== true &&
        (best?.next.done !== false || isBefore(head.next.value, best.next.value))
      )
        best = head;
    if (best?.next.done !== false) return;
    yield best.next.value;
    best.next = await best.rows.next();
  }
}

export async function listByStatus(
  ctx: QueryCtx,
  status: MessageStatus,
  limit: number | undefined,
): Promise<Message[]> {
  const messages = ctx.db
    .query("messageQueue")
    .withIndex("by_status_and_scheduledFor", (q) => q.eq("status", status));
  return await takeReadable(messages, clampLimit(limit));
}

/** Messages of a conversation in one status, counted up to `limit`. */
export async function countOfStatus(
  ctx: QueryCtx,
  conversationId: string,
  status: MessageStatus,
  limit: number,
): Promise<number> {
  const messages = ctx.db
    .query("messageQueue")
    .withIndex("by_conversationId_and_status", (q) =>
      q.eq("conversationId", conversationId).eq("status", status),
    );
  return (await takeReadable(messages, limit)).length;
}

export async function hasQueued(ctx: QueryCtx, conversationId: string): Promise<boolean> {
  const first = await ctx.db
    .query("messageQueue")
    .withIndex("by_conversationId_and_status", (q) =>
      q.eq("conversationId", conversationId).eq("status", "queued"),
    )
    .first();
  return first !== null;
}

export type QueueStats = { queuedReady: number; processing: number; deadLetter: number };

/** Counts from the folded counters; messages scheduled for later or in back-off are not ready. */
export async function queueCounts(ctx: QueryCtx, now: number): Promise<QueueStats> {
  const counts = await readCounts(ctx);
  const later = ctx.db
    .query("messageQueue")
    .withIndex("by_status_and_scheduledFor", (q) =>
      q.eq("status", "queued").gt("scheduledFor", now),
    );
  const backingOff = ctx.db
    .query("messageQueue")
    .withIndex("by_status_and_nextRetryAt", (q) => q.eq("status", "queued").gt("nextRetryAt", now));
  const notReady = new Set(
    [
      ...(await takeReadable(later, NOT_READY_SCAN_LIMIT)),
      ...(await takeReadable(backingOff, NOT_READY_SCAN_LIMIT)),
    ].map((message) => message._id),
  );
  return {
    queuedReady: Math.max(0, (counts.get("queued") ?? 0) - notReady.size),
    processing: Math.max(0, counts.get("processing") ?? 0),
    deadLetter: Math.max(0, counts.get("dead_letter") ?? 0),
  };
}

/** Those that change first at the top; rows of 3.x have no state until they are first touched. */
export async function listConversationsByState(
  ctx: QueryCtx,
  state: ConversationState,
  limit: number,
): Promise<ConversationSummary[]> {
  const rows = await ctx.db
    .query("conversations")
    .withIndex("by_state_and_readyAt", (q) => q.eq("state", state))
    .take(limit);
  return rows.map((row) => ({
    conversationId: row.conversationId,
    agentKey: row.agentKey,
    state,
    queuedCount: row.queuedCount ?? 0,
    readyAt: row.readyAt ?? null,
    workerId: row.ownerWorkerId ?? null,
    pauseReason: row.pauseReason ?? null,
  }));
}

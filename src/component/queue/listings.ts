/** Bounded read views of the queue. */
import type { Doc, QueryCtx } from "../kit/functions.js";
import { readCounts } from "../trail/ops.js";
import type { Message } from "./store.js";
import { MAX_LIST_LIMIT, type MessageStatus, type QueueItemView } from "./validators.js";

const DEFAULT_LIST_LIMIT = 100;
/** Messages scheduled for later that queueStats subtracts exactly; beyond it the number is an upper bound. */
const FUTURE_SCAN_LIMIT = 500;

export function clampLimit(limit: number | undefined, max: number = MAX_LIST_LIMIT): number {
  if (limit === undefined || !Number.isFinite(limit)) return Math.min(DEFAULT_LIST_LIMIT, max);
  return Math.min(max, Math.max(1, Math.floor(limit)));
}

export function toQueueItem(message: Message): QueueItemView {
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
    lastError: message.lastError ?? null,
    payload: message.payload,
  };
}

/** Newest scheduledFor first; with `statuses` only those, so that the limit counts what was asked for. */
export async function listForConversation(
  ctx: QueryCtx,
  conversationId: string,
  limit: number | undefined,
  statuses?: readonly MessageStatus[],
): Promise<QueueItemView[]> {
  const count = clampLimit(limit);
  const messages =
    statuses === undefined
      ? await ctx.db
          .query("messageQueue")
          .withIndex("by_conversationId_and_scheduledFor", (q) =>
            q.eq("conversationId", conversationId),
          )
          .order("desc")
          .take(count)
      : await newestOfStatuses(ctx, conversationId, [...new Set(statuses)], count);
  return messages.map(toQueueItem);
}

async function newestOfStatuses(
  ctx: QueryCtx,
  conversationId: string,
  statuses: readonly MessageStatus[],
  limit: number,
): Promise<Message[]> {
  const found: Message[] = [];
  for (const status of statuses)
    found.push(
      ...(await ctx.db
        .query("messageQueue")
        .withIndex("by_conversationId_and_status_and_scheduledFor", (q) =>
          q.eq("conversationId", conversationId).eq("status", status),
        )
        .order("desc")
        .take(limit)),
    );
  return found
    .sort((a, b) => b.scheduledFor - a.scheduledFor || b._creationTime - a._creationTime)
    .slice(0, limit);
}

export async function listByStatus(
  ctx: QueryCtx,
  status: MessageStatus,
  limit: number | undefined,
): Promise<Message[]> {
  return await ctx.db
    .query("messageQueue")
    .withIndex("by_status_and_scheduledFor", (q) => q.eq("status", status))
    .take(clampLimit(limit));
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

/** Counts from the folded counters; messages scheduled for later are not ready. */
export async function queueCounts(ctx: QueryCtx, now: number): Promise<QueueStats> {
  const counts = await readCounts(ctx);
  const future: Doc<"messageQueue">[] = await ctx.db
    .query("messageQueue")
    .withIndex("by_status_and_scheduledFor", (q) =>
      q.eq("status", "queued").gt("scheduledFor", now),
    )
    .take(FUTURE_SCAN_LIMIT);
  return {
    queuedReady: Math.max(0, (counts.get("queued") ?? 0) - future.length),
    processing: Math.max(0, counts.get("processing") ?? 0),
    deadLetter: Math.max(0, counts.get("dead_letter") ?? 0),
  };
}

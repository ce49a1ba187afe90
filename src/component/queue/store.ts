/** Reads and writes of the queue: every write of a message is paired with its conversation row here. */
import type { Doc, Id, MutationCtx, Patch, QueryCtx } from "../kit/functions.js";
import type { Conversation } from "../conversations/ops.js";
import type { ConversationState } from "../conversations/validators.js";
import { outlook, type Head } from "./machine.js";
import { rankAt, slotOf } from "./order.js";

export type Message = Doc<"messageQueue">;

/** Waiting messages counted when a row of 3.x is taken over; beyond it the count is a lower bound. */
const ADOPTION_COUNT_LIMIT = 500;

/** The next message of a conversation: the earliest by (scheduledFor, arrival). */
export async function findHead(ctx: QueryCtx, conversationId: string): Promise<Message | null> {
  return await ctx.db
    .query("messageQueue")
    .withIndex("by_conversationId_and_status_and_scheduledFor", (q) =>
      q.eq("conversationId", conversationId).eq("status", "queued"),
    )
    .first();
}

async function findTopPriority(ctx: QueryCtx, conversationId: string): Promise<number> {
  const top = await ctx.db
    .query("messageQueue")
    .withIndex("by_conversationId_and_status_and_priority", (q) =>
      q.eq("conversationId", conversationId).eq("status", "queued"),
    )
    .order("desc")
    .first();
  return top?.priority ?? 0;
}

export function toHead(message: Message): Head {
  return {
    messageId: message._id,
    scheduledFor: message.scheduledFor,
    nextRetryAt: message.nextRetryAt,
  };
}

export type ConversationChanges = Patch<
  Pick<
    Conversation,
    "processingLock" | "ownerWorkerId" | "generation" | "pausedAt" | "pauseReason" | "blockedReason"
  >
>;

/**
 * Writes what the conversation is waiting for after one of its messages changed: reads the new head (and the
 * highest priority when more than one waits), then patches the row once, `changes` included.
 */
export async function settle(
  ctx: MutationCtx,
  conversation: Conversation,
  queuedDelta: number,
  changes: ConversationChanges,
  now: number,
): Promise<{ state: ConversationState; readyAt: number | undefined }> {
  const queuedCount = Math.max(0, (conversation.queuedCount ?? 0) + queuedDelta);
  const head = await findHead(ctx, conversation.conversationId);
  const priority =
    head === null
      ? 0
      : queuedCount <= 1
        ? head.priority
        : await findTopPriority(ctx, conversation.conversationId);
  const next = { ...conversation, ...changes };
  const view = outlook(
    {
      head: head === null ? null : toHead(head),
      priority,
      leaseExpiresAt: next.processingLock?.leaseExpiresAt ?? null,
      paused: next.pausedAt !== undefined,
      blocked: next.blockedReason !== undefined,
    },
    now,
  );
  await ctx.db.patch("conversations", conversation._id, {
    ...changes,
    ...view,
    queuedCount,
    priority,
    slot: conversation.slot ?? slotOf(conversation.conversationId),
    headMessageId: next.processingLock?.claimedMessageId ?? head?._id,
    headScheduledFor: head?.scheduledFor,
  });
  return { state: view.state, readyAt: view.readyAt };
}

/** Takes over a row that 3.x wrote: computes its state from its messages and lock. A no-op on rows of ours. */
export async function adopt(
  ctx: MutationCtx,
  conversation: Conversation,
  now: number,
): Promise<Conversation> {
  if (conversation.state !== undefined) return conversation;
  const waiting = await ctx.db
    .query("messageQueue")
    .withIndex("by_conversationId_and_status", (q) =>
      q.eq("conversationId", conversation.conversationId).eq("status", "queued"),
    )
    .take(ADOPTION_COUNT_LIMIT);
  await settle(ctx, { ...conversation, queuedCount: 0 }, waiting.length, {}, now);
  return (await ctx.db.get("conversations", conversation._id)) ?? conversation;
}

/** The row of a conversation whose newest waiting message is `message`, without reading its other messages. */
export function withArrival(
  conversation: Conversation,
  message: { _id: Id<"messageQueue">; scheduledFor: number; priority: number },
  now: number,
): Patch<Omit<Conversation, "_id" | "_creationTime">> {
  const waiting = conversation.queuedCount ?? 0;
  const priority =
    waiting === 0 ? message.priority : Math.max(conversation.priority ?? 0, message.priority);
  const counted = { queuedCount: waiting + 1, priority };
  const headless = waiting === 0 || conversation.headScheduledFor === undefined;
  if (conversation.processingLock !== undefined)
    return {
      ...counted,
      headScheduledFor: headless
        ? message.scheduledFor
        : Math.min(conversation.headScheduledFor ?? message.scheduledFor, message.scheduledFor),
    };
  if (!headless && (conversation.headScheduledFor ?? 0) <= message.scheduledFor) {
    // Behind the head: only the rank can change, by a higher priority.
    const readyAt = conversation.readyAt;
    return readyAt === undefined ? counted : { ...counted, rankAt: rankAt(readyAt, priority) };
  }
  const view = outlook(
    {
      head: { messageId: message._id, scheduledFor: message.scheduledFor },
      priority,
      leaseExpiresAt: null,
      paused: conversation.pausedAt !== undefined,
      blocked: conversation.blockedReason !== undefined,
    },
    now,
  );
  return {
    ...counted,
    ...view,
    headMessageId: message._id,
    headScheduledFor: message.scheduledFor,
  };
}

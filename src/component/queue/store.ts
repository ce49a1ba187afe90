/** Reads and writes of the queue: every write of a message is paired with its conversation row here. */
import type { Doc, Id, MutationCtx, Patch, QueryCtx } from "../kit/functions.js";
import { requestPass } from "../kit/wake.js";
import type { Conversation } from "../conversations/ops.js";
import type { ConversationState } from "../conversations/validators.js";
import { adoptionOf } from "./adoption.js";
import { outlook, type Head } from "./machine.js";
import { rankAt, slotOf } from "./order.js";
import type { MessageStatus } from "./validators.js";

export type Message = Doc<"messageQueue">;

/** Waiting messages counted when a row of 3.x is taken over; beyond it the count is a lower bound. */
const ADOPTION_COUNT_LIMIT = 500;
/** Of payloads in one read: a transaction may read and return 16 MiB, and a character may be three bytes. */
const MAX_READ_CHARACTERS = 4 * 1024 * 1024;

/** The next message of a conversation: the earliest by (scheduledFor, arrival). */
export async function findHead(ctx: QueryCtx, conversationId: string): Promise<Message | null> {
  return await ctx.db
    .query("messageQueue")
    .withIndex("by_conversationId_and_status_and_scheduledFor", (q) =>
      q.eq("conversationId", conversationId).eq("status", "queued"),
    )
    .first();
}

/** The first rows, up to `limit` of them or what one transaction can well read and return; at least one. */
export async function takeReadable(
  rows: AsyncIterable<Message>,
  limit: number,
): Promise<Message[]> {
  const taken: Message[] = [];
  let length = 0;
  for await (const row of rows) {
    taken.push(row);
    length += JSON.stringify(row.payload).length;
    if (taken.length >= limit || length >= MAX_READ_CHARACTERS) break;
  }
  return taken;
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
    | "lastArrivalAt"
    | "processingLock"
    | "ownerWorkerId"
    | "generation"
    | "pausedAt"
    | "pauseReason"
    | "blockedReason"
  >
>;

/**
 * Writes what the conversation is waiting for after one of its messages changed: reads the new head (and the
 * highest priority when more than one waits), then patches the row once, `changes` included. A row of 3.x is
 * taken over: its messages are counted as they are now, `queuedDelta` included (see queue/adoption for the rest).
 */
export async function settle(
  ctx: MutationCtx,
  conversation: Conversation,
  queuedDelta: number,
  changes: ConversationChanges,
  now: number,
): Promise<{ state: ConversationState; readyAt: number | undefined }> {
  const head = await findHead(ctx, conversation.conversationId);
  const queuedCount = await countQueued(ctx, conversation, queuedDelta, head);
  const priority =
    head === null
      ? 0
      : queuedCount <= 1
        ? head.priority
        : await findTopPriority(ctx, conversation.conversationId);
  const adoption = await adoptionOf(ctx, conversation);
  const next = { ...conversation, ...adoption, ...changes };
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
    ...adoption,
    ...changes,
    ...view,
    // Only what is in state `blocked` is unblocked; anything else is looked at again by the next claim.
    blockedReason: view.state === "blocked" ? next.blockedReason : undefined,
    queuedCount,
    priority,
    slot: conversation.slot ?? slotOf(conversation.conversationId),
    headMessageId: next.processingLock?.claimedMessageId ?? head?._id,
    headScheduledFor: head?.scheduledFor,
  });
  return { state: view.state, readyAt: view.readyAt };
}

/** Wakes the scheduler for a conversation that is or becomes ready. */
export async function wakeFor(
  ctx: MutationCtx,
  { state, readyAt }: { state: ConversationState; readyAt: number | undefined },
  now: number,
): Promise<void> {
  if (readyAt !== undefined && (state === "ready" || state === "waiting"))
    await requestPass(ctx, Math.max(now, readyAt), now);
}

/** A count that began as a lower bound never says that nothing waits while something does. */
async function countQueued(
  ctx: MutationCtx,
  conversation: Conversation,
  queuedDelta: number,
  head: Message | null,
): Promise<number> {
  if (head === null) return 0;
  if (conversation.state !== undefined)
    return Math.max(1, (conversation.queuedCount ?? 0) + queuedDelta);
  const waiting = await ctx.db
    .query("messageQueue")
    .withIndex("by_conversationId_and_status", (q) =>
      q.eq("conversationId", conversation.conversationId).eq("status", "queued"),
    )
    .take(ADOPTION_COUNT_LIMIT);
  return waiting.length;
}

/** Takes over a row that 3.x wrote: computes its state from its messages and lock. A no-op on rows of ours. */
export async function adopt(
  ctx: MutationCtx,
  conversation: Conversation,
  now: number,
): Promise<Conversation> {
  if (conversation.state !== undefined) return conversation;
  await settle(ctx, conversation, 0, {}, now);
  return (await ctx.db.get("conversations", conversation._id)) ?? conversation;
}

/** The row of a conversation whose newest waiting message is `message`, without reading its other messages. */
export function withArrival(
  conversation: Conversation,
  message: {
    _id: Id<"messageQueue">;
    scheduledFor: number;
    priority: number;
    nextRetryAt?: number | undefined;
  },
  now: number,
): Patch<Omit<Conversation, "_id" | "_creationTime">> {
  const { headScheduledFor } = conversation;
  const waiting = conversation.queuedCount ?? 0;
  const alone = headScheduledFor === undefined || waiting === 0;
  const priority = alone
    ? message.priority
    : Math.max(conversation.priority ?? 0, message.priority);
  const counted = { queuedCount: waiting + 1, priority };
  // While one is leased, the head is worked out when the lease ends.
  if (conversation.processingLock !== undefined)
    return {
      ...counted,
      headScheduledFor: alone
        ? message.scheduledFor
        : Math.min(headScheduledFor, message.scheduledFor),
    };
  const { readyAt } = conversation;
  if (!alone && headScheduledFor <= message.scheduledFor && readyAt !== undefined) {
    // Behind the head: only the rank can change, by a higher priority. The head may have become due.
    const due = conversation.state === "waiting" && readyAt <= now;
    return { ...counted, rankAt: rankAt(readyAt, priority), ...(due ? { state: "ready" } : {}) };
  }
  const view = outlook(
    {
      head: {
        messageId: message._id,
        scheduledFor: message.scheduledFor,
        nextRetryAt: message.nextRetryAt,
      },
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

// ── Messages of 3.x in the counters ─────────────────────────────────────────

/** The counter that a message leaves when it moves. One of 3.x is in none until its first move or the takeover. */
export function leaving(message: Message): { from?: MessageStatus } {
  return message.enqueuedAt === undefined ? {} : { from: message.status };
}

/** Goes with every change of status: from now on the message is counted. */
export function counted(message: Message): { enqueuedAt: number } {
  return { enqueuedAt: message.enqueuedAt ?? message._creationTime };
}

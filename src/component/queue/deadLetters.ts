/** Messages that gave up: grouped by cause, started again, or skipped. */
import { refuse } from "../../shared/errors.js";
import { redact } from "../../shared/redact.js";
import { loadConversation } from "../conversations/ops.js";
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { recordMessageEvent } from "../trail/ops.js";
import { inOrder } from "./order.js";
import { counted, leaving, settle, takeReadable, wakeFor, type Message } from "./store.js";
import { MAX_ERROR_LENGTH } from "./validators.js";

const GROUP_LIST_LIMIT = 100;
/** Messages redriven per call: about eight writes each. */
export const REDRIVE_LIMIT = 200;

export async function countDeadLetter(
  ctx: MutationCtx,
  fingerprint: string,
  sampleError: string,
  delta: 1 | -1,
  now: number,
): Promise<void> {
  const group = await ctx.db
    .query("deadLetterGroups")
    .withIndex("by_fingerprint", (q) => q.eq("fingerprint", fingerprint))
    .unique();
  if (group === null) {
    if (delta === 1)
      await ctx.db.insert("deadLetterGroups", {
        fingerprint,
        sampleError,
        count: 1,
        firstAt: now,
        lastAt: now,
      });
    return;
  }
  if (group.count + delta <= 0) await ctx.db.delete("deadLetterGroups", group._id);
  else
    await ctx.db.patch("deadLetterGroups", group._id, {
      count: group.count + delta,
      ...(delta === 1 ? { lastAt: now, sampleError } : {}),
    });
}

/** The causes, most recent first. */
export async function listDeadLetterGroups(ctx: QueryCtx): Promise<Doc<"deadLetterGroups">[]> {
  return await ctx.db
    .query("deadLetterGroups")
    .withIndex("by_lastAt")
    .order("desc")
    .take(GROUP_LIST_LIMIT);
}

/** Dead letters of one cause, or the latest of all; fewer than `limit` when they are large. */
export async function listDeadLetters(
  ctx: QueryCtx,
  fingerprint: string | undefined,
  limit: number,
): Promise<Message[]> {
  const messages =
    fingerprint === undefined
      ? ctx.db
          .query("messageQueue")
          .withIndex("by_status_and_scheduledFor", (q) => q.eq("status", "dead_letter"))
          .order("desc")
      : ofCause(ctx, fingerprint);
  return await takeReadable(messages, limit);
}

function ofCause(ctx: QueryCtx, fingerprint: string) {
  return ctx.db
    .query("messageQueue")
    .withIndex("by_status_and_errorFingerprint", (q) =>
      q.eq("status", "dead_letter").eq("errorFingerprint", fingerprint),
    );
}

/**
 * Starts dead letters again with fresh attempts, the oldest first, behind what waits in their conversation now. A
 * stored answer is kept: it is delivered, not made again. Returns how many; `more` says that the limit was reached.
 */
export async function redrive(
  ctx: MutationCtx,
  which: { messageId?: Id<"messageQueue"> | undefined; fingerprint?: string | undefined },
  limit: number,
  now: number,
): Promise<{ redriven: number; more: boolean }> {
  if (which.messageId !== undefined) {
    const message = await requireMessage(ctx, which.messageId);
    if (message.status !== "dead_letter" && message.status !== "failed")
      return { redriven: 0, more: false };
    await redriveOne(ctx, message, now);
    return { redriven: 1, more: false };
  }
  const dead =
    which.fingerprint === undefined
      ? ctx.db
          .query("messageQueue")
          .withIndex("by_status_and_scheduledFor", (q) => q.eq("status", "dead_letter"))
      : ofCause(ctx, which.fingerprint);
  const messages = await takeReadable(dead, limit + 1);
  const chosen = messages.slice(0, limit).sort(inOrder);
  for (const message of chosen) await redriveOne(ctx, message, now);
  return { redriven: chosen.length, more: messages.length > chosen.length };
}

/** The last place that was due by `now`, of whatever status. */
async function findLastDue(ctx: QueryCtx, conversationId: string, now: number): Promise<number> {
  const last = await ctx.db
    .query("messageQueue")
    .withIndex("by_conversationId_and_scheduledFor", (q) =>
      q.eq("conversationId", conversationId).lte("scheduledFor", now),
    )
    .order("desc")
    .first();
  return last?.scheduledFor ?? 0;
}

async function redriveOne(ctx: MutationCtx, message: Message, now: number): Promise<void> {
  if (message.status === "dead_letter" && message.errorFingerprint !== undefined)
    await countDeadLetter(ctx, message.errorFingerprint, "", -1, now);
  const conversation = await loadConversation(ctx, message.conversationId);
  // It counts as a new arrival, though its row is older than those of the messages that arrived or began meanwhile.
  const last = await findLastDue(ctx, message.conversationId, now);
  const scheduledFor = Math.max(now, (conversation?.lastArrivalAt ?? 0) + 1, last + 1);
  await ctx.db.patch("messageQueue", message._id, {
    ...counted(message),
    status: "queued",
    attempts: 0,
    deliveries: 0,
    scheduledFor,
    nextRetryAt: undefined,
    deadLetteredAt: undefined,
    completedAt: undefined,
    errorFingerprint: undefined,
  });
  await recordMessageEvent(ctx, {
    messageId: message._id,
    conversationId: message.conversationId,
    kind: "redriven",
    at: now,
    ...leaving(message),
    to: "queued",
  });
  if (conversation === null) return;
  await wakeFor(ctx, await settle(ctx, conversation, 1, { lastArrivalAt: scheduledFor }, now), now);
}

/**
 * Gives up on a message that waits or is dead: status `failed`, never delivered again. False when it is being
 * processed or already ended.
 */
export async function skip(
  ctx: MutationCtx,
  messageId: Id<"messageQueue">,
  reason: string,
  now: number,
): Promise<boolean> {
  const message = await requireMessage(ctx, messageId);
  if (message.status !== "queued" && message.status !== "dead_letter") return false;
  if (message.status === "dead_letter" && message.errorFingerprint !== undefined)
    await countDeadLetter(ctx, message.errorFingerprint, "", -1, now);
  await ctx.db.patch("messageQueue", message._id, {
    ...counted(message),
    status: "failed",
    lastError: redact(`Skipped: ${reason}`, MAX_ERROR_LENGTH),
    nextRetryAt: undefined,
    completedAt: now,
  });
  await recordMessageEvent(ctx, {
    messageId,
    conversationId: message.conversationId,
    kind: "skipped",
    at: now,
    detail: reason,
    ...leaving(message),
    to: "failed",
  });
  if (message.status === "dead_letter") return true;
  const conversation = await loadConversation(ctx, message.conversationId);
  if (conversation !== null) await wakeFor(ctx, await settle(ctx, conversation, -1, {}, now), now);
  return true;
}

async function requireMessage(ctx: QueryCtx, messageId: Id<"messageQueue">): Promise<Message> {
  const message = await ctx.db.get("messageQueue", messageId);
  if (message === null)
    refuse("MESSAGE_NOT_FOUND", `Message '${messageId}' does not exist.`, { messageId });
  return message;
}

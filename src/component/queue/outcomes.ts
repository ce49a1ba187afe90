/** What a worker reports about the message it holds. A stale lease changes nothing and says so. */
import { redact } from "../../shared/redact.js";
import { loadProfile } from "../agents/ops.js";
import { loadConversation, type Conversation } from "../conversations/ops.js";
import { markChatBlocked } from "../identity/ops.js";
import type { Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { requestPass } from "../kit/wake.js";
import { loadPolicy } from "../settings/ops.js";
import { recordMessageEvent } from "../trail/ops.js";
import { idleDeadline } from "../workers/machine.js";
import { loadWorker, touchWorker } from "../workers/ops.js";
import { applyFailure, NO_LEASE } from "./leases.js";
import { decideFail, decideHandBack } from "./machine.js";
import { botOfMessage } from "./payload.js";
import { counted, leaving, settle, wakeFor, type Message } from "./store.js";
import { MAX_ERROR_LENGTH, type FailResult } from "./validators.js";

export type LeaseRef = { workerId: string; messageId: Id<"messageQueue">; leaseId: string };

/** The message and its conversation while this worker holds this lease; null otherwise. */
export async function heldMessage(
  ctx: QueryCtx,
  ref: LeaseRef,
): Promise<{ message: Message; conversation: Conversation | null } | null> {
  const message = await ctx.db.get("messageQueue", ref.messageId);
  if (
    message === null ||
    message.status !== "processing" ||
    message.leaseId !== ref.leaseId ||
    message.claimedBy !== ref.workerId
  )
    return null;
  return { message, conversation: await loadConversation(ctx, message.conversationId) };
}

/** Extends the lease to now + leaseMs. False: the lease is lost, the worker must stop working on it. */
export async function heartbeatMessage(
  ctx: MutationCtx,
  ref: LeaseRef,
  now: number,
): Promise<boolean> {
  const held = await heldMessage(ctx, ref);
  if (held === null) return false;
  const { lease } = await loadPolicy(ctx);
  const leaseExpiresAt = now + lease.leaseMs;
  await ctx.db.patch("messageQueue", held.message._id, { leaseExpiresAt });
  const lock = held.conversation?.processingLock;
  if (held.conversation !== null && lock?.claimedMessageId === held.message._id)
    await ctx.db.patch("conversations", held.conversation._id, {
      readyAt: leaseExpiresAt,
      processingLock: { ...lock, leaseExpiresAt, heartbeatAt: now },
    });
  await touchWorker(ctx, ref.workerId, now, 0);
  return true;
}

/** The message is answered. False when the lease is not this worker's any more. */
export async function completeMessage(
  ctx: MutationCtx,
  ref: LeaseRef,
  now: number,
): Promise<boolean> {
  const held = await heldMessage(ctx, ref);
  if (held === null) return false;
  await ctx.db.patch("messageQueue", held.message._id, {
    ...NO_LEASE,
    ...counted(held.message),
    status: "done",
    lastError: undefined,
    nextRetryAt: undefined,
    completedAt: now,
  });
  if (held.conversation !== null) {
    const settled = await settle(ctx, held.conversation, 0, { processingLock: undefined }, now);
    // What is ready now is the worker's next poll; what becomes ready may outlive the worker.
    if (settled.state === "waiting") await wakeFor(ctx, settled, now);
  }
  await recordMessageEvent(ctx, {
    messageId: held.message._id,
    conversationId: held.message.conversationId,
    kind: "completed",
    at: now,
    workerId: ref.workerId,
    ...leaving(held.message),
    to: "done",
  });
  await markIdle(ctx, ref.workerId, now);
  return true;
}

export type Failure = {
  errorMessage: string;
  /** False: trying again cannot help; the message is dead-lettered at once. Default true. */
  retryable?: boolean | undefined;
  /** Do not try again sooner. At most an hour. */
  retryAfterMs?: number | undefined;
};

/** The delivery failed: another one later, or the dead letters. A stale lease changes nothing. */
export async function failMessage(
  ctx: MutationCtx,
  ref: LeaseRef,
  failure: Failure,
  now: number,
): Promise<FailResult> {
  const held = await heldMessage(ctx, ref);
  if (held === null) return { requeued: false, deadLettered: false, nextScheduledFor: null };
  const { retry } = await loadPolicy(ctx);
  const error = redact(failure.errorMessage, MAX_ERROR_LENGTH);
  const decision = decideFail(
    { ...held.message, retryable: failure.retryable ?? true, retryAfterMs: failure.retryAfterMs },
    retry,
    now,
  );
  if (decision.kind === "retry")
    await recordMessageEvent(ctx, {
      messageId: held.message._id,
      conversationId: held.message.conversationId,
      kind: "failed",
      at: now,
      workerId: ref.workerId,
      detail: error,
      ...leaving(held.message),
      to: "queued",
    });
  await applyFailure(ctx, held.message, held.conversation, decision, error, now);
  if (failure.retryable === false) await noteUnreachable(ctx, held.message, error, now);
  await markIdle(ctx, ref.workerId, now);
  return decision.kind === "dead"
    ? { requeued: false, deadLettered: true, nextScheduledFor: null }
    : { requeued: true, deadLettered: false, nextScheduledFor: decision.dueAt };
}

/** What a delivery is told when the user, or the group, does not want to hear from the bot. */
const UNREACHABLE =
  /\(403\).*(bot was blocked|user is deactivated|can't initiate conversation|bot was kicked|is not a member|chat was deleted)/i;

/** The chat refuses the bot: nothing is revoked, but what can wait does, and operators see it. */
async function noteUnreachable(
  ctx: MutationCtx,
  message: Message,
  error: string,
  now: number,
): Promise<void> {
  const { provider, metadata } = message.payload;
  const telegramChatId = metadata?.["telegramChatId"];
  if (provider !== "telegram" || telegramChatId === undefined || !UNREACHABLE.test(error)) return;
  const botIdentity =
    botOfMessage(message) ?? (await loadProfile(ctx, message.agentKey))?.botIdentity;
  if (botIdentity !== undefined)
    await markChatBlocked(ctx, { botIdentity, telegramChatId, reason: error }, now);
}

/** The worker must go before it is done: the message waits again at its place, no attempt is charged. */
export async function handBackMessage(
  ctx: MutationCtx,
  ref: LeaseRef,
  reason: string,
  now: number,
): Promise<boolean> {
  const held = await heldMessage(ctx, ref);
  if (held === null) return false;
  await returnMessage(ctx, held.message, held.conversation, reason, now);
  await markIdle(ctx, ref.workerId, now);
  return true;
}

/** Hands a leased message back on behalf of a worker that cannot do it itself. */
export async function returnMessage(
  ctx: MutationCtx,
  message: Message,
  conversation: Conversation | null,
  reason: string,
  now: number,
): Promise<void> {
  const { retry } = await loadPolicy(ctx);
  const decision = decideHandBack({ ...message, deliveries: message.deliveries ?? 1 }, retry, now);
  if (decision.kind === "retry")
    await recordMessageEvent(ctx, {
      messageId: message._id,
      conversationId: message.conversationId,
      kind: "handed_back",
      at: now,
      workerId: message.claimedBy,
      detail: reason,
      ...leaving(message),
      to: "queued",
    });
  const error = message.lastError ?? redact(reason, MAX_ERROR_LENGTH);
  await applyFailure(ctx, message, conversation, decision, error, now);
}

/** The worker's job ended: when it is due to drain, and the wake-up for that. */
async function markIdle(ctx: MutationCtx, workerId: string, now: number): Promise<void> {
  const worker = await loadWorker(ctx, workerId);
  if (worker === null || worker.status === "stopped") return;
  const { scaling } = await loadPolicy(ctx);
  const load = Math.max(0, worker.load - 1);
  const scheduledShutdownAt =
    load > 0
      ? undefined
      : (worker.scheduledShutdownAt ??
        idleDeadline(worker.lastClaimAt ?? now, scaling.idleTimeoutMs, now));
  await ctx.db.patch("workers", worker._id, { load, heartbeatAt: now, scheduledShutdownAt });
  if (scheduledShutdownAt !== undefined)
    await requestPass(ctx, Math.max(now, scheduledShutdownAt), now);
}

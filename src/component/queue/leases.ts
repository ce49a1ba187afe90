/** A lease that ended without an outcome: the message goes back, the worker is not trusted any more. */
import { loadConversation, type Conversation } from "../conversations/ops.js";
import type { MutationCtx } from "../kit/functions.js";
import { loadPolicy } from "../settings/ops.js";
import { recordMessageEvent } from "../trail/ops.js";
import { beginDrain, loadWorker, releaseConversation } from "../workers/ops.js";
import { countDeadLetter } from "./deadLetters.js";
import { decideFail, errorFingerprint, type FailDecision } from "./machine.js";
import { counted, leaving, settle, wakeFor, type Message } from "./store.js";

export const LEASE_LOST_ERROR = "Lease expired while processing";

/** Expired leases handled per transaction: about ten writes each. */
const LEASE_SWEEP_LIMIT = 100;
export const MAX_LEASE_SWEEP = 500;
/** Conversations of 3.x taken over on the way: each may bring a megabyte of history. */
const MAX_ADOPTED = 4;

export const NO_LEASE = {
  claimedBy: undefined,
  leaseId: undefined,
  leaseExpiresAt: undefined,
} as const;

/**
 * Writes a failed delivery: the message waits for its retry at its place, or is dead-lettered; the conversation
 * is free of the lease.
 */
export async function applyFailure(
  ctx: MutationCtx,
  message: Message,
  conversation: Conversation | null,
  decision: FailDecision,
  error: string,
  now: number,
): Promise<void> {
  if (decision.kind === "dead") {
    const fingerprint = errorFingerprint(error);
    await ctx.db.patch("messageQueue", message._id, {
      ...NO_LEASE,
      ...counted(message),
      status: "dead_letter",
      attempts: decision.attempts,
      lastError: error,
      nextRetryAt: undefined,
      deadLetteredAt: now,
      errorFingerprint: fingerprint,
    });
    await countDeadLetter(ctx, fingerprint, error, 1, now);
    await recordMessageEvent(ctx, {
      messageId: message._id,
      conversationId: message.conversationId,
      kind: "dead_lettered",
      at: now,
      workerId: message.claimedBy,
      detail: error,
      ...leaving(message),
      to: "dead_letter",
    });
  } else {
    await ctx.db.patch("messageQueue", message._id, {
      ...NO_LEASE,
      ...counted(message),
      status: "queued",
      attempts: decision.attempts,
      lastError: error,
      nextRetryAt: decision.dueAt,
    });
  }
  if (conversation === null) return;
  const holdsLock =
    conversation.processingLock === undefined ||
    conversation.processingLock.claimedMessageId === message._id;
  const settled = await settle(
    ctx,
    conversation,
    decision.kind === "dead" ? 0 : 1,
    holdsLock ? { processingLock: undefined } : {},
    now,
  );
  await wakeFor(ctx, settled, now);
}

export type LeaseLoss = {
  kind: "requeued" | "deadLettered" | "gone";
  unlocked: boolean;
  /** Its conversation was one of 3.x. */
  adopted: boolean;
};

/**
 * Ends the lease of a message whose worker was not heard of in time. Charges the attempt, frees the
 * conversation at once (no final snapshot is to be expected) and tells the worker to stop, should it live.
 */
export async function loseLease(
  ctx: MutationCtx,
  message: Message,
  error: string,
  now: number,
): Promise<LeaseLoss> {
  if (message.status !== "processing") return { kind: "gone", unlocked: false, adopted: false };
  const conversation = await loadConversation(ctx, message.conversationId);
  const policy = await loadPolicy(ctx);
  const decision = decideFail({ ...message, retryable: true }, policy.retry, now);
  await recordMessageEvent(ctx, {
    messageId: message._id,
    conversationId: message.conversationId,
    kind: "lease_lost",
    at: now,
    workerId: message.claimedBy,
    detail: error,
    ...(decision.kind === "retry" ? { ...leaving(message), to: "queued" } : {}),
  });
  const unlocked = conversation?.processingLock?.claimedMessageId === message._id;
  await applyFailure(ctx, message, conversation, decision, error, now);
  if (message.claimedBy !== undefined) await distrustWorker(ctx, message.claimedBy, now);
  return {
    kind: decision.kind === "dead" ? "deadLettered" : "requeued",
    unlocked,
    adopted: conversation !== null && conversation.state === undefined,
  };
}

/** Never touches the heartbeat: only the worker itself may look alive. */
async function distrustWorker(ctx: MutationCtx, workerId: string, now: number): Promise<void> {
  const worker = await loadWorker(ctx, workerId);
  if (worker === null || worker.status === "stopped") return;
  await ctx.db.patch("workers", worker._id, { load: Math.max(0, worker.load - 1) });
  await releaseConversation(ctx, worker, now);
  await beginDrain(ctx, { ...worker, load: Math.max(0, worker.load - 1) }, "stale", now);
}

/** Ends up to `limit` leases that expired by `now`, and those of rows whose lease fields are incomplete. */
export async function expireLeases(
  ctx: MutationCtx,
  now: number,
  limit: number = LEASE_SWEEP_LIMIT,
): Promise<{ requeued: number; deadLettered: number; unlocked: number }> {
  const report = { requeued: 0, deadLettered: 0, unlocked: 0 };
  // An absent expiry sorts before every number, so broken rows come first.
  const expired = await ctx.db
    .query("messageQueue")
    .withIndex("by_status_and_leaseExpiresAt", (q) =>
      q.eq("status", "processing").lte("leaseExpiresAt", now),
    )
    .take(limit);
  let adopted = 0;
  for (const message of expired) {
    if (adopted === MAX_ADOPTED) break;
    const loss = await loseLease(ctx, message, LEASE_LOST_ERROR, now);
    if (loss.kind === "requeued") report.requeued += 1;
    if (loss.kind === "deadLettered") report.deadLettered += 1;
    if (loss.unlocked) report.unlocked += 1;
    if (loss.adopted) adopted += 1;
  }
  return report;
}

/** Loads the facts of one message: a fixed number of rows, whatever waits. */
import { loadProfile, type AgentProfile } from "../agents/ops.js";
import { loadConversation, type Conversation } from "../conversations/ops.js";
import type { Id, QueryCtx } from "../kit/functions.js";
import { findHead, loadAnswer, type Message } from "../queue/ops.js";
import { spawnOutlook } from "../scheduler/ops.js";
import { hasActiveSecret } from "../secrets/ops.js";
import { listMessageEvents } from "../trail/ops.js";
import { loadWorker, type Worker } from "../workers/ops.js";
import { explain, type MessageFacts } from "./explanation.js";
import { MACHINE_SECRETS, type MessageExplanation } from "./validators.js";

/** Refs of an agent whose values are looked for. */
const CHECKED_REFS_LIMIT = 20;

export async function explainMessage(
  ctx: QueryCtx,
  messageId: Id<"messageQueue">,
  now: number,
): Promise<MessageExplanation | null> {
  const message = await ctx.db.get("messageQueue", messageId);
  if (message === null) return null;
  const { conversationId, agentKey, status } = message;
  const conversation = await loadConversation(ctx, conversationId);
  const profile = await loadProfile(ctx, agentKey);
  const events = await listMessageEvents(ctx, messageId);
  const workerId = status === "processing" ? message.claimedBy : conversation?.ownerWorkerId;
  const worker = workerId === undefined ? null : await loadWorker(ctx, workerId);
  const answer = await loadAnswer(ctx, messageId);
  const missingSecrets = [];
  for (const ref of MACHINE_SECRETS)
    if (!(await hasActiveSecret(ctx, ref))) missingSecrets.push(ref);
  const reason = explain({
    now,
    message: messageFacts(message, events.at(-1)?.at ?? null),
    answer:
      answer === null
        ? null
        : { createdAt: answer.createdAt, delivered: answer.deliveredAt !== undefined },
    conversation:
      conversation === null
        ? null
        : {
            pausedAt: conversation.pausedAt ?? null,
            pauseReason: conversation.pauseReason ?? null,
          },
    agent:
      profile === null ? null : { enabled: profile.enabled, pausedAt: profile.pausedAt ?? null },
    before: await findBefore(ctx, message, conversation),
    worker: worker === null || worker.status === "stopped" ? null : workerFacts(worker),
    missingSecrets,
    spawn: await spawnOutlook(ctx, conversationId, now),
  });
  return {
    messageId,
    conversationId,
    agentKey,
    state: status,
    ...reason,
    lastError: message.lastError ?? null,
    warnings: await findWarnings(ctx, message, profile),
    events: events.map(({ kind, at, workerId: by = null, detail = null }) => ({
      kind,
      at,
      workerId: by,
      detail,
    })),
  };
}

function messageFacts(message: Message, lastEventAt: number | null): MessageFacts["message"] {
  return {
    id: message._id,
    status: message.status,
    enqueuedAt: message.enqueuedAt ?? message._creationTime,
    scheduledFor: message.scheduledFor,
    nextRetryAt: message.nextRetryAt ?? null,
    attempts: message.attempts,
    deliveries: message.deliveries ?? 0,
    maxAttempts: message.maxAttempts,
    leasedAt: message.leasedAt ?? null,
    leaseExpiresAt: message.leaseExpiresAt ?? null,
    endedAt: message.completedAt ?? message.deadLetteredAt ?? null,
    lastError: message.lastError ?? null,
    lastEventAt,
  };
}

function workerFacts(worker: Worker): NonNullable<MessageFacts["worker"]> {
  return {
    workerId: worker.workerId,
    status: worker.status,
    hasMachine: worker.machineRef !== undefined,
    firstSeenAt: worker.firstSeenAt ?? worker.lastClaimAt ?? null,
    reservedAt: worker.createdAt ?? worker._creationTime,
    machineCreatedAt: worker.machineCreatedAt ?? null,
    nextCreateAt: worker.nextCreateAt ?? null,
    drainingSince: worker.drainingSince ?? null,
    drainDeadlineAt: worker.drainDeadlineAt ?? null,
    lastProviderError: worker.lastProviderError ?? null,
  };
}

async function findBefore(
  ctx: QueryCtx,
  message: Message,
  conversation: Conversation | null,
): Promise<MessageFacts["before"]> {
  const leased = conversation?.processingLock?.claimedMessageId;
  if (leased !== undefined && leased !== message._id) return { messageId: leased, leased: true };
  const head = await findHead(ctx, message.conversationId);
  if (head === null || head._id === message._id) return null;
  return { messageId: head._id, leased: false };
}

async function findWarnings(
  ctx: QueryCtx,
  message: Message,
  profile: AgentProfile | null,
): Promise<string[]> {
  const expired = (message.payload.attachments ?? []).filter(({ status }) => status === "expired");
  const warnings = expired.map(
    ({ fileName, kind }) =>
      `The ${kind} ${fileName ?? "attachment"} has expired: the agent cannot see it.`,
  );
  if (message.status !== "queued" && message.status !== "processing") return warnings;
  for (const ref of profile?.secretsRef.slice(0, CHECKED_REFS_LIMIT) ?? [])
    if (!(await hasActiveSecret(ctx, ref))) warnings.push(`The secret '${ref}' has no value.`);
  return warnings;
}

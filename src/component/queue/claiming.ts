/**
 * Claims. Bounded whatever the backlog, the fleet and the history: a worker with a conversation reads its own
 * rows; a free worker reads candidates from a stale snapshot (no dependency on rows that others change) and
 * then only the rows of the one it takes.
 */
import { refuse } from "../../shared/errors.js";
import { loadProfile } from "../agents/ops.js";
import { loadConversation, type Conversation } from "../conversations/ops.js";
import { internal } from "../_generated/api.js";
import type { MutationCtx } from "../kit/functions.js";
import { randomBase36 } from "../kit/random.js";
import { requestPassApart } from "../kit/wake.js";
import { loadPolicy } from "../settings/ops.js";
import { recordMachineEvent, recordMessageEvent } from "../trail/ops.js";
import { idleHeartbeatMs, isFresh } from "../workers/machine.js";
import {
  lastHeartbeat,
  loadWorker,
  noteFirstCall,
  touchWorker,
  type Worker,
} from "../workers/ops.js";
import { LEASE_LOST_ERROR, loseLease } from "./leases.js";
import { orderCandidates, type Candidate } from "./order.js";
import { adopt, counted, findHead, leaving, settle, type Message } from "./store.js";
import { MAX_ID_LENGTH, type ClaimedJob, type PayloadView } from "./validators.js";

/** Candidates a free worker tries before it reports that there is nothing: each costs one read. */
const MAX_TRIES = 3;
/** A lease's expiry wakes the scheduler this much later, when it has certainly passed. */
const LEASE_WAKE_SLACK_MS = 1_000;

export type ClaimArgs = { workerId: string; conversationId?: string | undefined };

/**
 * Leases the next message to the worker, or returns null. A worker that holds a live lease gets the same job
 * again. A null claim writes nothing but, once a minute, the worker's heartbeat.
 */
export async function claimMessage(
  ctx: MutationCtx,
  args: ClaimArgs,
  now: number,
): Promise<ClaimedJob | null> {
  const worker = await loadWorker(ctx, args.workerId);
  if (worker === null) checkNewWorkerId(args.workerId);
  if (worker !== null && worker.status !== "active") return null;
  const assigned = worker?.assignment?.conversationId;
  if (
    assigned !== undefined &&
    args.conversationId !== undefined &&
    assigned !== args.conversationId
  )
    return null;
  const wanted = assigned ?? args.conversationId;
  const job =
    wanted === undefined
      ? await claimAny(ctx, args.workerId, worker, now)
      : await claimFrom(ctx, wanted, args.workerId, worker, now);
  if (job === null && worker !== null) {
    const { lease: policy } = await loadPolicy(ctx);
    await touchWorker(ctx, worker.workerId, now, idleHeartbeatMs(policy.staleAfterMs));
  }
  return job;
}

/** An unknown worker registers itself with its first job. */
function checkNewWorkerId(workerId: string): void {
  if (workerId.trim() === "" || workerId.length > MAX_ID_LENGTH)
    refuse("INVALID_ARGUMENT", `workerId must have 1 to ${MAX_ID_LENGTH} characters.`);
}

async function claimAny(
  ctx: MutationCtx,
  workerId: string,
  worker: Worker | null,
  now: number,
): Promise<ClaimedJob | null> {
  const { byRank, sample }: { byRank: Candidate[]; sample: Candidate[] } = await ctx.runQuery(
    internal.queue.candidates.find,
    { from: Math.random(), now },
    { useStaleSnapshot: true },
  );
  for (const conversationId of orderCandidates(byRank, sample, Math.random).slice(0, MAX_TRIES)) {
    const job = await claimFrom(ctx, conversationId, workerId, worker, now);
    if (job !== null) return job;
  }
  return null;
}

async function claimFrom(
  ctx: MutationCtx,
  conversationId: string,
  workerId: string,
  worker: Worker | null,
  now: number,
): Promise<ClaimedJob | null> {
  let conversation = await loadConversation(ctx, conversationId);
  if (conversation === null) return null;
  conversation = await adopt(ctx, conversation, now);

  const lock = conversation.processingLock;
  if (lock !== undefined) {
    const leased = await ctx.db.get("messageQueue", lock.claimedMessageId);
    if (lock.leaseExpiresAt > now)
      return lock.workerId === workerId && leased?.leaseId === lock.leaseId ? toJob(leased) : null;
    // The sweep has not come by yet: end the old lease here, with its charge.
    if (leased?.status === "processing") await loseLease(ctx, leased, LEASE_LOST_ERROR, now);
    else await settle(ctx, conversation, 0, { processingLock: undefined }, now);
    if (lock.workerId === workerId) return null;
    conversation = await loadConversation(ctx, conversationId);
    if (conversation === null) return null;
  }

  if (conversation.state !== "ready" && conversation.state !== "waiting") return null;
  if (conversation.readyAt === undefined || conversation.readyAt > now) return null;
  if (!(await mayServe(ctx, conversation, workerId, now))) return null;
  const profile = await loadProfile(ctx, conversation.agentKey);
  if (profile === null || !profile.enabled || profile.pausedAt !== undefined) {
    const blockedReason = profile?.pausedAt === undefined ? "agent_disabled" : "agent_paused";
    await settle(ctx, conversation, 0, { blockedReason }, now);
    return null;
  }
  const message = await headOf(ctx, conversation);
  if (message === null) {
    await settle(ctx, conversation, 0, {}, now);
    return null;
  }
  return await lease(ctx, conversation, message, workerId, worker, now);
}

/** False when the conversation belongs to another worker that lives or whose final snapshot is on its way. */
async function mayServe(
  ctx: MutationCtx,
  conversation: Conversation,
  workerId: string,
  now: number,
): Promise<boolean> {
  const owner = conversation.ownerWorkerId;
  if (owner === undefined || owner === workerId) return true;
  const row = await loadWorker(ctx, owner);
  if (row === null || row.status === "stopped") return true;
  if (row.status !== "active") return false;
  const { lease: policy } = await loadPolicy(ctx);
  return !isFresh({ heartbeatAt: await lastHeartbeat(ctx, row) }, policy.staleAfterMs, now);
}

async function headOf(ctx: MutationCtx, conversation: Conversation): Promise<Message | null> {
  const head =
    conversation.headMessageId === undefined
      ? null
      : await ctx.db.get("messageQueue", conversation.headMessageId);
  return head?.status === "queued" ? head : await findHead(ctx, conversation.conversationId);
}

async function lease(
  ctx: MutationCtx,
  conversation: Conversation,
  message: Message,
  workerId: string,
  worker: Worker | null,
  now: number,
): Promise<ClaimedJob> {
  const policy = await loadPolicy(ctx);
  const leaseId = `${now}-${randomBase36(8)}`;
  const leaseExpiresAt = now + policy.lease.leaseMs;
  const held = { status: "processing", claimedBy: workerId, leaseId, leaseExpiresAt } as const;
  await ctx.db.patch("messageQueue", message._id, {
    ...held,
    ...counted(message),
    deliveries: (message.deliveries ?? 0) + 1,
    leasedAt: now,
  });
  const changesOwner = conversation.ownerWorkerId !== workerId;
  await ctx.db.patch("conversations", conversation._id, {
    state: "leased",
    readyAt: leaseExpiresAt,
    rankAt: undefined,
    headMessageId: message._id,
    queuedCount: Math.max(0, (conversation.queuedCount ?? 1) - 1),
    processingLock: {
      leaseId,
      workerId,
      leaseExpiresAt,
      heartbeatAt: now,
      claimedMessageId: message._id,
    },
    ...(changesOwner
      ? { ownerWorkerId: workerId, generation: (conversation.generation ?? 0) + 1 }
      : {}),
  });
  await markBusy(ctx, conversation, workerId, worker, leaseId, now);
  await recordMessageEvent(ctx, {
    messageId: message._id,
    conversationId: conversation.conversationId,
    kind: "claimed",
    at: now,
    workerId,
    ...leaving(message),
    to: "processing",
  });
  await requestPassApart(ctx, leaseExpiresAt + LEASE_WAKE_SLACK_MS, now);
  return toJob({ ...message, ...held });
}

async function markBusy(
  ctx: MutationCtx,
  conversation: Conversation,
  workerId: string,
  worker: Worker | null,
  leaseId: string,
  now: number,
): Promise<void> {
  const assignment = {
    conversationId: conversation.conversationId,
    agentKey: conversation.agentKey,
    leaseId,
    assignedAt: worker?.assignment?.assignedAt ?? now,
  };
  if (worker !== null) {
    await ctx.db.patch("workers", worker._id, {
      load: worker.load + 1,
      heartbeatAt: now,
      lastClaimAt: now,
      scheduledShutdownAt: undefined,
      stoppedAt: undefined,
      assignment,
      ...(await noteFirstCall(ctx, worker, now)),
    });
    return;
  }
  // A worker that announces itself: only possible without the gateway, where every worker has a row.
  await ctx.db.insert("workers", {
    workerId,
    provider: "fly",
    status: "active",
    load: 1,
    heartbeatAt: now,
    lastClaimAt: now,
    firstSeenAt: now,
    createdAt: now,
    assignment,
    capabilities: [],
  });
  await recordMachineEvent(ctx, { workerId, kind: "ready", at: now, detail: "self-announced" });
}

function toJob(message: Message): ClaimedJob {
  return {
    messageId: message._id,
    conversationId: message.conversationId,
    agentKey: message.agentKey,
    leaseId: message.leaseId ?? "",
    leaseExpiresAt: message.leaseExpiresAt ?? 0,
    payload: message.payload satisfies PayloadView,
  };
}

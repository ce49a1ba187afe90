/** What each gateway call does, for an authenticated worker. The verbs are those of the rooms. */
import { refuse } from "../../shared/errors.js";
import { loadProfile } from "../agents/ops.js";
import { appendHistory, loadConversation } from "../conversations/ops.js";
import { hydrate } from "../hydration/ops.js";
import type { MutationCtx, QueryCtx } from "../kit/functions.js";
import {
  claimMessage,
  completeMessage,
  failMessage,
  findMediaFile,
  handBackMessage,
  hasQueued,
  heartbeatMessage,
  recordDelivery,
  registerMediaFile,
  storeAnswer,
  type LeaseRef,
} from "../queue/ops.js";
import { loadPolicy } from "../settings/ops.js";
import { workerManifest } from "../skills/ops.js";
import { isSnapshotFile, latestForRestore } from "../snapshots/ops.js";
import { recordMachineEvent } from "../trail/ops.js";
import { readControlState } from "../workers/control.js";
import { pollDelayMs } from "../workers/machine.js";
import { beginDrain, touchWorker, type Worker } from "../workers/ops.js";
import {
  failWorkerSnapshot,
  finalizeWorkerSnapshot,
  prepareWorkerSnapshot,
} from "../workers/snapshotUploads.js";
import { checkConversation, requireFileId, requireHeld, requireId } from "./access.js";
import type { CallArgs } from "./calls.js";
import type { GATEWAY_FUNCTIONS, GatewayFunctionName } from "./protocol.js";

type NamesThatRunAs<R extends "query" | "mutation"> = {
  [N in GatewayFunctionName]: (typeof GATEWAY_FUNCTIONS)[N]["runs"] extends R ? N : never;
}[GatewayFunctionName];

type Verb<Ctx, N extends GatewayFunctionName> = (
  ctx: Ctx,
  worker: Worker,
  args: CallArgs<N>,
  now: number,
) => Promise<unknown>;

export const QUERY_VERBS: { [N in NamesThatRunAs<"query">]: Verb<QueryCtx, N> } = {
  workerControlState: async (ctx, worker, _args, now) => ({
    shouldStop: (await readControlState(ctx, worker.workerId, now)).shouldStop,
  }),

  workerConversationHasQueued: async (ctx, worker, args) => {
    checkConversation(worker, args.conversationId);
    return await hasQueued(ctx, args.conversationId);
  },

  workerHydrationBundle: async (ctx, worker, args) => {
    const message = await requireHeld(ctx, worker, args.messageId);
    return await hydrate(ctx, message._id, { workerId: worker.workerId });
  },

  workerGlobalSkillsManifest: async (ctx, worker, args) => {
    const agentKey = worker.assignment?.agentKey;
    const profile = agentKey === undefined ? null : await loadProfile(ctx, agentKey);
    return await workerManifest(ctx, { ...args, agentKey, companyId: profile?.companyId });
  },
};

export const MUTATION_VERBS: { [N in NamesThatRunAs<"mutation">]: Verb<MutationCtx, N> } = {
  workerReady: async (ctx, worker, args, now) => {
    const restored =
      args.restoredSnapshotId === null
        ? undefined
        : requireId(ctx, "dataSnapshots", args.restoredSnapshotId);
    await ctx.db.patch("workers", worker._id, {
      firstSeenAt: worker.firstSeenAt ?? now,
      ...(restored === undefined ? {} : { restoredSnapshotId: restored }),
    });
    await touchWorker(ctx, worker.workerId, now, 0);
    await recordMachineEvent(ctx, {
      workerId: worker.workerId,
      machineId: worker.machineRef?.machineId,
      kind: "ready",
      at: now,
      detail: `${args.engine} ${args.runtimeVersion ?? ""}`.trim(),
    });
    const { lease } = await loadPolicy(ctx);
    return {
      conversationId: worker.assignment?.conversationId ?? null,
      agentKey: worker.assignment?.agentKey ?? null,
      heartbeatIntervalMs: lease.heartbeatIntervalMs,
      leaseMs: lease.leaseMs,
    };
  },

  workerPoll: async (ctx, worker, _args, now) => {
    await markSeen(ctx, worker, now);
    await touchWorker(ctx, worker.workerId, now);
    const control = await readControlState(ctx, worker.workerId, now);
    if (control.shouldStop) {
      if (control.reason === "idle") await beginDrain(ctx, worker, "idle", now);
      return { kind: "stop", reason: control.reason ?? "stopped" };
    }
    const job = await claimMessage(ctx, { workerId: worker.workerId }, now);
    if (job !== null) return { kind: "job", job };
    const busyUntil = worker.lastClaimAt ?? worker.firstSeenAt ?? now;
    return { kind: "idle", retryAfterMs: pollDelayMs(now - busyUntil) };
  },

  workerClaim: async (ctx, worker, args, now) => {
    await markSeen(ctx, worker, now);
    const { conversationId } = args;
    return await claimMessage(ctx, { workerId: worker.workerId, conversationId }, now);
  },

  workerHeartbeat: async (ctx, worker, args, now) =>
    await heartbeatMessage(ctx, leaseOf(ctx, worker, args), now),

  workerStoreAnswer: async (ctx, worker, args, now) => {
    const answer = await storeAnswer(ctx, leaseOf(ctx, worker, args), args, now);
    return answer === null ? { stored: false } : { stored: true, answer };
  },

  workerRecordDelivery: async (ctx, worker, args, now) =>
    (await recordDelivery(ctx, leaseOf(ctx, worker, args), args, now)) ?? {
      proceed: false,
      answer: null,
    },

  workerAppendConversationMessages: async (ctx, worker, args, now) => {
    checkConversation(worker, args.conversationId);
    const conversation = await loadConversation(ctx, args.conversationId);
    if (conversation === null) return { updated: false, messageCount: 0 };
    const lock = conversation.processingLock;
    if (lock?.workerId !== worker.workerId)
      refuse("FORBIDDEN", "The worker holds no message of this conversation any more.");
    const messageId = lock.claimedMessageId;
    const messageCount = await appendHistory(ctx, conversation, args.messages, now, messageId);
    return { updated: true, messageCount };
  },

  workerComplete: async (ctx, worker, args, now) =>
    await completeMessage(ctx, leaseOf(ctx, worker, args), now),

  workerFail: async (ctx, worker, args, now) =>
    await failMessage(ctx, leaseOf(ctx, worker, args), args, now),

  workerHandBack: async (ctx, worker, args, now) =>
    await handBackMessage(ctx, leaseOf(ctx, worker, args), args.reason, now),

  workerPrepareSnapshotUpload: async (ctx, worker, args, now) => {
    checkConversation(worker, args.conversationId);
    const { parentSnapshotId, ...rest } = args;
    return await prepareWorkerSnapshot(ctx, {
      ...rest,
      workerId: worker.workerId,
      nowMs: now,
      ...(parentSnapshotId === undefined
        ? {}
        : { parentSnapshotId: requireId(ctx, "dataSnapshots", parentSnapshotId) }),
    });
  },

  workerFinalizeSnapshotUpload: async (ctx, worker, args, now) =>
    await finalizeWorkerSnapshot(
      ctx,
      {
        workerId: worker.workerId,
        snapshotId: requireId(ctx, "dataSnapshots", args.snapshotId),
        storageId: requireFileId(ctx, args.storageId),
        sha256: args.sha256,
        sizeBytes: args.sizeBytes,
      },
      now,
    ),

  workerFailSnapshotUpload: async (ctx, worker, args, now) =>
    await failWorkerSnapshot(
      ctx,
      {
        workerId: worker.workerId,
        snapshotId: requireId(ctx, "dataSnapshots", args.snapshotId),
        error: args.error,
      },
      now,
    ),

  workerLatestSnapshotForRestore: async (ctx, worker, args) => {
    checkConversation(worker, args.conversationId);
    const snapshot = await latestForRestore(ctx, args);
    // An image that cannot name its parent is taken at its word that it restored what it asked for.
    if (snapshot !== null && worker.lastSnapshotId === undefined)
      await ctx.db.patch("workers", worker._id, {
        restoredSnapshotId: requireId(ctx, "dataSnapshots", snapshot.snapshotId),
      });
    return snapshot;
  },

  workerGenerateMediaUploadUrl: async (ctx) => ({
    uploadUrl: await ctx.storage.generateUploadUrl(),
  }),

  workerGetStorageFileUrl: async (ctx, worker, args, now) => {
    const storageId = requireFileId(ctx, args.storageId);
    const file = await findMediaFile(ctx, storageId);
    const conversationId = worker.assignment?.conversationId;
    if (file !== null) {
      const own = file.workerId === worker.workerId || file.conversationId === conversationId;
      if (!own) refuse("FORBIDDEN", `File '${storageId}' does not belong to this worker.`);
      return await ctx.storage.getUrl(storageId);
    }
    // Not known yet: the worker's own upload, unless it is the archive of a snapshot.
    if (await isSnapshotFile(ctx, storageId))
      refuse("FORBIDDEN", `File '${storageId}' does not belong to this worker.`);
    const owner = { purpose: "worker_media", workerId: worker.workerId, conversationId } as const;
    await registerMediaFile(ctx, storageId, owner, now);
    return await ctx.storage.getUrl(storageId);
  },

  workerAttachMessageMetadata: async (ctx, worker, args) => {
    const message = await requireHeld(ctx, worker, args.messageId);
    const metadata = { ...message.payload.metadata, ...args.metadata };
    await ctx.db.patch("messageQueue", message._id, { payload: { ...message.payload, metadata } });
    return true;
  },
};

function leaseOf(
  ctx: QueryCtx,
  worker: Worker,
  args: { messageId: string; leaseId: string },
): LeaseRef {
  return {
    workerId: worker.workerId,
    messageId: requireId(ctx, "messageQueue", args.messageId),
    leaseId: args.leaseId,
  };
}

/** Images that know no workerReady are ready when they first ask for work. */
async function markSeen(ctx: MutationCtx, worker: Worker, now: number): Promise<void> {
  if (worker.firstSeenAt !== undefined) return;
  await ctx.db.patch("workers", worker._id, { firstSeenAt: now });
  await touchWorker(ctx, worker.workerId, now, 0);
}

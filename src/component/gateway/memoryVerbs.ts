/** The gateway calls about snapshots and files, for an authenticated worker. */
import { refuse } from "../../shared/errors.js";
import type { MutationCtx } from "../kit/functions.js";
import { findMediaFile, registerMediaFile } from "../queue/ops.js";
import { isSnapshotFile, latestForRestore } from "../snapshots/ops.js";
import {
  failWorkerSnapshot,
  finalizeWorkerSnapshot,
  prepareWorkerSnapshot,
} from "../workers/snapshotUploads.js";
import { checkConversation, requireFileId, requireId, requireOwnMemory } from "./access.js";
import type { Verb } from "./calls.js";
import type { GatewayFunctionName } from "./protocol.js";

type MemoryCall = Extract<
  GatewayFunctionName,
  `worker${string}Snapshot${string}` | "workerGenerateMediaUploadUrl" | "workerGetStorageFileUrl"
>;

export const MEMORY_VERBS: { [N in MemoryCall]: Verb<MutationCtx, N> } = {
  workerPrepareSnapshotUpload: async (ctx, worker, args, now) => {
    checkConversation(worker, args.conversationId);
    const { parentSnapshotId, ...rest } = args;
    return await prepareWorkerSnapshot(ctx, {
      ...rest,
      workerId: worker.workerId,
      nowMs: now,
      ...(parentSnapshotId === undefined
        ? {}
        : { parentSnapshotId: await requireOwnMemory(ctx, worker, parentSnapshotId) }),
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
      const shared = conversationId !== undefined && file.conversationId === conversationId;
      const own = file.workerId === worker.workerId || shared;
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
};

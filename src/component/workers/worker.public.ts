/** The workers room for workers. The gateway calls the same verbs after checking the token. */
import { v } from "convex/values";
import { mutation, query } from "../kit/functions.js";
import { latestForRestore } from "../snapshots/ops.js";
import { vSnapshotReason } from "../snapshots/validators.js";
import { readControlState } from "./control.js";
import {
  failWorkerSnapshot,
  finalizeWorkerSnapshot,
  prepareWorkerSnapshot,
} from "./snapshotUploads.js";

/** Whether the worker should stop: unknown, not active any more, stale, or past its idle deadline without work. */
export const getWorkerControlState = query({
  args: { workerId: v.string() },
  returns: v.object({ shouldStop: v.boolean() }),
  handler: async (ctx, args) => ({
    shouldStop: (await readControlState(ctx, args.workerId, Date.now())).shouldStop,
  }),
});

/**
 * Begins the upload of a snapshot: POST the archive to `uploadUrl`, then finalize within the hour. The worker must
 * have the conversation. @throws WORKER_NOT_FOUND, SNAPSHOT_REFUSED
 */
export const prepareDataSnapshotUpload = mutation({
  args: {
    workerId: v.string(),
    workspaceId: v.string(),
    agentKey: v.string(),
    conversationId: v.string(),
    reason: vSnapshotReason,
    parentSnapshotId: v.optional(v.id("dataSnapshots")),
    nowMs: v.optional(v.number()),
  },
  returns: v.object({
    snapshotId: v.id("dataSnapshots"),
    uploadUrl: v.string(),
    expiresAt: v.number(),
  }),
  handler: async (ctx, args) => await prepareWorkerSnapshot(ctx, args),
});

/**
 * Ends an upload; false when the snapshot is not this worker's, not uploading, or the file is not what was announced.
 * The final one of a draining worker lets it stop. @throws SNAPSHOT_REFUSED the file belongs to something else
 */
export const finalizeDataSnapshotUpload = mutation({
  args: {
    workerId: v.string(),
    snapshotId: v.id("dataSnapshots"),
    storageId: v.id("_storage"),
    sha256: v.string(),
    sizeBytes: v.number(),
    nowMs: v.optional(v.number()),
  },
  returns: v.boolean(),
  handler: async (ctx, args) => await finalizeWorkerSnapshot(ctx, args, args.nowMs ?? Date.now()),
});

/** Reports a failed upload; false when the snapshot is not this worker's or not uploading. */
export const failDataSnapshotUpload = mutation({
  args: {
    workerId: v.string(),
    snapshotId: v.id("dataSnapshots"),
    error: v.string(),
    nowMs: v.optional(v.number()),
  },
  returns: v.boolean(),
  handler: async (ctx, args) => await failWorkerSnapshot(ctx, args, args.nowMs ?? Date.now()),
});

/** The head of the conversation's snapshots, or null. The newest ready one wins, whatever came after it. */
export const getLatestDataSnapshotForRestore = query({
  args: {
    workspaceId: v.string(),
    agentKey: v.string(),
    conversationId: v.string(),
    nowMs: v.optional(v.number()),
  },
  returns: v.union(
    v.null(),
    v.object({
      snapshotId: v.string(),
      downloadUrl: v.string(),
      sha256: v.union(v.null(), v.string()),
      sizeBytes: v.union(v.null(), v.number()),
      createdAt: v.number(),
    }),
  ),
  handler: async (ctx, args) => await latestForRestore(ctx, args),
});

import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vSnapshotLineage, vSnapshotReason, vSnapshotStatus } from "./validators.js";

export const snapshotsTables = {
  /**
   * Archives of a worker's data directory. Written by the worker that owns the conversation; expired, with
   * their files, by retention. The newest ready row of the main lineage (the head) never expires.
   */
  dataSnapshots: defineTable({
    workspaceId: v.string(),
    agentKey: v.string(),
    workerId: v.string(),
    conversationId: v.string(),
    reason: vSnapshotReason,
    formatVersion: v.number(),
    archiveFileId: v.optional(v.id("_storage")),
    sha256: v.optional(v.string()),
    sizeBytes: v.optional(v.number()),
    status: vSnapshotStatus,
    error: v.optional(v.string()),
    createdAt: v.number(),
    completedAt: v.optional(v.number()),
    expiresAt: v.number(),
    /** The snapshot that the worker's data directory grew from; absent when it started empty. */
    parentSnapshotId: v.optional(v.id("dataSnapshots")),
    lineage: v.optional(vSnapshotLineage),
  })
    .index("by_workerId_and_createdAt", ["workerId", "createdAt"])
    .index("by_workspaceId_and_agentKey_and_createdAt", ["workspaceId", "agentKey", "createdAt"])
    .index("by_workspaceId_and_agentKey_and_conversationId_and_createdAt", [
      "workspaceId",
      "agentKey",
      "conversationId",
      "createdAt",
    ])
    .index("by_agentKey_and_createdAt", ["agentKey", "createdAt"])
    .index("by_conversationId_and_createdAt", ["conversationId", "createdAt"])
    .index("by_status_and_expiresAt", ["status", "expiresAt"])
    /** Newest ready row of one lineage, whatever was uploaded, failed or detached after it. */
    .index("by_restore_key", [
      "workspaceId",
      "agentKey",
      "conversationId",
      "status",
      "lineage",
      "createdAt",
    ])
    /** Each file belongs to one snapshot at most. */
    .index("by_archiveFileId", ["archiveFileId"]),
};

import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { DAY_MS } from "../../shared/time.js";

export const vSnapshotReason = literals("drain", "signal", "manual");
export type SnapshotReason = Infer<typeof vSnapshotReason>;
export const vSnapshotStatus = literals("uploading", "ready", "failed", "expired");
export type SnapshotStatus = Infer<typeof vSnapshotStatus>;
/** `detached`: uploaded by a worker that had not restored the head; kept, never restored by itself. */
export const vSnapshotLineage = literals("main", "detached");
export type SnapshotLineage = Infer<typeof vSnapshotLineage>;
export const SNAPSHOT_FORMAT_VERSION = 1;
export const DEFAULT_WORKSPACE_ID = "default";

export const vSnapshotView = v.object({
  snapshotId: v.string(),
  createdAt: v.number(),
  sizeBytes: v.union(v.null(), v.number()),
  sha256: v.union(v.null(), v.string()),
  downloadUrl: v.union(v.null(), v.string()),
  status: vSnapshotStatus,
  conversationId: v.string(),
});
export type SnapshotView = Infer<typeof vSnapshotView>;

/** What a worker restores from. */
export const vRestorableSnapshot = v.object({
  snapshotId: v.string(),
  downloadUrl: v.string(),
  /** Lower-case hex. */
  sha256: v.union(v.null(), v.string()),
  sizeBytes: v.union(v.null(), v.number()),
  createdAt: v.number(),
});
export type RestorableSnapshot = Infer<typeof vRestorableSnapshot>;

// ── Limits ──────────────────────────────────────────────────────────────────

export const DEFAULT_SNAPSHOTS_LIMIT = 50;
export const MAX_SNAPSHOTS_LIMIT = 200;
/** Ready rows whose file is gone that a search for the head steps over, per lineage. */
export const HEAD_SEARCH_DEPTH = 10;
/** Rows of each kind that one sweep handles; each may delete a file. */
export const SWEEP_BATCH = 25;
/** Failed and expired rows stay this long after their creation, for whoever asks what happened. */
export const FORGET_AFTER_MS = 30 * DAY_MS;
export const MAX_SNAPSHOT_ERROR_LENGTH = 2_000;

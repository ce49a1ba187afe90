/** The verbs of snapshots. Who may call them for which conversation is checked by the workers' room. */
import { redact } from "../../shared/redact.js";
import { refuse } from "../../shared/errors.js";
import { RETENTION } from "../config.js";
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { toSha256Hex } from "./checksum.js";
import { decideLineage, findFileProblem, supersededExpiry } from "./lineage.js";
import {
  deleteFile,
  findByConversation,
  findByRestoreKey,
  findFile,
  findHead,
  isFileTaken,
  type Reader,
  type RestoreKey,
  type SnapshotRow,
} from "./store.js";
import {
  DEFAULT_SNAPSHOTS_LIMIT,
  MAX_SNAPSHOT_ERROR_LENGTH,
  MAX_SNAPSHOTS_LIMIT,
  SNAPSHOT_FORMAT_VERSION,
  type RestorableSnapshot,
  type SnapshotLineage,
  type SnapshotReason,
  type SnapshotView,
} from "./validators.js";

export { findHead, isSnapshotFile, type RestoreKey } from "./store.js";

// ── Uploading ───────────────────────────────────────────────────────────────

export type NewUpload = RestoreKey & {
  workerId: string;
  reason: SnapshotReason;
  /** What the worker restored, or its own last snapshot; absent when it started empty. */
  parentSnapshotId?: Id<"dataSnapshots">;
  nowMs?: number;
};

/** Records that an upload begins. It has one hour; what is not finalized by then is failed by retention. */
export async function prepareUpload(
  ctx: MutationCtx,
  { workerId, workspaceId, agentKey, conversationId, reason, parentSnapshotId, nowMs }: NewUpload,
): Promise<{ snapshotId: Id<"dataSnapshots">; uploadUrl: string; expiresAt: number }> {
  const createdAt = nowMs ?? Date.now();
  const expiresAt = createdAt + RETENTION.snapshotMs;
  const snapshotId = await ctx.db.insert("dataSnapshots", {
    workspaceId,
    agentKey,
    workerId,
    conversationId,
    reason,
    formatVersion: SNAPSHOT_FORMAT_VERSION,
    status: "uploading",
    createdAt,
    expiresAt,
    ...(parentSnapshotId === undefined ? {} : { parentSnapshotId }),
  });
  return { snapshotId, uploadUrl: await ctx.storage.generateUploadUrl(), expiresAt };
}

export type FinishedUpload = {
  workerId: string;
  snapshotId: Id<"dataSnapshots">;
  storageId: Id<"_storage">;
  /** Hex or base64. */
  sha256: string;
  sizeBytes: number;
  /** False: the conversation belongs to another worker by now, so this upload may not become its memory. */
  mayLead: boolean;
  nowMs?: number;
};
export type FinalizeResult =
  | { ok: true; lineage: SnapshotLineage; snapshot: Doc<"dataSnapshots"> }
  | { ok: false; lineage: null; reason: "unknown" | "state" | "file" };

/**
 * Makes an upload restorable, in this order:
 * - not this worker's snapshot: nothing happens ("unknown");
 * - finalized before with the same file (the answer was lost): the same answer again;
 * - the file belongs to something else, or is older than the upload: refused, and left alone;
 * - failed or expired meanwhile: it stays so, and the file, which nothing would ever name, is deleted ("state");
 * - size or SHA-256 differ from what is stored: the snapshot is failed and the file deleted ("file");
 * - otherwise ready, on the chain or beside it (see `decideLineage`).
 * @throws SNAPSHOT_REFUSED
 */
export async function finalizeUpload(
  ctx: MutationCtx,
  { workerId, snapshotId, storageId, sha256, sizeBytes, mayLead, nowMs }: FinishedUpload,
): Promise<FinalizeResult> {
  const now = nowMs ?? Date.now();
  const row = await ctx.db.get("dataSnapshots", snapshotId);
  if (row === null || row.workerId !== workerId)
    return { ok: false, lineage: null, reason: "unknown" };
  if (row.status === "ready" && row.archiveFileId === storageId) {
    return { ok: true, lineage: row.lineage ?? "main", snapshot: row };
  }

  const file = await findFile(ctx, storageId);
  const isOlder = file !== null && file.createdAt < row._creationTime;
  if (isOlder || (await isFileTaken(ctx, storageId, snapshotId))) {
    refuse(
      "SNAPSHOT_REFUSED",
      `Snapshot ${snapshotId} was given a file that was not uploaded for it.`,
      { snapshotId },
    );
  }
  if (row.status !== "uploading") {
    await deleteFile(ctx, storageId);
    return { ok: false, lineage: null, reason: "state" };
  }
  const problem = findFileProblem(file, { sha256, sizeBytes });
  if (problem !== null) {
    await ctx.db.patch("dataSnapshots", snapshotId, {
      status: "failed",
      error: problem,
      completedAt: now,
    });
    await deleteFile(ctx, storageId);
    return { ok: false, lineage: null, reason: "file" };
  }
  const head = await findHead(ctx, row);
  const lineage = mayLead ? decideLineage(row, head) : "detached";
  await ctx.db.patch("dataSnapshots", snapshotId, {
    archiveFileId: storageId,
    sha256: toSha256Hex(sha256) ?? sha256,
    sizeBytes,
    status: "ready",
    completedAt: now,
    lineage,
  });
  if (head !== null && lineage === "main") {
    await ctx.db.patch("dataSnapshots", head._id, { expiresAt: supersededExpiry(head, now) });
  }
  const snapshot = await ctx.db.get("dataSnapshots", snapshotId);
  return { ok: true, lineage, snapshot: snapshot ?? row };
}

/** Fails an upload of this worker. True when it is failed (also before); false when unknown, ready or expired. */
export async function failUpload(
  ctx: MutationCtx,
  args: { workerId: string; snapshotId: Id<"dataSnapshots">; error: string; nowMs?: number },
): Promise<boolean> {
  const row = await ctx.db.get("dataSnapshots", args.snapshotId);
  if (row === null || row.workerId !== args.workerId) return false;
  if (row.status === "failed") return true;
  if (row.status !== "uploading") return false;
  await ctx.db.patch("dataSnapshots", row._id, {
    status: "failed",
    error: redact(args.error, MAX_SNAPSHOT_ERROR_LENGTH),
    completedAt: args.nowMs ?? Date.now(),
  });
  return true;
}

// ── Restoring and listing ───────────────────────────────────────────────────

type UrlReader = Pick<QueryCtx, "db" | "storage">;

/** The head of the conversation's chain, whatever was uploaded, failed or detached after it; null without one. */
export async function latestForRestore(
  ctx: UrlReader,
  key: RestoreKey,
): Promise<RestorableSnapshot | null> {
  const head = await findHead(ctx, key);
  if (head?.archiveFileId === undefined) return null;
  const downloadUrl = await ctx.storage.getUrl(head.archiveFileId);
  if (downloadUrl === null) return null;
  return {
    snapshotId: head._id,
    downloadUrl,
    sha256: head.sha256 ?? null,
    sizeBytes: head.sizeBytes ?? null,
    createdAt: head.createdAt,
  };
}

/** Newest first, any status; limit 1…200, default 50. */
export async function listForConversation(
  ctx: UrlReader,
  args: { conversationId: string; limit?: number | undefined; nowMs?: number | undefined },
): Promise<SnapshotView[]> {
  const rows = await findByConversation(ctx, args.conversationId, clampLimit(args.limit));
  return await toViews(ctx, rows, args.nowMs ?? Date.now());
}

/** As listForConversation, for one workspace and agent. */
export async function listForRestoreKey(
  ctx: UrlReader,
  args: RestoreKey & { limit?: number | undefined; nowMs?: number | undefined },
): Promise<SnapshotView[]> {
  const rows = await findByRestoreKey(ctx, args, clampLimit(args.limit));
  return await toViews(ctx, rows, args.nowMs ?? Date.now());
}

function clampLimit(limit: number = DEFAULT_SNAPSHOTS_LIMIT): number {
  if (!Number.isFinite(limit)) return DEFAULT_SNAPSHOTS_LIMIT;
  return Math.min(Math.max(Math.floor(limit), 1), MAX_SNAPSHOTS_LIMIT);
}

async function toViews(ctx: UrlReader, rows: SnapshotRow[], now: number): Promise<SnapshotView[]> {
  return await Promise.all(
    rows.map(async (row) => ({
      snapshotId: row._id,
      createdAt: row.createdAt,
      sizeBytes: row.sizeBytes ?? null,
      sha256: row.sha256 ?? null,
      downloadUrl:
        row.archiveFileId !== undefined && (await isDownloadable(ctx, row, now))
          ? await ctx.storage.getUrl(row.archiveFileId)
          : null,
      status: row.status,
      conversationId: row.conversationId,
    })),
  );
}

/** Ready and unexpired; the head stays downloadable between its date and the sweep that renews it. */
async function isDownloadable(ctx: Reader, row: SnapshotRow, now: number): Promise<boolean> {
  if (row.status !== "ready") return false;
  return row.expiresAt > now || (await findHead(ctx, row))?._id === row._id;
}

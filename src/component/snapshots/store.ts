/** Rows of `dataSnapshots` and their files. */
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { restoreOrder, type UploadedFile } from "./lineage.js";
import { HEAD_SEARCH_DEPTH, type SnapshotStatus } from "./validators.js";

export type Reader = Pick<QueryCtx, "db">;
export type SnapshotRow = Doc<"dataSnapshots">;
/** Whose memory: exactly this triple is restored, never another conversation's. */
export type RestoreKey = { workspaceId: string; agentKey: string; conversationId: string };

/** The newest ready row of the chain whose file exists; rows of 3.x count as its beginning. */
export async function findHead(ctx: Reader, key: RestoreKey): Promise<SnapshotRow | null> {
  const [chained, unmarked] = await Promise.all([
    findReady(ctx, key, "main"),
    findReady(ctx, key, undefined),
  ]);
  for (const row of restoreOrder([...chained, ...unmarked])) {
    if (row.archiveFileId !== undefined && (await findFile(ctx, row.archiveFileId)) !== null) {
      return row;
    }
  }
  return null;
}

async function findReady(
  ctx: Reader,
  { workspaceId, agentKey, conversationId }: RestoreKey,
  lineage: "main" | undefined,
): Promise<SnapshotRow[]> {
  return await ctx.db
    .query("dataSnapshots")
    .withIndex("by_restore_key", (q) =>
      q
        .eq("workspaceId", workspaceId)
        .eq("agentKey", agentKey)
        .eq("conversationId", conversationId)
        .eq("status", "ready")
        .eq("lineage", lineage),
    )
    .order("desc")
    .take(HEAD_SEARCH_DEPTH);
}

/** Newest first, any status. */
export async function findByConversation(
  ctx: Reader,
  conversationId: string,
  limit: number,
): Promise<SnapshotRow[]> {
  return await ctx.db
    .query("dataSnapshots")
    .withIndex("by_conversationId_and_createdAt", (q) => q.eq("conversationId", conversationId))
    .order("desc")
    .take(limit);
}

/** Newest first, any status. */
export async function findByRestoreKey(
  ctx: Reader,
  { workspaceId, agentKey, conversationId }: RestoreKey,
  limit: number,
): Promise<SnapshotRow[]> {
  return await ctx.db
    .query("dataSnapshots")
    .withIndex("by_workspaceId_and_agentKey_and_conversationId_and_createdAt", (q) =>
      q
        .eq("workspaceId", workspaceId)
        .eq("agentKey", agentKey)
        .eq("conversationId", conversationId),
    )
    .order("desc")
    .take(limit);
}

/** Rows of one status that expired at `bound` or before, oldest first. */
export async function findExpiredBy(
  ctx: Reader,
  status: SnapshotStatus,
  bound: number,
  limit: number,
): Promise<SnapshotRow[]> {
  return await ctx.db
    .query("dataSnapshots")
    .withIndex("by_status_and_expiresAt", (q) => q.eq("status", status).lte("expiresAt", bound))
    .take(limit);
}

// ── Files ───────────────────────────────────────────────────────────────────

export async function findFile(ctx: Reader, fileId: Id<"_storage">): Promise<UploadedFile | null> {
  const file = await ctx.db.system.get("_storage", fileId);
  if (file === null) return null;
  return { size: file.size, sha256: file.sha256, createdAt: file._creationTime };
}

/** True when the file is somebody else's: another snapshot's archive, or media of a conversation. */
export async function isFileTaken(
  ctx: Reader,
  fileId: Id<"_storage">,
  snapshotId: Id<"dataSnapshots">,
): Promise<boolean> {
  const archives = await ctx.db
    .query("dataSnapshots")
    .withIndex("by_archiveFileId", (q) => q.eq("archiveFileId", fileId))
    .take(2);
  if (archives.some((row) => row._id !== snapshotId)) return true;
  const media = await ctx.db
    .query("mediaFiles")
    .withIndex("by_storageId", (q) => q.eq("storageId", fileId))
    .first();
  return media !== null;
}

/** True when the file is the archive of a snapshot. */
export async function isSnapshotFile(ctx: Reader, fileId: Id<"_storage">): Promise<boolean> {
  const archive = await ctx.db
    .query("dataSnapshots")
    .withIndex("by_archiveFileId", (q) => q.eq("archiveFileId", fileId))
    .first();
  return archive !== null;
}

/** Deleting a file that is gone throws, and would stop a sweep at the same row for ever. */
export async function deleteFile(ctx: MutationCtx, fileId: Id<"_storage">): Promise<void> {
  if ((await findFile(ctx, fileId)) !== null) await ctx.storage.delete(fileId);
}

/** Files of messages: only what came through our own upload URLs, for its purpose and owner. */
import { refuse } from "../../shared/errors.js";
import type { Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { isSnapshotFile } from "../snapshots/ops.js";

export type MediaOwner = {
  purpose: "attachment" | "worker_media";
  workerId?: string | undefined;
  conversationId?: string | undefined;
};

/**
 * Remembers an uploaded file so that it may be attached or read.
 * @throws INVALID_ARGUMENT there is no such file; FORBIDDEN something or somebody else has it
 */
export async function registerMediaFile(
  ctx: MutationCtx,
  storageId: Id<"_storage">,
  owner: MediaOwner,
  now: number,
): Promise<void> {
  if ((await ctx.db.system.get("_storage", storageId)) === null)
    refuse("INVALID_ARGUMENT", `File '${storageId}' does not exist.`, { storageId });
  const known = await findMediaFile(ctx, storageId);
  const foreign =
    known === null
      ? await isSnapshotFile(ctx, storageId)
      : known.purpose !== owner.purpose ||
        known.workerId !== owner.workerId ||
        (owner.conversationId !== undefined && known.conversationId !== owner.conversationId);
  if (foreign) refuse("FORBIDDEN", `File '${storageId}' belongs to something else.`, { storageId });
  if (known !== null) return;
  await ctx.db.insert("mediaFiles", {
    storageId,
    purpose: owner.purpose,
    createdAt: now,
    ...(owner.workerId === undefined ? {} : { workerId: owner.workerId }),
    ...(owner.conversationId === undefined ? {} : { conversationId: owner.conversationId }),
  });
}

export async function findMediaFile(ctx: QueryCtx, storageId: Id<"_storage">) {
  return await ctx.db
    .query("mediaFiles")
    .withIndex("by_storageId", (q) => q.eq("storageId", storageId))
    .first();
}

/** The URL of a file; null for an archive of a snapshot, which only its worker may read. */
export async function mediaUrl(ctx: QueryCtx, storageId: Id<"_storage">): Promise<string | null> {
  return (await isSnapshotFile(ctx, storageId)) ? null : await ctx.storage.getUrl(storageId);
}

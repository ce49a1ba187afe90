/** Files end before the rows that speak of them, and only when no other message still has them. */
import { RETENTION } from "../config.js";
import type { Doc, Id, MutationCtx } from "../kit/functions.js";

/** The file goes, the rows stay: the conversation still shows that there was one. */
export async function expireAttachments(
  ctx: MutationCtx,
  now: number,
  limit: number,
): Promise<number> {
  const due = await ctx.db
    .query("messageAttachments")
    .withIndex("by_status_and_expiresAt", (q) => q.eq("status", "ready").lte("expiresAt", now))
    .take(limit);
  for (const attachment of due) {
    await deleteAttachmentFile(ctx, attachment);
    await ctx.db.patch("messageAttachments", attachment._id, { status: "expired" });
    const message = await ctx.db.get("messageQueue", attachment.messageId);
    if (message === null) continue;
    const attachments = message.payload.attachments?.map((other) =>
      other.storageId === attachment.storageId ? { ...other, status: "expired" as const } : other,
    );
    await ctx.db.patch("messageQueue", message._id, {
      payload: { ...message.payload, ...(attachments === undefined ? {} : { attachments }) },
    });
  }
  return due.length;
}

/** Deletes the attachment's file, unless another message still has it. */
export async function deleteAttachmentFile(
  ctx: MutationCtx,
  { _id, storageId }: Pick<Doc<"messageAttachments">, "_id" | "storageId">,
): Promise<void> {
  if ((await findUsers(ctx, storageId)).some((other) => other._id !== _id)) return;
  const registration = await ctx.db
    .query("mediaFiles")
    .withIndex("by_storageId", (q) => q.eq("storageId", storageId))
    .first();
  if (registration !== null) await ctx.db.delete("mediaFiles", registration._id);
  await deleteFile(ctx, storageId);
}

async function findUsers(ctx: MutationCtx, storageId: Id<"_storage">) {
  return await ctx.db
    .query("messageAttachments")
    .withIndex("by_storageId_and_status", (q) => q.eq("storageId", storageId).eq("status", "ready"))
    .take(2);
}

/** Deleting a file that is gone would throw and stop the sweep at this row for ever. */
async function deleteFile(ctx: MutationCtx, storageId: Id<"_storage">): Promise<void> {
  if ((await ctx.db.system.get("_storage", storageId)) !== null)
    await ctx.storage.delete(storageId);
}

/** Files that were uploaded and never attached, and those that workers uploaded. */
export async function deleteUnusedFiles(
  ctx: MutationCtx,
  now: number,
  limit: number,
): Promise<number> {
  const old = await ctx.db
    .query("mediaFiles")
    .withIndex("by_createdAt", (q) => q.lte("createdAt", now - RETENTION.attachmentMs))
    .take(limit);
  for (const file of old) {
    if ((await findUsers(ctx, file.storageId)).length > 0) {
      // Its attachment lives longer: looked at again in a week, so that it does not hide others from this batch.
      await ctx.db.patch("mediaFiles", file._id, { createdAt: now });
      continue;
    }
    await ctx.db.delete("mediaFiles", file._id);
    await deleteFile(ctx, file.storageId);
  }
  return old.length;
}

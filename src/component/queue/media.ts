/** Files of messages: only what came through our own upload URLs, for its purpose and owner. */
import { refuse } from "../../shared/errors.js";
import type { Id, MutationCtx, QueryCtx } from "../kit/functions.js";

export type MediaOwner = {
  purpose: "attachment" | "worker_media";
  workerId?: string | undefined;
  conversationId?: string | undefined;
};

/** Remembers an uploaded file so that it may be attached or read. Refuses a file that something else uses. */
export async function registerMediaFile(
  ctx: MutationCtx,
  storageId: Id<"_storage">,
  owner: MediaOwner,
  now: number,
): Promise<void> {
  if ((await ctx.db.system.get("_storage", storageId)) === null)
    refuse("INVALID_ARGUMENT", `File '${storageId}' does not exist.`, { storageId });
  if ((await findMediaFile(ctx, storageId)) !== null) return;
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

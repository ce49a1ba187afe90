/** Files that were fetched for a message which is not there yet. */
import { v } from "convex/values";
import { internalMutation } from "../kit/functions.js";
import { registerMediaFile } from "../queue/ops.js";
import { attachmentExpiresAt } from "./turnStore.js";

/** Lets the file be attached to any conversation, by whoever got its id from us; returns when it expires. */
export const register = internalMutation({
  args: { storageId: v.id("_storage") },
  returns: v.number(),
  handler: async (ctx, { storageId }) => {
    const now = Date.now();
    await registerMediaFile(ctx, storageId, { purpose: "attachment" }, now);
    return await attachmentExpiresAt(ctx, now);
  },
});

import { v } from "convex/values";
import { query } from "../kit/functions.js";
import { listForConversation } from "./ops.js";
import { vSnapshotView } from "./validators.js";

/**
 * The snapshots of a conversation, newest first, any status; `limit` is 1…200, default 50. `downloadUrl` is present
 * for ready snapshots that have not expired, and for the one that the next worker would restore.
 */
export const listSnapshotsForConversation = query({
  args: {
    conversationId: v.string(),
    limit: v.optional(v.number()),
    nowMs: v.optional(v.number()),
  },
  returns: v.array(vSnapshotView),
  handler: async (ctx, args) => await listForConversation(ctx, args),
});

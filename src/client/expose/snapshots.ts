import { v } from "convex/values";
import { vSnapshotView } from "../../component/snapshots/validators.js";
import { query, type Lib } from "../define.js";

/** Archives of workers' data. */
export function exposeSnapshots(lib: Lib) {
  return {
    /** Snapshots of a conversation, newest first; `limit` 1…200, default 50. The URLs are bearer URLs. */
    listSnapshotsForConversation: query({
      sensitivity: "user",
      args: { conversationId: v.string(), limit: v.optional(v.number()) },
      returns: v.array(vSnapshotView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listSnapshotsForConversation, args),
    }),
  };
}

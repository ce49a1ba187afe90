import { v } from "convex/values";
import { vHistoryEntry } from "../../component/conversations/validators.js";
import { query, type Lib } from "../define.js";

/** The history of conversations. */
export function exposeConversations(lib: Lib) {
  return {
    /**
     * A page of a conversation, newest page first; entries are oldest first inside it. Pass `continueBefore` as
     * `before` for the next older page. `limit` 1…200, default 50.
     */
    listConversationMessages: query({
      sensitivity: "user",
      args: {
        conversationId: v.string(),
        before: v.optional(v.number()),
        limit: v.optional(v.number()),
      },
      returns: v.object({
        entries: v.array(vHistoryEntry),
        continueBefore: v.union(v.null(), v.number()),
      }),
      handler: async (ctx, args) => await ctx.runQuery(lib.listConversationMessages, args),
    }),
  };
}

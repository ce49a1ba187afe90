import { v } from "convex/values";
import { query } from "../kit/functions.js";
import { historyPage } from "./ops.js";
import { vHistoryEntry } from "./validators.js";

/**
 * A page of a conversation's history, newest page first; entries are oldest first inside it. Pass
 * `continueBefore` as `before` for the next older page; null: that was the beginning. `limit` 1…200, default 50;
 * fewer when the entries are large.
 */
export const listConversationMessages = query({
  args: {
    conversationId: v.string(),
    before: v.optional(v.number()),
    limit: v.optional(v.number()),
  },
  returns: v.object({
    entries: v.array(vHistoryEntry),
    continueBefore: v.union(v.null(), v.number()),
  }),
  handler: async (ctx, args) => await historyPage(ctx, args.conversationId, args),
});

import { v } from "convex/values";
import { mutation } from "../kit/functions.js";
import { appendHistory, loadConversation } from "./ops.js";
import { vNewHistoryEntry } from "./validators.js";

/**
 * Appends to a conversation's history; an unknown conversation changes nothing ({updated: false}). A missing
 * `at` is now + index. While a message of the conversation is leased the entries belong to it, and a repeated
 * append of the same roles adds nothing. `workspaceId` is accepted for compatibility.
 *
 * @throws PAYLOAD_TOO_LARGE an entry above 512 KiB; INVALID_ARGUMENT more than 200 entries
 */
export const appendConversationMessages = mutation({
  args: {
    conversationId: v.string(),
    workspaceId: v.optional(v.string()),
    messages: v.array(vNewHistoryEntry),
    nowMs: v.optional(v.number()),
  },
  returns: v.object({ updated: v.boolean(), messageCount: v.number() }),
  handler: async (ctx, args) => {
    const conversation = await loadConversation(ctx, args.conversationId);
    if (conversation === null) return { updated: false, messageCount: 0 };
    const messageCount = await appendHistory(
      ctx,
      conversation,
      args.messages,
      args.nowMs ?? Date.now(),
      conversation.processingLock?.claimedMessageId,
    );
    return { updated: true, messageCount };
  },
});

import { defineTable } from "convex/server";
import { v } from "convex/values";
import { fileFields, vFileState, vIngressOptions, vQuarantineReason } from "./validators.js";

export const telegramTables = {
  /** Updates that were answered 200 and could not be used. Inserted by the webhook, deleted by retention. */
  telegramQuarantine: defineTable({
    botIdentity: v.optional(v.string()),
    telegramChatId: v.optional(v.string()),
    updateId: v.optional(v.number()),
    reason: vQuarantineReason,
    detail: v.string(),
    /** The update as it came, cut. */
    body: v.string(),
    at: v.number(),
    /** How the app wanted senders to be matched when it came; absent where nothing could be sent in again. */
    options: v.optional(vIngressOptions),
    /** The message that an operator made of it. */
    messageId: v.optional(v.id("messageQueue")),
  }).index("by_at", ["at"]),

  /**
   * Groups that became supergroups, by their new id. Inserted when Telegram says so, never changed: a group moves once,
   * and its conversation keeps the old id for life.
   */
  telegramChatMoves: defineTable({
    botIdentity: v.string(),
    fromChatId: v.string(),
    toChatId: v.string(),
    at: v.number(),
  }).index("by_botIdentity_and_toChatId", ["botIdentity", "toChatId"]),

  /**
   * A queued message that is still being put together: files on their way, more of an album, a caption that follows.
   * Inserted by the webhook, deleted when the message is let go.
   */
  telegramTurns: defineTable({
    messageId: v.id("messageQueue"),
    conversationId: v.string(),
    agentKey: v.string(),
    botIdentity: v.string(),
    telegramChatId: v.string(),
    telegramUserId: v.string(),
    /** The topic of the chat. */
    threadId: v.optional(v.number()),
    mediaGroupId: v.optional(v.string()),
    /** The messages of this turn in their order. */
    texts: v.array(
      v.object({
        telegramMessageId: v.number(),
        text: v.string(),
        editedAt: v.optional(v.number()),
      }),
    ),
    files: v.array(
      v.object({
        ...fileFields,
        state: vFileState,
        storageId: v.optional(v.id("_storage")),
        error: v.optional(v.string()),
      }),
    ),
    /** More of the turn may come until then. */
    windowEndsAt: v.number(),
    /** Files that are not there by then are given up. */
    deadlineAt: v.number(),
    startedAt: v.number(),
  })
    .index("by_messageId", ["messageId"])
    .index("by_botIdentity_and_telegramChatId", ["botIdentity", "telegramChatId"])
    .index("by_deadlineAt", ["deadlineAt"]),
};

import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vBindingSource, vBindingStatus, vPairingStatus } from "./validators.js";

export const identityTables = {
  /** User ↔ agent. At most one active binding per user, and per Telegram user and chat of one bot. */
  identityBindings: defineTable({
    consumerUserId: v.string(),
    agentKey: v.string(),
    conversationId: v.string(),
    botIdentity: v.optional(v.string()),
    status: vBindingStatus,
    source: vBindingSource,
    telegramUserId: v.optional(v.string()),
    telegramChatId: v.optional(v.string()),
    metadata: v.optional(v.record(v.string(), v.string())),
    boundAt: v.number(),
    revokedAt: v.optional(v.number()),
  })
    .index("by_consumerUserId_and_status", ["consumerUserId", "status"])
    .index("by_consumerUserId_and_agentKey_and_boundAt", ["consumerUserId", "agentKey", "boundAt"])
    .index("by_botIdentity_and_telegramUserId_and_status", [
      "botIdentity",
      "telegramUserId",
      "status",
    ])
    .index("by_botIdentity_and_telegramChatId_and_status", [
      "botIdentity",
      "telegramChatId",
      "status",
    ])
    .index("by_telegramUserId_and_status", ["telegramUserId", "status"])
    .index("by_telegramChatId_and_status", ["telegramChatId", "status"])
    .index("by_agentKey_and_status", ["agentKey", "status"])
    /** Pairings of 3.0.x that know no bot, each kind once: the soft reset. */
    .index("by_botIdentity_and_source_and_status", ["botIdentity", "source", "status"]),

  /** Codes that a user sends to the bot to bind a chat. Deleted by retention. */
  pairingCodes: defineTable({
    code: v.string(),
    consumerUserId: v.string(),
    agentKey: v.string(),
    botIdentity: v.optional(v.string()),
    status: vPairingStatus,
    createdAt: v.number(),
    expiresAt: v.number(),
    usedAt: v.optional(v.number()),
    telegramUserId: v.optional(v.string()),
    telegramChatId: v.optional(v.string()),
  })
    .index("by_code", ["code"])
    .index("by_consumerUserId_and_status", ["consumerUserId", "status"])
    .index("by_consumerUserId_and_agentKey_and_createdAt", [
      "consumerUserId",
      "agentKey",
      "createdAt",
    ])
    .index("by_botIdentity_and_status", ["botIdentity", "status"])
    .index("by_expiresAt", ["expiresAt"]),

  /** Wrong codes per chat and window: what limits guessing. Written by the webhook, deleted by retention. */
  pairingAttempts: defineTable({
    botIdentity: v.string(),
    telegramChatId: v.string(),
    count: v.number(),
    windowEndsAt: v.number(),
  })
    .index("by_botIdentity_and_telegramChatId", ["botIdentity", "telegramChatId"])
    .index("by_windowEndsAt", ["windowEndsAt"]),

  /**
   * One per bot that was verified with Telegram: its name, the hash of its webhook secret, what Telegram last said
   * about its webhook. Written by token import, webhook configuration and readiness checks.
   */
  telegramBots: defineTable({
    botIdentity: v.string(),
    username: v.optional(v.string()),
    /** Where its token is: replies that the component itself sends use it. */
    secretRef: v.optional(v.string()),
    /** SHA-256 of the webhook secret; updates that were on their way while it changed carry the former one. */
    webhookSecretHash: v.optional(v.string()),
    formerSecretHash: v.optional(v.string()),
    formerSecretUntil: v.optional(v.number()),
    webhookUrl: v.optional(v.string()),
    /** When Telegram last confirmed that it delivers to webhookUrl; absent when it does not. */
    webhookVerifiedAt: v.optional(v.number()),
    updatedAt: v.number(),
  }).index("by_botIdentity", ["botIdentity"]),

  /**
   * Chats that a bot cannot write to: the user blocked it, or it was removed. Written when Telegram says so (update or
   * refused reply), deleted when the chat is heard of again. Bindings stay; pushes wait.
   */
  telegramBlockedChats: defineTable({
    botIdentity: v.string(),
    telegramChatId: v.string(),
    reason: v.string(),
    since: v.number(),
  })
    .index("by_botIdentity_and_telegramChatId", ["botIdentity", "telegramChatId"])
    .index("by_since", ["since"]),
};

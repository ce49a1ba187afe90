import { defineTable } from "convex/server";
import { v } from "convex/values";

export const identityTables = {
  /** User ↔ agent. At most one active binding per user, and per Telegram user and chat of one bot. */
  identityBindings: defineTable({
    consumerUserId: v.string(),
    agentKey: v.string(),
    conversationId: v.string(),
    botIdentity: v.optional(v.string()),
    status: v.union(v.literal("active"), v.literal("revoked")),
    source: v.union(v.literal("manual"), v.literal("telegram_pairing"), v.literal("api")),
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
    .index("by_agentKey_and_status", ["agentKey", "status"]),

  /** Codes that a user sends to the bot to bind a chat. */
  pairingCodes: defineTable({
    code: v.string(),
    consumerUserId: v.string(),
    agentKey: v.string(),
    botIdentity: v.optional(v.string()),
    status: v.union(v.literal("pending"), v.literal("used"), v.literal("expired")),
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
};

import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vBridgeConfig } from "./validators.js";

export const agentsTables = {
  /** One per agentKey. Written by configureAgent, token onboarding and pause/resume. */
  agentProfiles: defineTable({
    agentKey: v.string(),
    version: v.string(),
    secretsRef: v.array(v.string()),
    /** Telegram's numeric bot id as a string. */
    botIdentity: v.optional(v.string()),
    bridgeConfig: v.optional(vBridgeConfig),
    enabled: v.boolean(),
    companyId: v.optional(v.string()),
    /** Set while an operator holds the agent: its messages wait, nothing is lost. */
    pausedAt: v.optional(v.number()),
  })
    .index("by_agentKey", ["agentKey"])
    .index("by_botIdentity", ["botIdentity"])
    .index("by_enabled", ["enabled"])
    /** Listings in the order of their keys: a page ends at a key and the next one begins after it. */
    .index("by_enabled_and_agentKey", ["enabled", "agentKey"])
    .index("by_companyId_and_agentKey", ["companyId", "agentKey"])
    .index("by_companyId_and_enabled_and_agentKey", ["companyId", "enabled", "agentKey"]),
};

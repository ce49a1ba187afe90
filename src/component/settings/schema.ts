import { defineTable } from "convex/server";
import { v } from "convex/values";
import {
  vMessageConfig,
  vPolicyOverrides,
  vProviderConfig,
  vWorkerRuntimeConfig,
} from "../config.js";

export const settingsTables = {
  /** Singletons by key: "provider", "message", "worker", "policy". Written by operators only. */
  runtimeConfig: defineTable({
    key: v.string(),
    providerConfig: v.optional(vProviderConfig),
    messageConfig: v.optional(vMessageConfig),
    /** Who wrote providerConfig: an operator's explicit call outranks the app's static options. */
    source: v.optional(v.union(v.literal("explicit"), v.literal("options"))),
    workerConfig: v.optional(vWorkerRuntimeConfig),
    policyConfig: v.optional(vPolicyOverrides),
    updatedAt: v.number(),
  }).index("by_key", ["key"]),
};

import { v } from "convex/values";
import { vMessageStatus, vMetadata, vQueueItemView } from "../../component/queue/validators.js";
import { vSnapshotView } from "../../component/snapshots/validators.js";
import { userAgentArgs, vConversationView } from "../../component/userAgents/validators.js";
import {
  vConversationStats,
  vMessageExplanation,
  vPushStats,
  vUsageStats,
} from "../../component/views/validators.js";
import { mutation, query, type Lib } from "../define.js";
import { scopedKey } from "../hash.js";
import type { ProviderOptions } from "../types.js";
import { providerArg } from "./provider.js";

const limit = v.optional(v.number());

/** A user's page about one agent. `auth` sees whose (`consumerUserId`) and which agent. */
export function exposeUserAgents(lib: Lib, options: ProviderOptions) {
  return {
    /**
     * Sends a text to the user's agent; returns the message id. An `idempotencyKey` seen in the last 48 h for this user
     * and agent returns the first message's id.
     */
    sendMessageToUserAgent: mutation({
      sensitivity: "user",
      args: {
        ...userAgentArgs,
        content: v.string(),
        metadata: v.optional(vMetadata),
        idempotencyKey: v.optional(v.string()),
      },
      returns: v.string(),
      handler: async (ctx, { idempotencyKey, ...args }) =>
        await ctx.runMutation(lib.sendMessageToUserAgent, {
          ...args,
          ...(await keyArg(args, idempotencyKey)),
          ...providerArg(options),
        }),
    }),

    /** Sends a message template's text to the user's agent and counts the use. */
    sendMessageTemplateToUserAgent: mutation({
      sensitivity: "user",
      args: {
        ...userAgentArgs,
        templateId: v.string(),
        companyId: v.optional(v.string()),
        metadata: v.optional(vMetadata),
        idempotencyKey: v.optional(v.string()),
      },
      returns: v.object({ messageId: v.string(), usageCount: v.number() }),
      handler: async (ctx, { idempotencyKey, ...args }) =>
        await ctx.runMutation(lib.sendMessageTemplateToUserAgent, {
          ...args,
          ...(await keyArg(args, idempotencyKey)),
          ...providerArg(options),
        }),
    }),

    /** The user's conversation: a page of its history (`historyLimit`, `historyBefore`) and its newest messages. */
    getConversationViewForUserAgent: query({
      sensitivity: "user",
      args: {
        ...userAgentArgs,
        limit,
        historyLimit: v.optional(v.number()),
        historyBefore: v.optional(v.number()),
      },
      returns: vConversationView,
      handler: async (ctx, args) => await ctx.runQuery(lib.getConversationViewForUserAgent, args),
    }),

    /** Messages of the user's conversation, newest first, only `statuses`; `limit` 1…500, default 100. */
    listQueueItemsForUserAgent: query({
      sensitivity: "user",
      args: { ...userAgentArgs, statuses: v.optional(v.array(vMessageStatus)), limit },
      returns: v.array(vQueueItemView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listQueueItemsForUserAgent, args),
    }),

    /** Snapshots of the user's conversation, newest first. The URLs are bearer URLs. */
    listSnapshotsForUserAgent: query({
      sensitivity: "user",
      args: { ...userAgentArgs, limit },
      returns: v.array(vSnapshotView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listSnapshotsForUserAgent, args),
    }),

    /** The newest snapshot of the user's conversation, any status, or null. */
    getLatestSnapshotForUserAgent: query({
      sensitivity: "user",
      args: userAgentArgs,
      returns: v.union(v.null(), vSnapshotView),
      handler: async (ctx, args) => await ctx.runQuery(lib.getLatestSnapshotForUserAgent, args),
    }),

    // ── Statistics ──────────────────────────────────────────────────────────

    /** Push jobs and runs of the user with the agent. */
    getUserAgentPushStats: query({
      sensitivity: "user",
      args: userAgentArgs,
      returns: vPushStats,
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgentPushStats, args),
    }),

    /** History, waiting and failed messages; zeros unless the agent is the user's active, enabled one. */
    getUserAgentConversationStats: query({
      sensitivity: "user",
      args: userAgentArgs,
      returns: vConversationStats,
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgentConversationStats, args),
    }),

    /** Both of the above. */
    getUserAgentUsageStats: query({
      sensitivity: "user",
      args: userAgentArgs,
      returns: vUsageStats,
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgentUsageStats, args),
    }),
  };
}

/** Why messages are not answered. For operators: the answer speaks of machines, errors and secrets' names. */
export function exposeExplanations(lib: Lib) {
  return {
    /** What a message waits for, since when and until when, with its events; null when it does not exist. */
    explainMessage: query({
      sensitivity: "operator",
      args: { messageId: v.string() },
      returns: v.union(v.null(), vMessageExplanation),
      handler: async (ctx, args) => await ctx.runQuery(lib.explainMessage, args),
    }),
  };
}

async function keyArg(
  { consumerUserId, agentKey }: { consumerUserId: string; agentKey: string },
  key: string | undefined,
): Promise<{ idempotencyKey?: string }> {
  if (key === undefined) return {};
  return { idempotencyKey: await scopedKey(["user-agent", agentKey, consumerUserId], key) };
}

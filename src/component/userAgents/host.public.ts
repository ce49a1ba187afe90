/** A user's page for the app: write to the agent, see what became of it. */
import { v } from "convex/values";
import { vProviderConfig } from "../config.js";
import { mutation, query } from "../kit/functions.js";
import { vMessageStatus, vMetadata, vQueueItemView } from "../queue/validators.js";
import { vSnapshotView } from "../snapshots/validators.js";
import { listQueueItems, listSnapshots, sendToUserAgent, viewConversation } from "./ops.js";
import { userAgentArgs, vConversationView } from "./validators.js";

const nowMs = v.optional(v.number());

/**
 * Sends a text to the user's agent, into the conversation that Telegram shares when it is linked. Returns the message
 * id; with an `idempotencyKey` seen in the last 48 h, the first one's.
 * @throws BINDING_MISSING the user is not bound to the agent; AGENT_NOT_READY; PAYLOAD_TOO_LARGE
 */
export const sendMessageToUserAgent = mutation({
  args: {
    ...userAgentArgs,
    content: v.string(),
    metadata: v.optional(vMetadata),
    idempotencyKey: v.optional(v.string()),
    nowMs,
    providerConfig: v.optional(vProviderConfig),
  },
  returns: v.id("messageQueue"),
  handler: async (ctx, { content: text, metadata, nowMs: now, ...rest }) => {
    const { consumerUserId } = rest;
    const full = { ...metadata, consumerUserId, source: "user_agent_api" };
    return await sendToUserAgent(ctx, { ...rest, text, metadata: full }, now ?? Date.now());
  },
});

/** Messages of the user's conversation, newest scheduledFor first, only `statuses`; `limit` 1…500, default 100. */
export const listQueueItemsForUserAgent = query({
  args: {
    ...userAgentArgs,
    statuses: v.optional(v.array(vMessageStatus)),
    limit: v.optional(v.number()),
  },
  returns: v.array(vQueueItemView),
  handler: async (ctx, args) => await listQueueItems(ctx, args, args),
});

/**
 * The user's conversation: a page of its history (`historyLimit` 1…200, default 200; the newest, or the one before
 * `historyBefore`) and its newest messages (`limit` 1…500, default 100).
 */
export const getConversationViewForUserAgent = query({
  args: {
    ...userAgentArgs,
    limit: v.optional(v.number()),
    historyLimit: v.optional(v.number()),
    historyBefore: v.optional(v.number()),
  },
  returns: vConversationView,
  handler: async (ctx, args) => await viewConversation(ctx, args, args),
});

/** Snapshots of the user's conversation, newest first, any status; `limit` 1…200, default 50. */
export const listSnapshotsForUserAgent = query({
  args: { ...userAgentArgs, limit: v.optional(v.number()), nowMs },
  returns: v.array(vSnapshotView),
  handler: async (ctx, args) =>
    await listSnapshots(ctx, args, args.limit, args.nowMs ?? Date.now()),
});

/** The newest snapshot of the user's conversation, any status, or null. */
export const getLatestSnapshotForUserAgent = query({
  args: { ...userAgentArgs, nowMs },
  returns: v.union(v.null(), vSnapshotView),
  handler: async (ctx, args) =>
    (await listSnapshots(ctx, args, 1, args.nowMs ?? Date.now()))[0] ?? null,
});

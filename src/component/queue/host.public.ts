/** The queue for the app: enqueue and look. */
import { v } from "convex/values";
import { vProviderConfig } from "../config.js";
import { mutation, query } from "../kit/functions.js";
import { clock } from "./clock.js";
import { listMessageEvents as eventsOfMessage } from "../trail/ops.js";
import { vMessageEventKind } from "../trail/validators.js";
import { enqueueMessage } from "./intake.js";
import { hasQueued, listForConversation, queueCounts } from "./listings.js";
import { mediaUrl, registerMediaFile } from "./media.js";
import { attachMetadata } from "./payload.js";
import { attachmentFields, payloadFields, vMetadata, vQueueItemView } from "./validators.js";

const vNewPayload = v.object({
  ...payloadFields,
  attachments: v.optional(
    v.array(
      v.object({
        ...attachmentFields,
        storageId: v.id("_storage"),
        downloadUrl: v.optional(v.string()),
      }),
    ),
  ),
});

/**
 * Puts a message into the queue of its conversation (created on first use, then bound to its agent for life) and
 * wakes the scheduler. Returns the message id; with an `idempotencyKey` seen in the last 48 h, the first one's id.
 * `priority` 0…100, default 50; `scheduledFor` epoch ms, default now; `maxAttempts` default 5. `providerConfig`
 * is stored when none was set by `setProviderRuntimeConfig`.
 *
 * @throws AGENT_NOT_READY the agent is missing or disabled; CONVERSATION_BOUND it belongs to another agent;
 *   INVALID_ARGUMENT, PAYLOAD_TOO_LARGE (256 KiB), FORBIDDEN (an attachment that was not uploaded here)
 */
export const enqueue = mutation({
  args: {
    conversationId: v.string(),
    agentKey: v.string(),
    payload: vNewPayload,
    priority: v.optional(v.number()),
    scheduledFor: v.optional(v.number()),
    maxAttempts: v.optional(v.number()),
    idempotencyKey: v.optional(v.string()),
    nowMs: v.optional(v.number()),
    providerConfig: v.optional(vProviderConfig),
  },
  returns: v.id("messageQueue"),
  handler: async (ctx, args) => await enqueueMessage(ctx, args, clock(args.nowMs)),
});

/** Messages of a conversation, newest scheduledFor first; `limit` 1…500, default 100; fewer when their payloads are large. */
export const listQueueItemsForConversation = query({
  args: { conversationId: v.string(), limit: v.optional(v.number()) },
  returns: v.array(vQueueItemView),
  handler: async (ctx, args) => await listForConversation(ctx, args.conversationId, args.limit),
});

/** True while a message of the conversation waits, also one scheduled for later. */
export const hasQueuedJobsForConversation = query({
  args: { conversationId: v.string() },
  returns: v.boolean(),
  handler: async (ctx, args) => await hasQueued(ctx, args.conversationId),
});

/** Messages ready, processing and dead-lettered. Reads counters, not the queue. */
export const queueStats = query({
  args: { nowMs: v.optional(v.number()) },
  returns: v.object({ queuedReady: v.number(), processing: v.number(), deadLetter: v.number() }),
  handler: async (ctx, args) => await queueCounts(ctx, clock(args.nowMs)),
});

/** Merges keys into a message's metadata; false when the message is gone. @throws PAYLOAD_TOO_LARGE */
export const attachMessageMetadata = mutation({
  args: { messageId: v.id("messageQueue"), metadata: vMetadata },
  returns: v.boolean(),
  handler: async (ctx, args) => {
    const message = await ctx.db.get("messageQueue", args.messageId);
    if (message === null) return false;
    await attachMetadata(ctx, message, args.metadata);
    return true;
  },
});

/** A URL to POST one file to; valid for an hour. Register the answered storageId with registerUploadedFile. */
export const generateMediaUploadUrl = mutation({
  args: {},
  returns: v.object({ uploadUrl: v.string() }),
  handler: async (ctx) => ({ uploadUrl: await ctx.storage.generateUploadUrl() }),
});

/**
 * Makes an uploaded file usable as an attachment, of one conversation when that is named. A no-op when it already is.
 * @throws INVALID_ARGUMENT no such file; FORBIDDEN it belongs to another conversation, a worker or a snapshot
 */
export const registerUploadedFile = mutation({
  args: { storageId: v.id("_storage"), conversationId: v.optional(v.string()) },
  returns: v.null(),
  handler: async (ctx, args) => {
    const owner = { purpose: "attachment", conversationId: args.conversationId } as const;
    await registerMediaFile(ctx, args.storageId, owner, Date.now());
    return null;
  },
});

/** The URL of a media file, or null. Archives of snapshots have none here. */
export const getStorageFileUrl = query({
  args: { storageId: v.id("_storage") },
  returns: v.union(v.null(), v.string()),
  handler: async (ctx, args) => await mediaUrl(ctx, args.storageId),
});

/** What happened to a message, oldest first; at most 200 events, kept for a week. */
export const listMessageEvents = query({
  args: { messageId: v.string() },
  returns: v.array(
    v.object({
      kind: vMessageEventKind,
      at: v.number(),
      workerId: v.union(v.null(), v.string()),
      detail: v.union(v.null(), v.string()),
    }),
  ),
  handler: async (ctx, args) =>
    (await eventsOfMessage(ctx, args.messageId)).map((event) => ({
      kind: event.kind,
      at: event.at,
      workerId: event.workerId ?? null,
      detail: event.detail ?? null,
    })),
});

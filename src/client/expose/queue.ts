import { v } from "convex/values";
import { vProviderConfig } from "../../component/config.js";
import {
  attachmentFields,
  payloadFields,
  vQueueItemView,
} from "../../component/queue/validators.js";
import { mutation, query, type Lib } from "../define.js";
import { scopedKey } from "../hash.js";
import type { ProviderOptions } from "../types.js";
import { providerArg } from "./provider.js";

const vAttachment = v.object({ ...attachmentFields, storageId: v.string() });

/** Messages, for the people who write them. */
export function exposeQueue(lib: Lib, options: ProviderOptions) {
  return {
    /**
     * Puts a message into the queue of its conversation and returns its id. An `idempotencyKey` seen in the last
     * 48 h for this conversation returns the first message's id. A `providerConfig` decides what machines run, so it
     * needs an operator; it replaces the stored one until `setProviderRuntimeConfig` was called.
     */
    enqueue: mutation({
      sensitivity: "user",
      needsOperator: (args) => args.providerConfig !== undefined,
      args: {
        conversationId: v.string(),
        agentKey: v.string(),
        ...payloadFields,
        attachments: v.optional(v.array(vAttachment)),
        priority: v.optional(v.number()),
        idempotencyKey: v.optional(v.string()),
        providerConfig: v.optional(vProviderConfig),
      },
      returns: v.string(),
      handler: async (ctx, args) => {
        const { conversationId, agentKey, priority, idempotencyKey, providerConfig, ...payload } =
          args;
        return await ctx.runMutation(lib.enqueue, {
          conversationId,
          agentKey,
          payload,
          ...(priority === undefined ? {} : { priority }),
          ...(idempotencyKey === undefined
            ? {}
            : { idempotencyKey: await scopedKey([conversationId], idempotencyKey) }),
          ...providerArg(options, providerConfig),
        });
      },
    }),

    /** Messages of a conversation, newest scheduledFor first; `limit` 1…500, default 100. */
    listQueueItemsForConversation: query({
      sensitivity: "user",
      args: { conversationId: v.string(), limit: v.optional(v.number()) },
      returns: v.array(vQueueItemView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listQueueItemsForConversation, args),
    }),

    /** A URL to POST one attachment to, valid for an hour. */
    generateMediaUploadUrl: mutation({
      sensitivity: "user",
      args: {},
      returns: v.object({ uploadUrl: v.string() }),
      handler: async (ctx) => await ctx.runMutation(lib.generateMediaUploadUrl, {}),
    }),

    /** Makes an uploaded file usable as an attachment of `enqueue`. */
    registerUploadedFile: mutation({
      sensitivity: "user",
      args: { storageId: v.string(), conversationId: v.optional(v.string()) },
      returns: v.null(),
      handler: async (ctx, args) => await ctx.runMutation(lib.registerUploadedFile, args),
    }),
  };
}

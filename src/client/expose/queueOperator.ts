import { literals } from "convex-helpers/validators";
import { v } from "convex/values";
import { vConversationState } from "../../component/conversations/validators.js";
import {
  deadLetterGroupFields,
  vConversationSummary,
  vMessageStatus,
  vQueueItemView,
} from "../../component/queue/validators.js";
import { MESSAGE_EVENT_KINDS } from "../../component/trail/validators.js";
import { mutation, query, type Lib } from "../define.js";

/** The queue, for those who run it: how much waits, what died and why, pause and resume. */
export function exposeQueueOperator(lib: Lib) {
  return {
    /** Messages ready, processing and dead-lettered, over all conversations. */
    queueStats: query({
      sensitivity: "operator",
      args: {},
      returns: v.object({
        queuedReady: v.number(),
        processing: v.number(),
        deadLetter: v.number(),
      }),
      handler: async (ctx) => await ctx.runQuery(lib.queueStats, {}),
    }),

    /** Messages of one status, ascending scheduledFor, without payload; `limit` 1…500, default 100. */
    listJobsByStatus: query({
      sensitivity: "operator",
      args: { status: vMessageStatus, limit: v.optional(v.number()) },
      returns: v.array(
        vQueueItemView.omit("payload", "lastError").extend({ lastError: v.optional(v.string()) }),
      ),
      handler: async (ctx, args) => await ctx.runQuery(lib.listJobsByStatus, args),
    }),

    /** Conversations in one state, those that change first at the top; `limit` 1…500, default 100. */
    listConversationsByState: query({
      sensitivity: "operator",
      args: { state: vConversationState, limit: v.optional(v.number()) },
      returns: v.array(vConversationSummary),
      handler: async (ctx, args) => await ctx.runQuery(lib.listConversationsByState, args),
    }),

    /** What happened to a message, oldest first; kept for a week. */
    listMessageEvents: query({
      sensitivity: "operator",
      args: { messageId: v.string() },
      returns: v.array(
        v.object({
          kind: literals(...MESSAGE_EVENT_KINDS),
          at: v.number(),
          workerId: v.union(v.null(), v.string()),
          detail: v.union(v.null(), v.string()),
        }),
      ),
      handler: async (ctx, args) => await ctx.runQuery(lib.listMessageEvents, args),
    }),

    /** Dead letters grouped by cause, most recent first; at most 100 groups. */
    listDeadLetterGroups: query({
      sensitivity: "operator",
      args: {},
      returns: v.array(v.object(deadLetterGroupFields)),
      handler: async (ctx) => await ctx.runQuery(lib.listDeadLetterGroups, {}),
    }),

    /** Dead letters of one cause, or the latest of all; `limit` 1…500, default 50. */
    listDeadLetters: query({
      sensitivity: "operator",
      args: { fingerprint: v.optional(v.string()), limit: v.optional(v.number()) },
      returns: v.array(vQueueItemView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listDeadLetters, args),
    }),

    /** Starts dead letters again: one, those of one cause, or the oldest of all; `limit` 1…200, default 200. */
    redriveDeadLetters: mutation({
      sensitivity: "operator",
      args: {
        messageId: v.optional(v.string()),
        fingerprint: v.optional(v.string()),
        limit: v.optional(v.number()),
      },
      returns: v.object({ redriven: v.number(), more: v.boolean() }),
      handler: async (ctx, args) => await ctx.runMutation(lib.redriveDeadLetters, args),
    }),

    /** Gives up on a waiting or dead message. False when it is being processed or has ended. */
    skipMessage: mutation({
      sensitivity: "operator",
      args: { messageId: v.string(), reason: v.optional(v.string()) },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.skipMessage, args),
    }),

    /** Holds a conversation: its messages wait. False when it already was paused. */
    pauseConversation: mutation({
      sensitivity: "operator",
      args: { conversationId: v.string(), reason: v.optional(v.string()) },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.pauseConversation, args),
    }),

    /** Lets a paused conversation go on. False when it was not paused. */
    resumeConversation: mutation({
      sensitivity: "operator",
      args: { conversationId: v.string() },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.resumeConversation, args),
    }),

    /** Holds all conversations of an agent. False when it already was paused. */
    pauseAgent: mutation({
      sensitivity: "operator",
      args: { agentKey: v.string() },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.pauseAgent, args),
    }),

    /** Lets a paused agent go on. False when it was not paused. */
    resumeAgent: mutation({
      sensitivity: "operator",
      args: { agentKey: v.string() },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.resumeAgent, args),
    }),
  };
}

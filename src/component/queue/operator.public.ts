/** The queue for operators: stuck and dead messages, pause and resume. */
import { v } from "convex/values";
import { configureAgentProfile, vConfigureAgentArgs } from "../agents/ops.js";
import { mutation, query } from "../kit/functions.js";
import { clock } from "./clock.js";
import {
  listDeadLetterGroups as groupDeadLetters,
  listDeadLetters as findDeadLetters,
  redrive,
  REDRIVE_LIMIT,
  skip,
} from "./deadLetters.js";
import { expireLeases, MAX_LEASE_SWEEP } from "./leases.js";
import { vConversationState } from "../conversations/validators.js";
import {
  clampLimit,
  listByStatus,
  listConversationsByState as listByState,
  summarise,
  toQueueItem,
} from "./listings.js";
import {
  pauseConversation as pause,
  resumeConversation as resume,
  setAgentPaused,
  unblockAgent,
} from "./pausing.js";
import {
  deadLetterGroupFields,
  messageSummaryFields,
  vConversationSummary,
  vMessageStatus,
  vQueueItemView,
} from "./validators.js";

const DEFAULT_DEAD_LETTER_LIMIT = 50;

/**
 * Ends expired leases: the messages wait for their retry (an attempt is charged) or are dead-lettered.
 * `limit` default 100, at most 500. `unlocked` counts conversations that were freed.
 */
export const releaseStuckJobs = mutation({
  args: { nowMs: v.optional(v.number()), limit: v.optional(v.number()) },
  returns: v.object({ requeued: v.number(), unlocked: v.number(), deadLettered: v.number() }),
  handler: async (ctx, args) =>
    await expireLeases(ctx, clock(args.nowMs), clampLimit(args.limit, MAX_LEASE_SWEEP)),
});

/** Messages of one status, ascending scheduledFor, without payload; `limit` 1…500, default 100. */
export const listJobsByStatus = query({
  args: { status: vMessageStatus, limit: v.optional(v.number()) },
  returns: v.array(
    v.object({
      _id: v.id("messageQueue"),
      ...messageSummaryFields,
      lastError: v.optional(v.string()),
    }),
  ),
  handler: async (ctx, args) =>
    (await listByStatus(ctx, args.status, args.limit)).map((message) => ({
      ...summarise(message),
      ...(message.lastError === undefined ? {} : { lastError: message.lastError }),
    })),
});

/**
 * Conversations in one state, those that change first at the top: what is ready, due or about to expire. `readyAt` is
 * that time, `queuedCount` the messages that wait beside the leased one; `limit` 1…500, default 100.
 */
export const listConversationsByState = query({
  args: { state: vConversationState, limit: v.optional(v.number()) },
  returns: v.array(vConversationSummary),
  handler: async (ctx, args) => await listByState(ctx, args.state, clampLimit(args.limit)),
});

/** Dead letters grouped by cause, most recent first; at most 100 groups. */
export const listDeadLetterGroups = query({
  args: {},
  returns: v.array(v.object(deadLetterGroupFields)),
  handler: async (ctx) =>
    (await groupDeadLetters(ctx)).map(({ _id, _creationTime, ...group }) => group),
});

/** Dead letters of one cause, or the latest of all; `limit` 1…500, default 50; fewer when their payloads are large. */
export const listDeadLetters = query({
  args: { fingerprint: v.optional(v.string()), limit: v.optional(v.number()) },
  returns: v.array(vQueueItemView),
  handler: async (ctx, args) =>
    (
      await findDeadLetters(
        ctx,
        args.fingerprint,
        clampLimit(args.limit ?? DEFAULT_DEAD_LETTER_LIMIT),
      )
    ).map(toQueueItem),
});

/**
 * Starts dead letters again with fresh attempts: one (`messageId`), those of one cause (`fingerprint`), or the
 * oldest of all; at most `limit` (1…200, default 200). A skipped message can be redriven by its id.
 * @throws MESSAGE_NOT_FOUND
 */
export const redriveDeadLetters = mutation({
  args: {
    messageId: v.optional(v.id("messageQueue")),
    fingerprint: v.optional(v.string()),
    limit: v.optional(v.number()),
  },
  returns: v.object({ redriven: v.number(), more: v.boolean() }),
  handler: async (ctx, args) =>
    await redrive(ctx, args, clampLimit(args.limit ?? REDRIVE_LIMIT, REDRIVE_LIMIT), Date.now()),
});

/** Gives up on a waiting or dead message (status `failed`). False when it is being processed or has ended. */
export const skipMessage = mutation({
  args: { messageId: v.id("messageQueue"), reason: v.optional(v.string()) },
  returns: v.boolean(),
  handler: async (ctx, args) =>
    await skip(ctx, args.messageId, args.reason ?? "by an operator", Date.now()),
});

/** Holds a conversation: its messages wait. What is leased is finished. False when it already was paused. */
export const pauseConversation = mutation({
  args: { conversationId: v.string(), reason: v.optional(v.string()) },
  returns: v.boolean(),
  handler: async (ctx, args) => await pause(ctx, args.conversationId, args.reason, Date.now()),
});

/** Lets a paused conversation go on. False when it was not paused. */
export const resumeConversation = mutation({
  args: { conversationId: v.string() },
  returns: v.boolean(),
  handler: async (ctx, args) => await resume(ctx, args.conversationId, Date.now()),
});

/** Holds all conversations of an agent. False when it already was paused. @throws AGENT_NOT_FOUND */
export const pauseAgent = mutation({
  args: { agentKey: v.string() },
  returns: v.boolean(),
  handler: async (ctx, args) => await setAgentPaused(ctx, args.agentKey, true, Date.now()),
});

/** Lets a paused agent go on. False when it was not paused. @throws AGENT_NOT_FOUND */
export const resumeAgent = mutation({
  args: { agentKey: v.string() },
  returns: v.boolean(),
  handler: async (ctx, args) => await setAgentPaused(ctx, args.agentKey, false, Date.now()),
});

/**
 * Creates or updates an agent by its key and returns the profile's id. Given fields replace; an omitted
 * `bridgeConfig` or `botIdentity` stays. Telegram token references that onboarding added are kept. Enabling an
 * agent lets its held messages go on.
 */
export const configureAgent = mutation({
  args: vConfigureAgentArgs.fields,
  returns: v.id("agentProfiles"),
  handler: async (ctx, args) => {
    const { id, runnableChanged, runnable } = await configureAgentProfile(ctx, args);
    if (runnableChanged && runnable) await unblockAgent(ctx, args.agentKey);
    return id;
  },
});

/** Views over several rooms: why a message is not answered, and statistics. */
import { v } from "convex/values";
import { query } from "../kit/functions.js";
import { userAgentArgs } from "../userAgents/validators.js";
import { explainMessage as explain } from "./explaining.js";
import { readConversationStats, readPushStats } from "./stats.js";
import { vConversationStats, vMessageExplanation, vPushStats, vUsageStats } from "./validators.js";

/**
 * What a message waits for, since when and until when, with its events; null when there is no such message. A message
 * that nothing holds waits for a machine or for the scheduler's next pass: the answer is never "unknown".
 */
export const explainMessage = query({
  args: { messageId: v.id("messageQueue"), nowMs: v.optional(v.number()) },
  returns: v.union(v.null(), vMessageExplanation),
  handler: async (ctx, args) => await explain(ctx, args.messageId, args.nowMs ?? Date.now()),
});

/** Push jobs and runs of a user with an agent. Reads a counter. */
export const getUserAgentPushStats = query({
  args: userAgentArgs,
  returns: vPushStats,
  handler: async (ctx, args) => await readPushStats(ctx, args),
});

/** History, waiting and failed messages of a user's conversation; zeros unless it is the user's active, enabled agent. */
export const getUserAgentConversationStats = query({
  args: userAgentArgs,
  returns: vConversationStats,
  handler: async (ctx, args) => await readConversationStats(ctx, args),
});

/** Both of the above. */
export const getUserAgentUsageStats = query({
  args: userAgentArgs,
  returns: vUsageStats,
  handler: async (ctx, args) => ({
    ...(await readPushStats(ctx, args)),
    ...(await readConversationStats(ctx, args)),
  }),
});

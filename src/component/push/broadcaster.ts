/** The fan-out of broadcasts: a batch of agents per transaction, each agent in a transaction of its own inside it. */
import { v } from "convex/values";
import { vProviderConfig } from "../config.js";
import { internalMutation } from "../kit/functions.js";
import { fanOut } from "./broadcasting.js";
import { sendToAgent } from "./receipts.js";

export const run = internalMutation({
  args: { broadcastId: v.id("messagePushBroadcasts") },
  returns: v.null(),
  handler: async (ctx, args) => {
    await fanOut(ctx, args.broadcastId, Date.now());
    return null;
  },
});

export const one = internalMutation({
  args: {
    broadcastId: v.id("messagePushBroadcasts"),
    agentKey: v.string(),
    nowMs: v.number(),
    providerConfig: v.optional(vProviderConfig),
  },
  returns: v.boolean(),
  handler: async (ctx, args): Promise<boolean> => await sendToAgent(ctx, args),
});

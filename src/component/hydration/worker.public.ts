import { v } from "convex/values";
import { query } from "../kit/functions.js";
import { hydrate } from "./ops.js";
import { vHydrationBundle } from "./validators.js";

/**
 * What a worker needs to answer a message it claimed: payload with fresh attachment URLs, the newest history
 * within hydration.maxContextTokens, the agent's Telegram token and bridge config, and a stored answer if there
 * is one. Null unless the message is being processed (by `workerId`, when given). Carries secrets: expose it to
 * workers only. `workspaceId` is accepted for compatibility.
 */
export const getHydrationBundle = query({
  args: {
    messageId: v.id("messageQueue"),
    workspaceId: v.string(),
    workerId: v.optional(v.string()),
  },
  returns: v.union(v.null(), vHydrationBundle),
  handler: async (ctx, args) =>
    await hydrate(
      ctx,
      args.messageId,
      args.workerId === undefined ? undefined : { workerId: args.workerId },
    ),
});

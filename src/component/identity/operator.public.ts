import { v } from "convex/values";
import { mutation, query } from "../kit/functions.js";
import { listBlocked } from "./bots.js";
import { loadProviderReadiness, requiredSecretRefs } from "./readiness.js";
import { softReset } from "./softReset.js";
import { vBlockedChatView, vProviderReadiness, vSoftResetReport } from "./validators.js";

/** The secrets that must have a value: those of the agent, or without one those that every agent needs. */
export const getRequiredSecretRefs = query({
  args: { agentKey: v.optional(v.string()) },
  returns: v.object({ agentKey: v.union(v.null(), v.string()), secretRefs: v.array(v.string()) }),
  handler: async (ctx, { agentKey }) => ({
    agentKey: agentKey ?? null,
    secretRefs: await requiredSecretRefs(ctx, agentKey),
  }),
});

/** Whether provider and message configuration are stored; `issues` names what is not. */
export const getProviderOperationalReadiness = query({
  args: {},
  returns: vProviderReadiness,
  handler: async (ctx) => await loadProviderReadiness(ctx),
});

/** Chats that a bot cannot write to (blocked, removed), newest first, at most 200. Their bindings stay. */
export const listBlockedTelegramChats = query({
  args: {},
  returns: v.array(vBlockedChatView),
  handler: async (ctx) =>
    (await listBlocked(ctx)).map(({ botIdentity, telegramChatId, reason, since }) => ({
      botIdentity,
      telegramChatId,
      reason,
      since,
    })),
});

/**
 * Marks Telegram pairings that do not say through which bot they were made (3.0.x). By default active ones are revoked
 * and pending codes expired, so that users pair again. At most 200 rows of each kind per call: repeat while `more`.
 */
export const softResetTelegramBindingsMissingBotIdentity = mutation({
  args: {
    nowMs: v.optional(v.number()),
    revokeActiveBindings: v.optional(v.boolean()),
    expirePendingPairings: v.optional(v.boolean()),
  },
  returns: vSoftResetReport,
  handler: async (ctx, args) =>
    await softReset(
      ctx,
      {
        revokeActiveBindings: args.revokeActiveBindings ?? true,
        expirePendingPairings: args.expirePendingPairings ?? true,
      },
      args.nowMs ?? Date.now(),
    ),
});

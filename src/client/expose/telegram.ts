import { v } from "convex/values";
import {
  vBotReconciled,
  vQuarantineView,
  vResubmission,
  vTokenImported,
  vWebhookConfigured,
  vWebhookReadiness,
} from "../../component/telegram/validators.js";
import { action, mutation, query, type Lib } from "../define.js";

/** Telegram, for people who bring a bot of their own. */
export function exposeTelegram(lib: Lib) {
  return {
    /**
     * Stores the token of a user's bot for the agent, after Telegram said whose it is. `auth` sees user and agent, never
     * the token.
     */
    importTelegramTokenForAgent: action({
      sensitivity: "user",
      args: {
        consumerUserId: v.string(),
        agentKey: v.string(),
        plaintextValue: v.string(),
        metadata: v.optional(v.record(v.string(), v.string())),
      },
      returns: vTokenImported,
      handler: async (ctx, args) => await ctx.runAction(lib.importTelegramTokenForAgent, args),
    }),
  };
}

/** Telegram, for operators. */
export function exposeTelegramOperator(lib: Lib) {
  return {
    /** Has Telegram send the bot's updates to this deployment, with a fresh secret, and verifies it. */
    configureTelegramWebhook: action({
      sensitivity: "operator",
      args: {
        convexSiteUrl: v.string(),
        secretRef: v.optional(v.string()),
        agentKey: v.optional(v.string()),
        pathPrefix: v.optional(v.string()),
      },
      returns: vWebhookConfigured,
      handler: async (ctx, args) => await ctx.runAction(lib.configureTelegramWebhook, args),
    }),

    /** What Telegram says about the webhook of the agent's bot; the answer is remembered for onboarding. */
    getWebhookReadiness: action({
      sensitivity: "operator",
      args: { agentKey: v.string(), pathPrefix: v.optional(v.string()) },
      returns: vWebhookReadiness,
      handler: async (ctx, args) => await ctx.runAction(lib.getWebhookReadiness, args),
    }),

    /** Asks Telegram which bot the agent's stored token is, and links the agent to it. */
    reconcileTelegramBotIdentityForAgent: action({
      sensitivity: "operator",
      args: { agentKey: v.string(), secretRef: v.optional(v.string()) },
      returns: vBotReconciled,
      handler: async (ctx, args) =>
        await ctx.runAction(lib.reconcileTelegramBotIdentityForAgent, args),
    }),

    /** Updates that could not be used, newest first; `limit` 1…200, default 50. */
    listQuarantinedTelegramUpdates: query({
      sensitivity: "operator",
      args: { limit: v.optional(v.number()) },
      returns: v.array(vQuarantineView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listQuarantinedTelegramUpdates, args),
    }),

    /** One of them as it came, or null. It holds what a person wrote. */
    getQuarantinedTelegramUpdate: query({
      sensitivity: "operator",
      args: { quarantineId: v.string() },
      returns: v.union(v.null(), v.string()),
      handler: async (ctx, args) => await ctx.runQuery(lib.getQuarantinedTelegramUpdate, args),
    }),

    /**
     * Sends one of them in again, for the agent it was meant for or for `agentKey`. Repeating it gives the same message; a
     * refusal says why.
     */
    resubmitQuarantinedTelegramUpdate: mutation({
      sensitivity: "operator",
      args: { quarantineId: v.string(), agentKey: v.optional(v.string()) },
      returns: vResubmission,
      handler: async (ctx, args) =>
        await ctx.runMutation(lib.resubmitQuarantinedTelegramUpdate, args),
    }),

    /** Forgets one of them. */
    deleteQuarantinedTelegramUpdate: mutation({
      sensitivity: "operator",
      args: { quarantineId: v.string() },
      returns: v.boolean(),
      handler: async (ctx, args) =>
        await ctx.runMutation(lib.deleteQuarantinedTelegramUpdate, args),
    }),
  };
}

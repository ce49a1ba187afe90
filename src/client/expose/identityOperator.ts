import { v } from "convex/values";
import {
  vBlockedChatView,
  vPairingCodeView,
  vProviderReadiness,
  vSoftResetReport,
  vTelegramResolution,
} from "../../component/identity/validators.js";
import { mutation, query, type Lib } from "../define.js";

/** Identity, for operators. */
export function exposeIdentityOperator(lib: Lib) {
  return {
    /** Whose binding a Telegram sender has; all null when there is none. */
    resolveAgentForTelegram: query({
      sensitivity: "operator",
      args: {
        botIdentity: v.optional(v.string()),
        telegramUserId: v.optional(v.string()),
        telegramChatId: v.optional(v.string()),
      },
      returns: vTelegramResolution,
      handler: async (ctx, args) => await ctx.runQuery(lib.resolveAgentForTelegram, args),
    }),

    /** Binds a Telegram account by code, as the webhook does; the account is the caller's word, so it takes an operator. */
    consumePairingCode: mutation({
      sensitivity: "operator",
      args: {
        code: v.string(),
        botIdentity: v.optional(v.string()),
        telegramUserId: v.string(),
        telegramChatId: v.string(),
      },
      returns: vPairingCodeView,
      handler: async (ctx, args) => await ctx.runMutation(lib.consumePairingCode, args),
    }),

    /** A code with its user, or null. It names no user to compare with, so it takes an operator. */
    getPairingCodeStatus: query({
      sensitivity: "operator",
      args: { code: v.string() },
      returns: v.union(v.null(), vPairingCodeView),
      handler: async (ctx, args) => await ctx.runQuery(lib.getPairingCodeStatus, args),
    }),

    /** The secrets that must have a value: those of the agent, or without one those that every agent needs. */
    getRequiredSecretRefs: query({
      sensitivity: "operator",
      args: { agentKey: v.optional(v.string()) },
      returns: v.object({
        agentKey: v.union(v.null(), v.string()),
        secretRefs: v.array(v.string()),
      }),
      handler: async (ctx, args) => await ctx.runQuery(lib.getRequiredSecretRefs, args),
    }),

    /** Whether provider and message configuration are stored. */
    getProviderOperationalReadiness: query({
      sensitivity: "operator",
      args: {},
      returns: vProviderReadiness,
      handler: async (ctx) => await ctx.runQuery(lib.getProviderOperationalReadiness, {}),
    }),

    /** Chats that a bot cannot write to, newest first. */
    listBlockedTelegramChats: query({
      sensitivity: "operator",
      args: {},
      returns: v.array(vBlockedChatView),
      handler: async (ctx) => await ctx.runQuery(lib.listBlockedTelegramChats, {}),
    }),

    /** Marks Telegram pairings of 3.0.x that name no bot; repeat while `more`. A client's clock is ignored. */
    softResetTelegramBindingsMissingBotIdentity: mutation({
      sensitivity: "operator",
      args: {
        nowMs: v.optional(v.number()),
        revokeActiveBindings: v.optional(v.boolean()),
        expirePendingPairings: v.optional(v.boolean()),
      },
      returns: vSoftResetReport,
      handler: async (ctx, { nowMs: _ofClient, ...args }) =>
        await ctx.runMutation(lib.softResetTelegramBindingsMissingBotIdentity, args),
    }),
  };
}

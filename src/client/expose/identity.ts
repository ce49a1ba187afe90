import { v } from "convex/values";
import {
  bindArgs,
  vAgentReadiness,
  vBindingView,
  vOnboardingState,
  vPairingCodeView,
  vUserAgentsOverview,
  vUserAgentView,
  vUserResolution,
} from "../../component/identity/validators.js";
import { mutation, query, type Lib } from "../define.js";

const user = { consumerUserId: v.string() };
const userAgent = { consumerUserId: v.string(), agentKey: v.string() };
const pairingArgs = { ...userAgent, ttlMs: v.optional(v.number()) };

/** Users, their agents and their Telegram chats. `auth` sees whose (`consumerUserId`) and which agent. */
export function exposeIdentity(lib: Lib) {
  return {
    // ── Bindings ────────────────────────────────────────────────────────────

    /**
     * Binds a user to an agent; the user's other bindings end. Naming a Telegram account, a bot or a source takes an
     * operator: whoever names an account takes it from the user who has it.
     */
    bindUserAgent: mutation({
      sensitivity: "user",
      needsOperator: (args) =>
        args.telegramUserId !== undefined ||
        args.telegramChatId !== undefined ||
        args.botIdentity !== undefined ||
        args.source !== undefined,
      args: bindArgs,
      returns: vBindingView,
      handler: async (ctx, args) => await ctx.runMutation(lib.bindUserAgent, args),
    }),

    /** Ends the user's active bindings. */
    revokeUserAgentBinding: mutation({
      sensitivity: "user",
      args: user,
      returns: v.object({ revoked: v.number() }),
      handler: async (ctx, args) => await ctx.runMutation(lib.revokeUserAgentBinding, args),
    }),

    /** The agent that the user is bound to, or null; `consumerUserId` defaults to what `auth` returned. */
    myAgentKey: query({
      sensitivity: "user",
      args: { consumerUserId: v.optional(v.string()) },
      returns: vUserResolution,
      handler: async (ctx, args, caller) =>
        await ctx.runQuery(lib.resolveAgentForUser, {
          consumerUserId: args.consumerUserId ?? caller ?? "",
        }),
    }),

    /** The user's active binding, or null. */
    getUserAgentBinding: query({
      sensitivity: "user",
      args: user,
      returns: v.union(v.null(), vBindingView),
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgentBinding, args),
    }),

    // ── Pairing ─────────────────────────────────────────────────────────────

    /** A code that ties a Telegram chat to the user when it is sent to the agent's bot. */
    createPairingCode: mutation({
      sensitivity: "user",
      args: pairingArgs,
      returns: vPairingCodeView,
      handler: async (ctx, args) => await ctx.runMutation(lib.createPairingCode, args),
    }),

    /** As createPairingCode, with the link that opens the bot and sends it the code. */
    createUserAgentPairing: mutation({
      sensitivity: "user",
      args: pairingArgs,
      returns: v.object({ pairing: vPairingCodeView, deepLink: v.union(v.null(), v.string()) }),
      handler: async (ctx, args) => await ctx.runMutation(lib.createUserAgentPairing, args),
    }),

    /** The user's newest code for the agent, or null. */
    getUserAgentPairingStatus: query({
      sensitivity: "user",
      args: userAgent,
      returns: v.union(v.null(), vPairingCodeView),
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgentPairingStatus, args),
    }),

    // ── Views ───────────────────────────────────────────────────────────────

    /** The user's agents; `includeDisabled` defaults to true. */
    listUserAgents: query({
      sensitivity: "user",
      args: { ...user, includeDisabled: v.optional(v.boolean()) },
      returns: v.array(vUserAgentView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listUserAgents, args),
    }),

    /** One agent as the user sees it, or null. */
    getUserAgent: query({
      sensitivity: "user",
      args: userAgent,
      returns: v.union(v.null(), vUserAgentView),
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgent, args),
    }),

    /** The agent that the user is bound to, or null. */
    getActiveUserAgent: query({
      sensitivity: "user",
      args: user,
      returns: v.union(v.null(), vUserAgentView),
      handler: async (ctx, args) => await ctx.runQuery(lib.getActiveUserAgent, args),
    }),

    /** All of the user's agents, and which one is active. */
    getUserAgentsOverview: query({
      sensitivity: "user",
      args: user,
      returns: vUserAgentsOverview,
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgentsOverview, args),
    }),

    /** Where the user stands between a bot token and a linked chat, and the next step. */
    getUserAgentOnboardingState: query({
      sensitivity: "user",
      args: userAgent,
      returns: vOnboardingState,
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgentOnboardingState, args),
    }),

    /** What keeps the agent from answering in Telegram. */
    getTelegramAgentReadiness: query({
      sensitivity: "user",
      args: userAgent,
      returns: vAgentReadiness,
      handler: async (ctx, args) => await ctx.runQuery(lib.getTelegramAgentReadiness, args),
    }),

    /** The same as getTelegramAgentReadiness. */
    getAgentOperationalReadiness: query({
      sensitivity: "user",
      args: userAgent,
      returns: vAgentReadiness,
      handler: async (ctx, args) => await ctx.runQuery(lib.getAgentOperationalReadiness, args),
    }),
  };
}

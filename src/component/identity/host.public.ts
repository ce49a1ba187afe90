/** Identity for the app: bind users to agents, pair their Telegram chats, show how far they are. */
import { v } from "convex/values";
import { loadProfile, telegramRefOf } from "../agents/ops.js";
import { mutation, query } from "../kit/functions.js";
import {
  bindAgent,
  findTelegramBinding,
  loadActiveBinding,
  revokeBindings,
  toBindingView,
} from "./bindings.js";
import { botUsername } from "./bots.js";
import { consumeCode, createCode, loadCode, loadNewestCode, toPairingView } from "./pairing.js";
import { deepLinkFor } from "./policy.js";
import { loadAgentReadiness, loadOnboardingState } from "./readiness.js";
import {
  bindArgs,
  vAgentReadiness,
  vBindingView,
  vOnboardingState,
  vPairingCodeView,
  vTelegramResolution,
  vUserAgentsOverview,
  vUserAgentView,
  vUserResolution,
} from "./validators.js";
import { loadActiveUserAgent, loadUserAgent, loadUserAgents } from "./views.js";

const nowMs = v.optional(v.number());
const user = { consumerUserId: v.string() };
const userAgent = { consumerUserId: v.string(), agentKey: v.string() };
const pairingArgs = { ...userAgent, ttlMs: v.optional(v.number()), nowMs };

// ── Bindings ────────────────────────────────────────────────────────────────

/**
 * Binds a user to an agent. The user's other active bindings end, and those of other users that hold the same Telegram
 * user or chat at the same bot. `botIdentity` defaults to the agent's, `source` to "api"; metadata of the user's former
 * binding to the agent is kept and overwritten key by key.
 * @throws AGENT_NOT_FOUND; AGENT_NOT_READY a Telegram id was given and no bot is known; INVALID_ARGUMENT
 */
export const bindUserAgent = mutation({
  args: { ...bindArgs, nowMs },
  returns: vBindingView,
  handler: async (ctx, { nowMs: now, ...args }) =>
    toBindingView(await bindAgent(ctx, args, now ?? Date.now())),
});

/** Ends the user's active bindings; `revoked` says how many there were. */
export const revokeUserAgentBinding = mutation({
  args: { ...user, nowMs },
  returns: v.object({ revoked: v.number() }),
  handler: async (ctx, args) => ({
    revoked: await revokeBindings(ctx, args.consumerUserId, args.nowMs ?? Date.now()),
  }),
});

/** The agent that the user is bound to, or null. */
export const resolveAgentForUser = query({
  args: user,
  returns: vUserResolution,
  handler: async (ctx, { consumerUserId }) => ({
    consumerUserId,
    agentKey: (await loadActiveBinding(ctx, consumerUserId))?.agentKey ?? null,
  }),
});

/**
 * Whose binding a Telegram sender has: by user, else by chat, unless the chat's binding was made for another user. With
 * `botIdentity` only bindings through that bot count. All null when there is none.
 */
export const resolveAgentForTelegram = query({
  args: {
    botIdentity: v.optional(v.string()),
    telegramUserId: v.optional(v.string()),
    telegramChatId: v.optional(v.string()),
  },
  returns: vTelegramResolution,
  handler: async (ctx, args) => {
    const binding = await findTelegramBinding(ctx, args);
    return {
      consumerUserId: binding?.consumerUserId ?? null,
      agentKey: binding?.agentKey ?? null,
      conversationId: binding?.conversationId ?? null,
    };
  },
});

/** The user's active binding, or null. */
export const getUserAgentBinding = query({
  args: user,
  returns: v.union(v.null(), vBindingView),
  handler: async (ctx, { consumerUserId }) => {
    const binding = await loadActiveBinding(ctx, consumerUserId);
    return binding === null ? null : toBindingView(binding);
  },
});

// ── Pairing ─────────────────────────────────────────────────────────────────

/**
 * A code that ties a Telegram chat to the user when it is sent to the agent's bot. `ttlMs` one minute to one day, default
 * 15 minutes. The user's former pending codes for the agent expire.
 * @throws AGENT_NOT_READY the agent is missing, disabled or without a verified bot
 */
export const createPairingCode = mutation({
  args: pairingArgs,
  returns: vPairingCodeView,
  handler: async (ctx, { nowMs: at, ...args }) => {
    const now = at ?? Date.now();
    return toPairingView(await createCode(ctx, args, now), now);
  },
});

/** As createPairingCode, with the link that opens the bot and sends it the code; null when its name is unknown. */
export const createUserAgentPairing = mutation({
  args: pairingArgs,
  returns: v.object({ pairing: vPairingCodeView, deepLink: v.union(v.null(), v.string()) }),
  handler: async (ctx, { nowMs: at, ...args }) => {
    const now = at ?? Date.now();
    const code = await createCode(ctx, args, now);
    const profile = await loadProfile(ctx, args.agentKey);
    const ref = profile === null ? undefined : telegramRefOf(profile);
    const username = await botUsername(ctx, code.botIdentity, ref);
    return { pairing: toPairingView(code, now), deepLink: deepLinkFor(username, code.code) };
  },
});

/**
 * Binds the Telegram sender to the user of the code. The same sender may repeat it. The webhook does this by itself.
 * @throws PAIRING_REFUSED saying why; AGENT_NOT_FOUND
 */
export const consumePairingCode = mutation({
  args: {
    code: v.string(),
    botIdentity: v.optional(v.string()),
    telegramUserId: v.string(),
    telegramChatId: v.string(),
    nowMs,
  },
  returns: vPairingCodeView,
  handler: async (ctx, { code, botIdentity, nowMs: at, ...sender }) => {
    const now = at ?? Date.now();
    return toPairingView(await consumeCode(ctx, code, { botIdentity, ...sender }, now), now);
  },
});

/** The code, or null; a pending code past its time reads as expired. */
export const getPairingCodeStatus = query({
  args: { code: v.string(), nowMs },
  returns: v.union(v.null(), vPairingCodeView),
  handler: async (ctx, args) => await loadCode(ctx, args.code, args.nowMs ?? Date.now()),
});

/** The user's newest code for the agent, or null. */
export const getUserAgentPairingStatus = query({
  args: { ...userAgent, nowMs },
  returns: v.union(v.null(), vPairingCodeView),
  handler: async (ctx, args) =>
    await loadNewestCode(ctx, args.consumerUserId, args.agentKey, args.nowMs ?? Date.now()),
});

// ── Views ───────────────────────────────────────────────────────────────────

/** The user's agents: bound, once bound, or with a pending code. `includeDisabled` defaults to true. */
export const listUserAgents = query({
  args: { ...user, includeDisabled: v.optional(v.boolean()), nowMs },
  returns: v.array(vUserAgentView),
  handler: async (ctx, args) => {
    const views = await loadUserAgents(ctx, args.consumerUserId, args.nowMs ?? Date.now());
    return views.filter((view) => args.includeDisabled !== false || view.status !== "disabled");
  },
});

/** One agent as the user sees it, or null when it is not known at all. */
export const getUserAgent = query({
  args: { ...userAgent, nowMs },
  returns: v.union(v.null(), vUserAgentView),
  handler: async (ctx, args) => await loadUserAgent(ctx, args, args.nowMs ?? Date.now()),
});

/** The agent that the user is bound to, or null. */
export const getActiveUserAgent = query({
  args: { ...user, nowMs },
  returns: v.union(v.null(), vUserAgentView),
  handler: async (ctx, args) =>
    await loadActiveUserAgent(ctx, args.consumerUserId, args.nowMs ?? Date.now()),
});

/** All of the user's agents, and which one is active. */
export const getUserAgentsOverview = query({
  args: { ...user, nowMs },
  returns: vUserAgentsOverview,
  handler: async (ctx, args) => {
    const active = await loadActiveBinding(ctx, args.consumerUserId);
    return {
      agents: await loadUserAgents(ctx, args.consumerUserId, args.nowMs ?? Date.now()),
      activeAgentKey: active?.agentKey ?? null,
      canCreateNewAgent: active === null,
    };
  },
});

/** Where the user stands between a bot token and a linked chat, and the next step. */
export const getUserAgentOnboardingState = query({
  args: { ...userAgent, nowMs },
  returns: vOnboardingState,
  handler: async (ctx, args) => await loadOnboardingState(ctx, args, args.nowMs ?? Date.now()),
});

/** What keeps the agent from answering in Telegram; `issues` is empty when nothing does. */
export const getTelegramAgentReadiness = query({
  args: { ...userAgent, nowMs },
  returns: vAgentReadiness,
  handler: async (ctx, args) => await loadAgentReadiness(ctx, args.agentKey),
});

/** The same as getTelegramAgentReadiness. */
export const getAgentOperationalReadiness = query({
  args: { ...userAgent, nowMs },
  returns: vAgentReadiness,
  handler: async (ctx, args) => await loadAgentReadiness(ctx, args.agentKey),
});

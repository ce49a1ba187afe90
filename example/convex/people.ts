/**
 * What this app adds to the component for its people: who they are, which agents they may choose, their bot's webhook,
 * and why a message of theirs is not answered. Each checks the signed-in user itself, as `auth` does for agentFactory.ts.
 */
import { ConvexError, v } from "convex/values";
import type { Auth } from "convex/server";
import { components } from "./_generated/api.js";
import { action, mutation, query } from "./_generated/server.js";
import { conversationPrefix, hasOperators, isOperator } from "./auth.js";

const { lib } = components.agentFactory;

async function userOf({ auth }: { auth: Auth }): Promise<string> {
  const identity = await auth.getUserIdentity();
  if (identity === null) throw new ConvexError("Sign in first.");
  return identity.subject;
}

/** The signed-in user, whether the operators' pages are for them, and whether for anybody; null for a visitor. */
export const me = query({
  args: {},
  returns: v.union(
    v.null(),
    v.object({ userId: v.string(), isOperator: v.boolean(), hasOperators: v.boolean() }),
  ),
  handler: async (ctx) => {
    const identity = await ctx.auth.getUserIdentity();
    if (identity === null) return null;
    const userId = identity.subject;
    return { userId, isOperator: isOperator(userId), hasOperators: hasOperators() };
  },
});

/** Keys of the agents that anybody may choose: the enabled ones of no company. At most 100. */
export const offeredAgents = query({
  args: {},
  returns: v.array(v.string()),
  handler: async (ctx): Promise<string[]> => {
    await userOf(ctx);
    const agents = await ctx.runQuery(lib.listAgentProfiles, { enabled: true, limit: 100 });
    return agents.filter((agent) => agent.companyId === null).map((agent) => agent.agentKey);
  },
});

/**
 * Gives the signed-in user one of the offered agents; a no-op when they have it. The page then leads them through Telegram.
 * @throws ConvexError when the agent is not offered
 */
export const chooseAgent = mutation({
  args: { agentKey: v.string() },
  returns: v.null(),
  handler: async (ctx, { agentKey }) => {
    const consumerUserId = await userOf(ctx);
    const profile = await ctx.runQuery(lib.getAgentProfile, { agentKey });
    if (profile === null || !profile.enabled || profile.companyId !== null)
      throw new ConvexError(`The agent '${agentKey}' is not offered. Choose another one.`);
    const binding = await ctx.runQuery(lib.getUserAgentBinding, { consumerUserId });
    if (binding?.status === "active" && binding.agentKey === agentKey) return null;
    await ctx.runMutation(lib.bindUserAgent, { consumerUserId, agentKey, source: "manual" });
    return null;
  },
});

/**
 * Has Telegram send the updates of the user's bot to this deployment. Only while it is the user's next onboarding step,
 * so nobody can point another agent's bot anywhere.
 */
export const connectTelegram = action({
  args: { agentKey: v.string() },
  returns: v.object({ isReady: v.boolean(), description: v.string() }),
  handler: async (ctx, { agentKey }): Promise<{ isReady: boolean; description: string }> => {
    const consumerUserId = await userOf(ctx);
    const binding = await ctx.runQuery(lib.getUserAgentBinding, { consumerUserId });
    if (binding?.status !== "active" || binding.agentKey !== agentKey)
      throw new ConvexError("This is not your agent.");
    const { nextAction } = await ctx.runQuery(lib.getUserAgentOnboardingState, {
      consumerUserId,
      agentKey,
    });
    if (nextAction !== "configure_webhook")
      throw new ConvexError("The bot's webhook is not the next step.");
    const convexSiteUrl = process.env.CONVEX_SITE_URL;
    if (convexSiteUrl === undefined) throw new ConvexError("The deployment has no site address.");
    const { isReady, description } = await ctx.runAction(lib.configureTelegramWebhook, {
      convexSiteUrl,
      agentKey,
    });
    return { isReady, description };
  },
});

/** What a message of the user waits for, in words for them: no worker ids, no error texts of machines. Null when not theirs. */
export const whyNotAnswered = query({
  args: { messageId: v.string() },
  returns: v.union(
    v.null(),
    v.object({
      waitsFor: v.string(),
      detail: v.string(),
      since: v.number(),
      until: v.union(v.null(), v.number()),
      events: v.array(v.object({ kind: v.string(), at: v.number() })),
    }),
  ),
  handler: async (ctx, { messageId }) => {
    const consumerUserId = await userOf(ctx);
    const found = await ctx.runQuery(lib.explainMessage, { messageId });
    if (found === null) return null;
    const binding = await ctx.runQuery(lib.getUserAgentBinding, { consumerUserId });
    const isTheirs =
      found.conversationId === binding?.conversationId ||
      found.conversationId.startsWith(conversationPrefix(consumerUserId));
    if (!isTheirs) return null;
    const { waitsFor, detail, since, until, events } = found;
    return { waitsFor, detail, since, until, events: events.map(({ kind, at }) => ({ kind, at })) };
  },
});

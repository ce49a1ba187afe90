/** The webhook of a bot: its secret while it changes, and what Telegram last said about it. */
import { v } from "convex/values";
import { loadProfile } from "../agents/ops.js";
import { loadBot, saveBot } from "../identity/ops.js";
import { internalMutation, internalQuery } from "../kit/functions.js";
import { FORMER_SECRET_MS } from "./validators.js";

/** Until it is known whether Telegram took the new one, both secrets count. */
const UNTIL_CONFIRMED = Number.MAX_SAFE_INTEGER;

export const beginSecretRotation = internalMutation({
  args: { botIdentity: v.string(), secretHash: v.string() },
  returns: v.null(),
  handler: async (ctx, { botIdentity, secretHash }) => {
    const bot = await loadBot(ctx, botIdentity);
    // A rotation that was never confirmed: nobody knows which of the two Telegram has; the older one is kept.
    const former =
      bot?.formerSecretUntil === UNTIL_CONFIRMED && bot.webhookVerifiedAt === undefined
        ? bot.formerSecretHash
        : bot?.webhookSecretHash;
    const kept = { formerSecretHash: former, formerSecretUntil: UNTIL_CONFIRMED };
    await saveBot(
      ctx,
      botIdentity,
      {
        webhookSecretHash: secretHash,
        webhookVerifiedAt: undefined,
        ...(former === undefined ? {} : kept),
      },
      Date.now(),
    );
    return null;
  },
});

/** `set`: Telegram has the new secret. Otherwise it certainly does not, and the former one stays. */
export const endSecretRotation = internalMutation({
  args: { botIdentity: v.string(), set: v.boolean() },
  returns: v.null(),
  handler: async (ctx, { botIdentity, set }) => {
    const bot = await loadBot(ctx, botIdentity);
    const now = Date.now();
    await saveBot(
      ctx,
      botIdentity,
      set
        ? { formerSecretUntil: now + FORMER_SECRET_MS }
        : {
            webhookSecretHash: bot?.formerSecretHash,
            formerSecretHash: undefined,
            formerSecretUntil: undefined,
          },
      now,
    );
    return null;
  },
});

/** What Telegram says about the webhook of a bot. */
export const recordWebhook = internalMutation({
  args: {
    botIdentity: v.string(),
    webhookUrl: v.optional(v.string()),
    verified: v.boolean(),
  },
  returns: v.null(),
  handler: async (ctx, { botIdentity, webhookUrl, verified }) => {
    const now = Date.now();
    const url = webhookUrl === undefined ? {} : { webhookUrl };
    const webhookVerifiedAt = verified ? now : undefined;
    await saveBot(ctx, botIdentity, { ...url, webhookVerifiedAt }, now);
    return null;
  },
});

/** The address that a bot's updates were asked to be sent to; null when this deployment never asked. */
export const webhookOfAgent = internalQuery({
  args: { agentKey: v.string() },
  returns: v.union(
    v.null(),
    v.object({ botIdentity: v.string(), webhookUrl: v.union(v.null(), v.string()) }),
  ),
  handler: async (ctx, { agentKey }) => {
    const botIdentity = (await loadProfile(ctx, agentKey))?.botIdentity;
    if (botIdentity === undefined) return null;
    const bot = await loadBot(ctx, botIdentity);
    return bot === null ? null : { botIdentity, webhookUrl: bot.webhookUrl ?? null };
  },
});

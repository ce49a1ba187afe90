/** Telegram for operators: tokens, webhooks, what was put away. */
import { v } from "convex/values";
import { action, mutation, query } from "../kit/functions.js";
import { listQuarantine, readQuarantined } from "./quarantine.js";
import { resubmitQuarantined } from "./resubmit.js";
import { configureWebhook, importToken, reconcileBot, webhookReadiness } from "./setup.js";
import {
  vBotReconciled,
  vQuarantineView,
  vResubmission,
  vTokenImported,
  vWebhookConfigured,
  vWebhookReadiness,
} from "./validators.js";

/**
 * Asks Telegram whose token it is, stores it under a ref of the agent's own and links the agent to the bot. The user must
 * be or have been bound to the agent, or have a pairing code for it, unless the agent has no bot yet.
 * @throws INVALID_ARGUMENT the token is blank, or the bot belongs to another agent; AGENT_NOT_FOUND; FORBIDDEN;
 * TELEGRAM_FAILED; SECRETS_KEY_MISSING
 */
export const importTelegramTokenForAgent = action({
  args: {
    consumerUserId: v.string(),
    agentKey: v.string(),
    plaintextValue: v.string(),
    metadata: v.optional(v.record(v.string(), v.string())),
  },
  returns: vTokenImported,
  handler: async (ctx, args) => await importToken(ctx, args),
});

/**
 * Has Telegram send the bot's updates to `<site><pathPrefix>/telegram/webhook` with a fresh secret, and verifies it.
 * `agentKey`: also links the agent to the bot. `secretRef` defaults to the agent's token, else `telegram.botToken.default`;
 * `pathPrefix` to the one of the worker runtime config. Repeating it rotates the secret.
 * @throws SECRET_MISSING; INVALID_ARGUMENT; TELEGRAM_FAILED
 */
export const configureTelegramWebhook = action({
  args: {
    convexSiteUrl: v.string(),
    secretRef: v.optional(v.string()),
    agentKey: v.optional(v.string()),
    pathPrefix: v.optional(v.string()),
  },
  returns: vWebhookConfigured,
  handler: async (ctx, args) => await configureWebhook(ctx, args),
});

/** What Telegram says about the webhook of the agent's bot; also records it. @throws TELEGRAM_FAILED */
export const getWebhookReadiness = action({
  args: { agentKey: v.string(), pathPrefix: v.optional(v.string()) },
  returns: vWebhookReadiness,
  handler: async (ctx, args) => await webhookReadiness(ctx, args),
});

/** Asks Telegram which bot the agent's stored token is, and links the agent to it. @throws SECRET_MISSING, TELEGRAM_FAILED */
export const reconcileTelegramBotIdentityForAgent = action({
  args: { agentKey: v.string(), secretRef: v.optional(v.string()) },
  returns: vBotReconciled,
  handler: async (ctx, args) => await reconcileBot(ctx, args),
});

/** Updates that could not be used, newest first; `limit` 1…200, default 50. */
export const listQuarantinedTelegramUpdates = query({
  args: { limit: v.optional(v.number()) },
  returns: v.array(vQuarantineView),
  handler: async (ctx, { limit }) =>
    (await listQuarantine(ctx, limit)).map((row) => ({
      quarantineId: row._id,
      botIdentity: row.botIdentity ?? null,
      telegramChatId: row.telegramChatId ?? null,
      updateId: row.updateId ?? null,
      reason: row.reason,
      detail: row.detail,
      at: row.at,
      messageId: row.messageId ?? null,
    })),
});

/** One of them as it came, or null. It holds what a person wrote. */
export const getQuarantinedTelegramUpdate = query({
  args: { quarantineId: v.id("telegramQuarantine") },
  returns: v.union(v.null(), v.string()),
  handler: async (ctx, { quarantineId }) => await readQuarantined(ctx, quarantineId),
});

/**
 * Sends one of them in again, after its cause is gone: the agent exists, is enabled, or is named by `agentKey`, which
 * stands in for the app's `resolveAgentKey`. Repeating it, or Telegram's own repetition, gives the same message. A refusal
 * says why and is kept as the new reason.
 * @throws MESSAGE_NOT_FOUND; INVALID_ARGUMENT when it holds no message, or was cut
 */
export const resubmitQuarantinedTelegramUpdate = mutation({
  args: { quarantineId: v.id("telegramQuarantine"), agentKey: v.optional(v.string()) },
  returns: vResubmission,
  handler: async (ctx, args) => await resubmitQuarantined(ctx, args, Date.now()),
});

/** Forgets one of them. False when it was gone. */
export const deleteQuarantinedTelegramUpdate = mutation({
  args: { quarantineId: v.id("telegramQuarantine") },
  returns: v.boolean(),
  handler: async (ctx, { quarantineId }) => {
    const row = await ctx.db.get("telegramQuarantine", quarantineId);
    if (row !== null) await ctx.db.delete("telegramQuarantine", quarantineId);
    return row !== null;
  },
});

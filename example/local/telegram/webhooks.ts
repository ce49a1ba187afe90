import { z } from "zod";
import { pendingCount } from "./deliveries.js";
import { badRequest, errors } from "./errors.js";
import type { Parameters } from "./parameters.js";
import type { Arguments, Described, Method } from "./method.js";
import type { Bot, Webhook } from "./world.js";

const DEFAULT_UPDATES = [
  "message",
  "edited_message",
  "channel_post",
  "edited_channel_post",
  "business_connection",
  "business_message",
  "edited_business_message",
  "deleted_business_messages",
  "inline_query",
  "chosen_inline_result",
  "callback_query",
  "shipping_query",
  "pre_checkout_query",
  "purchased_paid_media",
  "poll",
  "poll_answer",
  "my_chat_member",
  "chat_join_request",
  "chat_boost",
  "removed_chat_boost",
];
const OTHER_UPDATES = ["chat_member", "message_reaction", "message_reaction_count"];
const KNOWN_UPDATES = [...DEFAULT_UPDATES, ...OTHER_UPDATES];

const PORTS = ["", "443", "80", "88", "8443"];
const DEFAULT_CONNECTIONS = 40;
const MAX_CONNECTIONS = 100;
const SETTING_INTERVAL_MS = 1000;

export const setWebhook = (...[world, bot, parameters]: Arguments): Described => {
  const url = parameters.text("url") ?? "";
  if (url === "") return deleteWebhook(world, bot, parameters);
  if (world.clock.now() < bot.webhookSetAt + SETTING_INTERVAL_MS) throw errors.tooManyRequests(1);
  checkUrl(url);
  const webhook: Webhook = {
    url,
    secretToken: readSecret(parameters),
    maxConnections: readConnections(parameters),
  };
  const allowedUpdates = readAllowedUpdates(bot, parameters);
  const unchanged =
    JSON.stringify([bot.webhook, bot.allowedUpdates]) === JSON.stringify([webhook, allowedUpdates]);
  bot.webhook = webhook;
  bot.allowedUpdates = allowedUpdates;
  bot.webhookSetAt = world.clock.now();
  bot.outgoing.lastError = null;
  return { result: true, description: unchanged ? "Webhook is already set" : "Webhook was set" };
};

export const deleteWebhook = (...[, bot]: Arguments): Described => {
  const description = bot.webhook ? "Webhook was deleted" : "Webhook is already deleted";
  bot.webhook = null;
  return { result: true, description };
};

/** The secret is never told again, and the default set of updates is not spelled out. */
export const getWebhookInfo: Method = (_world, bot) => ({
  url: bot.webhook?.url ?? "",
  has_custom_certificate: false,
  pending_update_count: pendingCount(bot.outgoing),
  // Kept after recovery, as Telegram does; only setting the webhook again clears it.
  ...(bot.outgoing.lastError && {
    last_error_date: Math.floor(bot.outgoing.lastError.at / 1000),
    last_error_message: bot.outgoing.lastError.message,
  }),
  ...(bot.webhook && { max_connections: bot.webhook.maxConnections, ip_address: "127.0.0.1" }),
  ...(bot.allowedUpdates && { allowed_updates: bot.allowedUpdates }),
});

function badWebhook(reason: string) {
  return badRequest(`bad webhook: ${reason}`);
}

/** Plain HTTP is let through on the loopback interface, where there is no certificate to have. */
function checkUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw badRequest("invalid webhook URL specified");
  if (["127.0.0.1", "localhost"].includes(url.hostname)) return;
  if (url.protocol !== "https:") throw badWebhook("An HTTPS URL must be provided for webhook");
  if (!PORTS.includes(url.port)) {
    throw badWebhook("Webhook can be set up only on ports 80, 88, 443 or 8443");
  }
}

function readSecret(parameters: Parameters): string | null {
  const secret = parameters.text("secret_token") ?? "";
  if (secret.length > 256) throw badRequest("secret token is too long");
  if (!/^[A-Za-z0-9_-]*$/.test(secret)) {
    throw badRequest("secret token contains unallowed characters");
  }
  return secret === "" ? null : secret;
}

function readConnections(parameters: Parameters): number {
  const asked = parameters.integer("max_connections") ?? DEFAULT_CONNECTIONS;
  return Math.min(MAX_CONNECTIONS, Math.max(1, asked));
}

function readAllowedUpdates(bot: Bot, parameters: Parameters): string[] | null {
  const given = parameters.json("allowed_updates");
  if (given === undefined) return bot.allowedUpdates;
  const parsed = z.array(z.string()).safeParse(given);
  if (!parsed.success) throw badRequest("can't parse allowed_updates JSON object");
  const known = KNOWN_UPDATES.filter((kind) => parsed.data.includes(kind));
  const isDefault = known.length === 0 || known.join() === DEFAULT_UPDATES.join();
  return isDefault ? null : known;
}

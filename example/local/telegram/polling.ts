import { confirmUpdates, pendingUpdates } from "./deliveries.js";
import { errors } from "./errors.js";
import type { Method } from "./method.js";

const MAX_UPDATES = 100;

/** Never waits: `timeout` is for servers with something to wait for. Asking from `offset` on confirms what is before. */
export const getUpdates: Method = (_world, bot, parameters) => {
  if (bot.webhook !== null) throw errors.webhookIsActive();
  const offset = parameters.integer("offset") ?? 0;
  const limit = parameters.integer("limit") ?? MAX_UPDATES;
  confirmUpdates(bot.outgoing, offset);
  return pendingUpdates(bot.outgoing).slice(0, Math.min(MAX_UPDATES, Math.max(1, limit)));
};

/** Who may post updates: the bot whose secret the request carries. Reads only, so that a refusal leaves no trace. */
import type { QueryCtx } from "../kit/functions.js";
import { loadBot } from "../identity/ops.js";
import { isSameDigest } from "./protocol.js";
import type { WebhookCredentials } from "./validators.js";

/** Compared with when there is no bot: knowing and not knowing one takes the same time. */
const NO_HASH = "0".repeat(64);

/**
 * True when the hash is that of the bot's secret, or of its former one while updates may still carry it. With
 * `allowUnsigned` (a migration from 3.x), also without a secret, unless one was set up for the bot.
 */
export async function mayPost(
  ctx: Pick<QueryCtx, "db">,
  { botIdentity, secretHash }: WebhookCredentials,
  allowUnsigned: boolean,
  now: number,
): Promise<boolean> {
  const bot = botIdentity === null ? null : await loadBot(ctx, botIdentity);
  if (secretHash === null) return allowUnsigned && bot?.webhookSecretHash === undefined;
  const current = isSameDigest(secretHash, bot?.webhookSecretHash ?? NO_HASH);
  const former = isSameDigest(secretHash, bot?.formerSecretHash ?? NO_HASH);
  return current || (former && (bot?.formerSecretUntil ?? 0) > now);
}

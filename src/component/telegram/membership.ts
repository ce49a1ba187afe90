/** Who can be reached: the user blocked or unblocked the bot, or it was removed from or added to a group. */
import { clearChatBlocked, markChatBlocked } from "../identity/ops.js";
import type { MutationCtx } from "../kit/functions.js";
import { findIngress, rememberIngress } from "../queue/ops.js";
import { keyOf } from "./keys.js";
import type { Incoming, IncomingMessage } from "./update.js";

/** The chat can be reached: it was just heard of. */
export async function heardFrom(
  ctx: MutationCtx,
  botIdentity: string | null,
  message: IncomingMessage,
): Promise<void> {
  if (botIdentity !== null) await clearChatBlocked(ctx, botIdentity, message.chatId);
}

export async function applyMembership(
  ctx: MutationCtx,
  botIdentity: string | null,
  update: Extract<Incoming, { kind: "membership" }>,
  now: number,
): Promise<void> {
  if (botIdentity === null) return;
  if (update.updateId !== null) {
    const key = keyOf(botIdentity, update.updateId);
    if ((await findIngress(ctx, key, now)) !== null) return;
    await rememberIngress(ctx, key, null, now);
  }
  if (update.status === "kicked" || update.status === "left") {
    const reason = update.isPrivate
      ? "The user blocked the bot."
      : "The bot was removed from the group.";
    await markChatBlocked(ctx, { botIdentity, telegramChatId: update.chatId, reason }, now);
  } else await clearChatBlocked(ctx, botIdentity, update.chatId);
}

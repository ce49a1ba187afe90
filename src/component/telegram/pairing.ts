/** `/start`: a person links the chat with a code. Repeatable; the person is told the outcome in the chat. */
import { refuse } from "../../shared/errors.js";
import {
  countWrongCode,
  findTelegramBinding,
  isGuessing,
  markExpired,
  tryConsume,
} from "../identity/ops.js";
import type { MutationCtx } from "../kit/functions.js";
import { scheduleNotice } from "./notices.js";
import type { StartCommand } from "./text.js";
import type { IncomingMessage } from "./update.js";
import type { IngressOutcome } from "./validators.js";

const NOTICES = {
  paired: "This chat is now linked to your account. Write to me whenever you like.",
  unknown: "I do not know this code. Please check it, or create a new one in the app.",
  used: "This code was already used. Please create a new one in the app.",
  expired: "This code has expired. Please create a new one in the app.",
  foreign: "This code is for another bot. Please open the link that the app shows.",
  guessing: "Too many wrong codes. Please try again in 15 minutes.",
  group: "Linking works in a private chat with me only. Your code was not used.",
  bare: "To link this chat to your account, open the link that the app shows, or send /start and your code.",
  linked: "This chat is linked to your account. Write to me whenever you like.",
} as const;

const GUESSING_ERROR = "Too many wrong pairing codes in this chat. Try again later.";
const GROUP_ERROR = "Pairing works in a private chat with the bot only";
const BARE_ERROR = "missing or invalid pairing code in /start command";

/** `silent`: Telegram repeats an update that was dealt with; the person has the answer. */
export async function pairChat(
  ctx: MutationCtx,
  botIdentity: string | null,
  message: IncomingMessage,
  command: Exclude<StartCommand, { kind: "foreign" }>,
  silent: boolean,
  now: number,
): Promise<IngressOutcome> {
  const answer = async (notice: keyof typeof NOTICES, outcome: IngressOutcome) => {
    if (!silent) await scheduleNotice(ctx, botIdentity, message, NOTICES[notice]);
    return outcome;
  };
  const failed = (error: string): IngressOutcome => ({ kind: "pairing_failed", error });
  const sender = {
    botIdentity: botIdentity ?? undefined,
    telegramUserId: message.userId,
    telegramChatId: message.chatId,
  };
  if (command.kind === "bare") {
    const linked = message.isPrivate && (await findTelegramBinding(ctx, sender)) !== null;
    return await answer(linked ? "linked" : "bare", failed(BARE_ERROR));
  }
  // Everybody in the group has seen the code; it stays unused and can be sent again in private.
  if (!message.isPrivate) return await answer("group", failed(GROUP_ERROR));
  const counter = botIdentity ?? "unknown";
  if (await isGuessing(ctx, counter, message.chatId, now))
    return await answer("guessing", failed(GUESSING_ERROR));

  const { decision, row } = await tryConsume(ctx, command.code, sender, now);
  if (decision.kind === "refuse") {
    if (!silent) await countWrongCode(ctx, counter, message.chatId, now);
    if (row !== null && decision.reason === "expired") await markExpired(ctx, row);
    return await answer(decision.reason, failed(decision.error));
  }
  if (row === null) return refuse("PAIRING_REFUSED", "Pairing code not found");
  return await answer("paired", {
    kind: "paired",
    consumerUserId: row.consumerUserId,
    agentKey: row.agentKey,
  });
}

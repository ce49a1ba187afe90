/** Short texts that the component itself sends to a chat, after the transaction that decided them. */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { markChatBlocked } from "../identity/ops.js";
import { internalAction, internalMutation, type MutationCtx } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { findIngress, rememberIngress } from "../queue/ops.js";
import { callTelegram } from "./botApi.js";
import { moveChat } from "./migration.js";
import type { BotAccess } from "./tokens.js";
import type { IncomingMessage } from "./update.js";

const MAX_TRIES = 3;
const MAX_WAIT_MS = 60_000;
const UNLINKED =
  "This chat is not linked to an account yet. Please open the link that the app shows, or send /start and your code.";

export async function scheduleNotice(
  ctx: MutationCtx,
  botIdentity: string | null,
  chat: Pick<IncomingMessage, "chatId" | "threadId">,
  text: string,
): Promise<void> {
  if (botIdentity === null) return;
  await ctx.scheduler.runAfter(0, internal.telegram.notices.send, {
    botIdentity,
    chatId: chat.chatId,
    threadId: chat.threadId,
    text,
    tries: 0,
  });
}

/** Tells a stranger how to link the chat; once in two days, a person who writes more has read it. */
export async function hintAtPairing(
  ctx: MutationCtx,
  botIdentity: string | null,
  message: IncomingMessage,
  now: number,
): Promise<void> {
  if (botIdentity === null || !message.isPrivate) return;
  const key = `telegram:${botIdentity}:${message.chatId}:hint`;
  if ((await findIngress(ctx, key, now)) !== null) return;
  await rememberIngress(ctx, key, null, now);
  await scheduleNotice(ctx, botIdentity, message, UNLINKED);
}

/** What was sent cannot be passed on; in a group it may have been meant for others. */
export async function sayUnreadable(
  ctx: MutationCtx,
  botIdentity: string | null,
  message: IncomingMessage,
): Promise<void> {
  log("info", "telegram.unreadable", { botIdentity, kind: message.unreadable });
  if (!message.isPrivate || message.unreadable === null) return;
  const text = `I cannot read this kind of message (${message.unreadable}). Please write it as text, or send a file.`;
  await scheduleNotice(ctx, botIdentity, message, text);
}

/** Sends it, at most three times; a notice that cannot be sent is logged and forgotten. */
export const send = internalAction({
  args: {
    botIdentity: v.string(),
    chatId: v.string(),
    threadId: v.union(v.null(), v.number()),
    text: v.string(),
    tries: v.number(),
  },
  returns: v.null(),
  handler: async (ctx, args): Promise<null> => {
    const access: BotAccess | null = await ctx.runQuery(internal.telegram.tokens.botAccess, {
      botIdentity: args.botIdentity,
    });
    if (access === null) {
      log("warn", "telegram.notice_without_token", { botIdentity: args.botIdentity });
      return null;
    }
    const answer = await callTelegram(access, "sendMessage", {
      chat_id: args.chatId,
      text: args.text,
      ...(args.threadId === null || args.threadId <= 1 ? {} : { message_thread_id: args.threadId }),
    });
    if (answer.kind === "ok") return null;
    if (answer.kind === "refused" && answer.status === 403) {
      await ctx.runMutation(internal.telegram.notices.blocked, {
        botIdentity: args.botIdentity,
        chatId: args.chatId,
        reason: answer.description,
      });
      return null;
    }
    if (answer.kind === "refused" && answer.migrateToChatId !== undefined) {
      const { botIdentity, chatId, tries } = args;
      const toChatId = answer.migrateToChatId;
      const move = { botIdentity, fromChatId: chatId, toChatId };
      await ctx.runMutation(internal.telegram.notices.moved, move);
      const next = { ...args, chatId: toChatId, tries: tries + 1 };
      if (next.tries < MAX_TRIES)
        await ctx.scheduler.runAfter(0, internal.telegram.notices.send, next);
      return null;
    }
    // Sending again after a lost answer may say it twice; a notice is harmless, silence is not.
    const again = answer.kind === "unknown" || answer.status === 429 || answer.status >= 500;
    if (again && args.tries + 1 < MAX_TRIES) {
      const asked = answer.kind === "refused" ? answer.retryAfterMs : undefined;
      await ctx.scheduler.runAfter(
        Math.min(MAX_WAIT_MS, asked ?? 2_000 * 4 ** args.tries),
        internal.telegram.notices.send,
        { ...args, tries: args.tries + 1 },
      );
    } else
      log("warn", "telegram.notice_failed", { chatId: args.chatId, reason: answer.description });
    return null;
  },
});

export const blocked = internalMutation({
  args: { botIdentity: v.string(), chatId: v.string(), reason: v.string() },
  returns: v.null(),
  handler: async (ctx, { botIdentity, chatId, reason }) => {
    await markChatBlocked(ctx, { botIdentity, telegramChatId: chatId, reason }, Date.now());
    return null;
  },
});

export const moved = internalMutation({
  args: { botIdentity: v.string(), fromChatId: v.string(), toChatId: v.string() },
  returns: v.null(),
  handler: async (ctx, { botIdentity, ...move }) => {
    await moveChat(ctx, botIdentity, move, Date.now());
    return null;
  },
});

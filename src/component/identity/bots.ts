/** Bots that were verified with Telegram, and chats that they cannot write to. */
import { redact } from "../../shared/redact.js";
import type { Doc, MutationCtx, Patch } from "../kit/functions.js";
import { loadActiveMetadata } from "../secrets/ops.js";
import { findByTelegramChat, type Reader } from "./store.js";

export type TelegramBot = Doc<"telegramBots">;

const MAX_REASON_LENGTH = 200;
const MAX_BLOCKED_LIST = 200;

export async function loadBot(ctx: Reader, botIdentity: string): Promise<TelegramBot | null> {
  return await ctx.db
    .query("telegramBots")
    .withIndex("by_botIdentity", (q) => q.eq("botIdentity", botIdentity))
    .first();
}

/** Records what is known about a bot; fields that are not given stay, undefined ones are removed. */
export async function saveBot(
  ctx: MutationCtx,
  botIdentity: string,
  facts: Patch<Omit<TelegramBot, "_id" | "_creationTime" | "botIdentity" | "updatedAt">>,
  now: number,
): Promise<void> {
  const id =
    (await loadBot(ctx, botIdentity))?._id ??
    (await ctx.db.insert("telegramBots", { botIdentity, updatedAt: now }));
  await ctx.db.patch("telegramBots", id, { ...facts, updatedAt: now });
}

/** The name that Telegram gave for the bot; 3.1 kept it beside the token. */
export async function botUsername(
  ctx: Reader,
  botIdentity: string | undefined,
  secretRef: string | undefined,
): Promise<string | null> {
  const bot = botIdentity === undefined ? null : await loadBot(ctx, botIdentity);
  if (bot?.username !== undefined) return bot.username;
  const metadata = secretRef === undefined ? null : await loadActiveMetadata(ctx, secretRef);
  return metadata !== null && metadata["telegramBotId"] === botIdentity
    ? (metadata["telegramUsername"] ?? null)
    : null;
}

/** Telegram confirmed that it delivers this bot's updates to us. */
export function isWebhookVerified(bot: TelegramBot | null): boolean {
  return bot?.webhookVerifiedAt !== undefined && bot.webhookSecretHash !== undefined;
}

// ── Chats that cannot be reached ────────────────────────────────────────────

async function findBlockedChat(ctx: Reader, botIdentity: string, telegramChatId: string) {
  return await ctx.db
    .query("telegramBlockedChats")
    .withIndex("by_botIdentity_and_telegramChatId", (q) =>
      q.eq("botIdentity", botIdentity).eq("telegramChatId", telegramChatId),
    )
    .first();
}

export async function isChatBlocked(
  ctx: Reader,
  botIdentity: string,
  telegramChatId: string,
): Promise<boolean> {
  return (await findBlockedChat(ctx, botIdentity, telegramChatId)) !== null;
}

/** The bot cannot write to the chat any more. Revokes nothing; a no-op when it is known. */
export async function markChatBlocked(
  ctx: MutationCtx,
  chat: { botIdentity: string; telegramChatId: string; reason: string },
  now: number,
): Promise<void> {
  const { botIdentity, telegramChatId } = chat;
  if (await isChatBlocked(ctx, botIdentity, telegramChatId)) return;
  const reason = redact(chat.reason, MAX_REASON_LENGTH);
  await ctx.db.insert("telegramBlockedChats", { botIdentity, telegramChatId, reason, since: now });
}

/** The chat was heard of again. */
export async function clearChatBlocked(
  ctx: MutationCtx,
  botIdentity: string,
  telegramChatId: string,
): Promise<void> {
  const row = await findBlockedChat(ctx, botIdentity, telegramChatId);
  if (row !== null) await ctx.db.delete("telegramBlockedChats", row._id);
}

/**
 * The group became a supergroup: its bindings name the new chat, and the old one cannot be unreachable any more. Returns
 * the bindings that were moved.
 */
export async function moveTelegramChat(
  ctx: MutationCtx,
  botIdentity: string,
  fromChatId: string,
  toChatId: string,
): Promise<Doc<"identityBindings">[]> {
  const bound = await findByTelegramChat(ctx, botIdentity, fromChatId);
  for (const binding of bound)
    await ctx.db.patch("identityBindings", binding._id, { telegramChatId: toChatId });
  await clearChatBlocked(ctx, botIdentity, fromChatId);
  return bound;
}

/** Newest first, at most 200. */
export async function listBlocked(ctx: Reader): Promise<Doc<"telegramBlockedChats">[]> {
  return await ctx.db
    .query("telegramBlockedChats")
    .withIndex("by_since")
    .order("desc")
    .take(MAX_BLOCKED_LIST);
}

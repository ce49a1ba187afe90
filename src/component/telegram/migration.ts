/**
 * Groups that became supergroups: another id, the same people. The conversation keeps the id that it has, so that its
 * history, its memory and its order stay; bindings and what waits are addressed anew.
 */
import { moveTelegramChat } from "../identity/ops.js";
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import { attachMetadata, listForConversation } from "../queue/ops.js";

/** Of one conversation; beyond it the worker learns the new id from Telegram's refusal. */
const MAX_READDRESSED = 200;

export function chatConversationId(botIdentity: string | null, chatId: string): string {
  return `telegram:${botIdentity === null ? chatId : `${botIdentity}:${chatId}`}`;
}

async function findMove(
  ctx: Pick<QueryCtx, "db">,
  botIdentity: string,
  toChatId: string,
): Promise<Doc<"telegramChatMoves"> | null> {
  return await ctx.db
    .query("telegramChatMoves")
    .withIndex("by_botIdentity_and_toChatId", (q) =>
      q.eq("botIdentity", botIdentity).eq("toChatId", toChatId),
    )
    .first();
}

/** The id by which the chat was first known: that of the group that the supergroup was. */
export async function originalChatId(
  ctx: Pick<QueryCtx, "db">,
  botIdentity: string | null,
  chatId: string,
): Promise<string> {
  const move = botIdentity === null ? null : await findMove(ctx, botIdentity, chatId);
  return move?.fromChatId ?? chatId;
}

/** Telegram says it up to three times, in any order: by the old chat, by the new one, and when it is written to. */
export async function moveChat(
  ctx: MutationCtx,
  botIdentity: string,
  { fromChatId, toChatId }: { fromChatId: string; toChatId: string },
  now: number,
): Promise<void> {
  if ((await findMove(ctx, botIdentity, toChatId)) !== null) return;
  await ctx.db.insert("telegramChatMoves", { botIdentity, fromChatId, toChatId, at: now });
  const bound = await moveTelegramChat(ctx, botIdentity, fromChatId, toChatId);
  const conversationIds = [
    chatConversationId(botIdentity, fromChatId),
    ...bound.map(({ conversationId }) => conversationId),
  ];
  for (const conversationId of conversationIds)
    await readdress(ctx, conversationId, fromChatId, toChatId);
}

/** What waits, or is being answered and may have to be answered again, is answered in the new chat. */
async function readdress(
  ctx: MutationCtx,
  conversationId: string,
  fromChatId: string,
  toChatId: string,
): Promise<void> {
  const unfinished = ["queued", "processing"] as const;
  for (const item of await listForConversation(ctx, conversationId, MAX_READDRESSED, unfinished)) {
    const id = ctx.db.normalizeId("messageQueue", item._id);
    const message = id === null ? null : await ctx.db.get("messageQueue", id);
    if (message?.payload.metadata?.["telegramChatId"] === fromChatId)
      await attachMetadata(ctx, message, { telegramChatId: toChatId });
  }
}

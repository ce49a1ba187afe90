/**
 * Messages that are still being put together: they have their place in the queue and are held there until their files
 * are fetched, the album is complete, and a caption that follows had its chance.
 */
import { internal } from "../_generated/api.js";
import type { Id, MutationCtx } from "../kit/functions.js";
import { loadUntouched } from "../queue/ops.js";
import { MAX_ATTACHMENTS } from "../queue/validators.js";
import { toTurnFile, type Turn } from "./turnContent.js";
import { advance } from "./turnStore.js";
import type { IncomingMessage } from "./update.js";
import { FILES_DEADLINE_MS, MAX_TURN_MS, TURN_WINDOW_MS } from "./validators.js";

/** Turns of one chat that are open at a time, in practice one per person who is sending media. */
const OPEN_TURNS_PER_CHAT = 8;
/** The files of an album are not asked for all at once: Telegram answers floods with pauses. */
const STAGGER_MS = 200;

/** The turn that this message continues: of the same album, or media without caption that it may be the caption of. */
export async function findTurn(
  ctx: MutationCtx,
  botIdentity: string,
  message: IncomingMessage,
  now: number,
): Promise<Turn | null> {
  const open = await ctx.db
    .query("telegramTurns")
    .withIndex("by_botIdentity_and_telegramChatId", (q) =>
      q.eq("botIdentity", botIdentity).eq("telegramChatId", message.chatId),
    )
    .order("desc")
    .take(OPEN_TURNS_PER_CHAT);
  for (const turn of open) {
    if (turn.telegramUserId !== message.userId) continue;
    if ((turn.threadId ?? null) !== message.threadId) continue;
    const fits =
      message.mediaGroupId !== null
        ? turn.mediaGroupId === message.mediaGroupId &&
          turn.files.length + message.files.length <= MAX_ATTACHMENTS
        : message.isTyped &&
          message.files.length === 0 &&
          turn.windowEndsAt > now &&
          turn.texts.every(({ text }) => text === "");
    if (fits && (await loadUntouched(ctx, turn.messageId)) !== null) return turn;
  }
  return null;
}

/** Opens a turn for a message that was just queued and held. */
export async function openTurn(
  ctx: MutationCtx,
  about: Pick<Turn, "messageId" | "conversationId" | "agentKey" | "botIdentity">,
  message: IncomingMessage,
  now: number,
): Promise<void> {
  // With a caption there is nothing to wait for but files, except in an album.
  const waits = message.mediaGroupId !== null || message.text === "";
  const id = await ctx.db.insert("telegramTurns", {
    ...about,
    telegramChatId: message.chatId,
    telegramUserId: message.userId,
    ...(message.threadId === null ? {} : { threadId: message.threadId }),
    texts: [],
    files: [],
    windowEndsAt: now,
    deadlineAt: now + FILES_DEADLINE_MS,
    startedAt: now,
    ...(message.mediaGroupId === null ? {} : { mediaGroupId: message.mediaGroupId }),
  });
  const turn = await ctx.db.get("telegramTurns", id);
  if (turn !== null) await extendTurn(ctx, turn, message, waits, now);
}

/** Adds a message to a turn: its text, its files (fetched by scheduled actions), and time for more to come. */
export async function extendTurn(
  ctx: MutationCtx,
  turn: Turn,
  message: IncomingMessage,
  waits: boolean,
  now: number,
): Promise<void> {
  const files = message.files.map(toTurnFile);
  const next: Turn = {
    ...turn,
    texts: [...turn.texts, { telegramMessageId: message.messageId ?? 0, text: message.text }],
    files: [...turn.files, ...files],
    windowEndsAt: waits
      ? Math.min(now + TURN_WINDOW_MS, turn.startedAt + MAX_TURN_MS)
      : turn.windowEndsAt,
    deadlineAt: files.length > 0 ? now + FILES_DEADLINE_MS : turn.deadlineAt,
  };
  await advance(ctx, next, now);
  for (const [offset, file] of files.entries())
    if (file.state === "pending") {
      const index = turn.files.length + offset;
      const fetchFile = internal.telegram.fetcher.fetchFile;
      await ctx.scheduler.runAfter(index * STAGGER_MS, fetchFile, { turnId: turn._id, index });
    }
  if (next.windowEndsAt > now)
    await ctx.scheduler.runAfter(next.windowEndsAt - now, internal.telegram.settling.look, {
      turnId: turn._id,
    });
  if (files.some((file) => file.state === "pending"))
    await ctx.scheduler.runAfter(next.deadlineAt - now, internal.telegram.settling.giveUp, {
      turnId: turn._id,
    });
}

/** Replaces the text of one message of the turn; an older edit than the one known changes nothing. */
export async function editTurn(
  ctx: MutationCtx,
  turn: Turn,
  edit: { telegramMessageId: number; text: string; editedAt: number },
  now: number,
): Promise<void> {
  const texts = turn.texts.map((part) =>
    part.telegramMessageId === edit.telegramMessageId && (part.editedAt ?? 0) <= edit.editedAt
      ? edit
      : part,
  );
  await advance(ctx, { ...turn, texts }, now);
}

export async function turnOf(
  ctx: MutationCtx,
  messageId: Id<"messageQueue">,
): Promise<Turn | null> {
  return await ctx.db
    .query("telegramTurns")
    .withIndex("by_messageId", (q) => q.eq("messageId", messageId))
    .first();
}

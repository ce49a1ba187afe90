/**
 * Messages that are still being put together: they have their place in the queue and are held there until their files
 * are fetched, the album is complete, and a caption that follows had its chance.
 */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { RETENTION } from "../config.js";
import { internalMutation, type Doc, type Id, type MutationCtx } from "../kit/functions.js";
import { findMediaFile, loadUntouched, registerMediaFile, reviseWaiting } from "../queue/ops.js";
import { MAX_ATTACHMENTS } from "../queue/validators.js";
import { loadMessageConfig } from "../settings/ops.js";
import { TOO_LARGE_ERROR } from "./botApi.js";
import { mediaMetadata, mediaText, type IncomingMessage } from "./update.js";
import {
  FILES_DEADLINE_MS,
  MAX_FILE_BYTES,
  MAX_TURN_MS,
  TURN_WINDOW_MS,
  type FileRef,
} from "./validators.js";

export type Turn = Doc<"telegramTurns">;
type TurnFile = Turn["files"][number];

/** Turns of one chat that are open at a time, in practice one per person who is sending media. */
const OPEN_TURNS_PER_CHAT = 8;
/** The message is let go by its turn; should that fail, time lets it go this much later. */
const HOLD_SLACK_MS = 30_000;
const GIVEN_UP = "not fetched in time";

/** True when the message cannot simply be queued as it is. */
export function needsTurn(message: IncomingMessage): boolean {
  return message.files.length > 0 || message.mediaGroupId !== null;
}

/** Until when a new message with this content is held. */
export function holdUntil(now: number): number {
  return now + FILES_DEADLINE_MS + HOLD_SLACK_MS;
}

export function toTurnFile(file: FileRef): TurnFile {
  return (file.sizeBytes ?? 0) > MAX_FILE_BYTES
    ? { ...file, state: "failed", error: TOO_LARGE_ERROR }
    : { ...file, state: "pending" };
}

/** The text that the agent gets: what was written, else what was sent, and what could not be fetched. */
export function turnText(turn: Pick<Turn, "texts" | "files">): string {
  const written = [...turn.texts]
    .sort((a, b) => a.telegramMessageId - b.telegramMessageId)
    .map(({ text }) => text)
    .filter((text) => text !== "");
  const failures = turn.files
    .filter((file) => file.state === "failed")
    .map(
      (file) =>
        `[attachment unavailable: ${file.note ?? file.kind}${file.fileName === undefined ? "" : ` "${file.fileName}"`}, ${file.error ?? "failed"}]`,
    );
  return [...(written.length === 0 ? [mediaText(turn.files)] : written), ...failures].join("\n\n");
}

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
    const fits =
      message.mediaGroupId !== null
        ? turn.mediaGroupId === message.mediaGroupId &&
          turn.files.length + message.files.length <= MAX_ATTACHMENTS
        : message.files.length === 0 &&
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
    if (file.state === "pending")
      await ctx.scheduler.runAfter(0, internal.telegram.fetcher.fetchFile, {
        turnId: turn._id,
        index: turn.files.length + offset,
      });
  if (next.windowEndsAt > now)
    await ctx.scheduler.runAfter(next.windowEndsAt - now, internal.telegram.turns.look, {
      turnId: turn._id,
    });
  if (files.some((file) => file.state === "pending"))
    await ctx.scheduler.runAfter(next.deadlineAt - now, internal.telegram.turns.giveUp, {
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

/** Brings the queued message up to what the turn says, and lets it go when nothing is missing. */
async function advance(ctx: MutationCtx, turn: Turn, now: number): Promise<void> {
  const pending = turn.files.some((file) => file.state === "pending");
  const over = !pending && turn.windowEndsAt <= now;
  const message = await loadUntouched(ctx, turn.messageId);
  const attached = new Set(message?.payload.attachments?.map((file) => file.storageId));
  const ready = pending ? [] : turn.files.filter(isReady).filter((f) => !attached.has(f.storageId));
  const revised = await reviseWaiting(
    ctx,
    turn.messageId,
    {
      messageText: turnText(turn),
      metadata: mediaMetadata(turn.files),
      newAttachments: await attachmentsOf(ctx, ready, now),
      heldUntil: pending ? turn.deadlineAt + HOLD_SLACK_MS : over ? null : turn.windowEndsAt,
    },
    now,
  );
  if (!revised) await dropFiles(ctx, turn);
  const { _id, _creationTime, ...fields } = turn;
  if (over || !revised) await ctx.db.delete("telegramTurns", _id);
  else await ctx.db.replace("telegramTurns", _id, fields);
}

type ReadyFile = TurnFile & { storageId: Id<"_storage"> };

function isReady(file: TurnFile): file is ReadyFile {
  return file.state === "ready" && file.storageId !== undefined;
}

async function attachmentsOf(ctx: MutationCtx, files: readonly ReadyFile[], now: number) {
  if (files.length === 0) return [];
  const config = await loadMessageConfig(ctx);
  const expiresAt = now + (config?.telegramAttachmentRetentionMs ?? RETENTION.attachmentMs);
  return files.map(({ state: _state, error: _error, note: _note, ...file }) => ({
    ...file,
    status: "ready" as const,
    expiresAt,
  }));
}

/** The message went without them: nobody will ask for these files. */
async function dropFiles(ctx: MutationCtx, turn: Turn): Promise<void> {
  const message = await ctx.db.get("messageQueue", turn.messageId);
  const attached = new Set(message?.payload.attachments?.map((file) => file.storageId));
  for (const { storageId } of turn.files.filter(isReady)) {
    if (attached.has(storageId) || (await ctx.db.system.get("_storage", storageId)) === null)
      continue;
    await ctx.storage.delete(storageId);
    const registration = await findMediaFile(ctx, storageId);
    if (registration !== null) await ctx.db.delete("mediaFiles", registration._id);
  }
}

/** The window is over. */
export const look = internalMutation({
  args: { turnId: v.id("telegramTurns") },
  returns: v.null(),
  handler: async (ctx, { turnId }) => {
    const turn = await ctx.db.get("telegramTurns", turnId);
    if (turn !== null) await advance(ctx, turn, Date.now());
    return null;
  },
});

/** Files that are not there by the deadline are named in the text instead. */
export const giveUp = internalMutation({
  args: { turnId: v.id("telegramTurns") },
  returns: v.null(),
  handler: async (ctx, { turnId }) => {
    const turn = await ctx.db.get("telegramTurns", turnId);
    const now = Date.now();
    // An album that grew has a later deadline, and a call of its own for it.
    if (turn === null || turn.deadlineAt > now) return null;
    const files = turn.files.map((file) =>
      file.state === "pending" ? { ...file, state: "failed" as const, error: GIVEN_UP } : file,
    );
    await advance(ctx, { ...turn, files, windowEndsAt: Math.min(turn.windowEndsAt, now) }, now);
    return null;
  },
});

/** A file was fetched or cannot be. False: nobody waits for it any more, the caller deletes it. */
export const settleFile = internalMutation({
  args: {
    turnId: v.id("telegramTurns"),
    index: v.number(),
    outcome: v.union(
      v.object({
        state: v.literal("ready"),
        storageId: v.id("_storage"),
        mimeType: v.string(),
        sizeBytes: v.number(),
      }),
      v.object({ state: v.literal("failed"), error: v.string() }),
    ),
  },
  returns: v.boolean(),
  handler: async (ctx, { turnId, index, outcome }) => {
    const turn = await ctx.db.get("telegramTurns", turnId);
    const file = turn?.files[index];
    if (turn === null || file?.state !== "pending") return false;
    const now = Date.now();
    if (outcome.state === "ready") {
      const owner = { purpose: "attachment", conversationId: turn.conversationId } as const;
      await registerMediaFile(ctx, outcome.storageId, owner, now);
    }
    const files = turn.files.map((other, i) => (i === index ? { ...other, ...outcome } : other));
    await advance(ctx, { ...turn, files }, now);
    return true;
  },
});

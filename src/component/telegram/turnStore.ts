/** A turn and its queued message, kept in step. */
import { RETENTION } from "../config.js";
import type { Id, MutationCtx } from "../kit/functions.js";
import { findMediaFile, loadUntouched, reviseWaiting } from "../queue/ops.js";
import { loadMessageConfig } from "../settings/ops.js";
import { mediaMetadata } from "./files.js";
import { HOLD_SLACK_MS, turnText, type Turn, type TurnFile } from "./turnContent.js";

/** Brings the queued message up to what the turn says, and lets it go when nothing is missing. */
export async function advance(ctx: MutationCtx, turn: Turn, now: number): Promise<void> {
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

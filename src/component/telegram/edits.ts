/** Edits: they change what waits; what a worker already has stays as it was asked. */
import type { MutationCtx } from "../kit/functions.js";
import { findIngress, loadUntouched, reviseWaiting } from "../queue/ops.js";
import { messageKey } from "./keys.js";
import { editTurn, turnOf } from "./turns.js";
import type { IncomingMessage } from "./update.js";

export async function applyEdit(
  ctx: MutationCtx,
  botIdentity: string | null,
  edit: IncomingMessage,
  now: number,
): Promise<void> {
  const key = messageKey(botIdentity, edit);
  const messageId = key === null ? undefined : (await findIngress(ctx, key, now))?.messageId;
  if (messageId === undefined || edit.messageId === null) return;
  const message = await loadUntouched(ctx, messageId);
  if (message === null || message.payload.metadata?.["telegramUserId"] !== edit.userId) return;
  const editedAt = edit.editedAt ?? 0;
  const turn = await turnOf(ctx, messageId);
  if (turn !== null)
    return await editTurn(
      ctx,
      turn,
      { telegramMessageId: edit.messageId, text: edit.text, editedAt },
      now,
    );
  const { metadata, externalMessageId } = message.payload;
  const isWhole = externalMessageId === String(edit.messageId) && edit.mediaGroupId === null;
  if (!isWhole || edit.text === "" || Number(metadata["telegramEditedAt"] ?? 0) > editedAt) return;
  await reviseWaiting(
    ctx,
    messageId,
    { messageText: edit.text, metadata: { telegramEditedAt: String(editedAt) } },
    now,
  );
}

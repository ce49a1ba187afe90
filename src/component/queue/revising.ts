/** Changes to a message that nobody has been given yet: its content grows or is corrected while it waits. */
import { loadConversation } from "../conversations/ops.js";
import type { Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { requestPass } from "../kit/wake.js";
import { insertAttachmentRows } from "./intake.js";
import { checkPayloadSize } from "./payload.js";
import { settle, type Message } from "./store.js";

export type Revision = {
  messageText?: string;
  /** Merged over the present keys. */
  metadata?: Record<string, string>;
  /** Added to the present ones; registered files only. */
  newAttachments?: NonNullable<Message["payload"]["attachments"]>;
  /** When it may be claimed; null: at once. Absent: as before. */
  heldUntil?: number | null;
};

/** The message if it waits and no worker ever had it; null otherwise. */
export async function loadUntouched(
  ctx: QueryCtx,
  messageId: Id<"messageQueue">,
): Promise<Message | null> {
  const message = await ctx.db.get("messageQueue", messageId);
  return message?.status === "queued" && (message.deliveries ?? 0) === 0 ? message : null;
}

/** False, and nothing changes, once a worker had the message. @throws PAYLOAD_TOO_LARGE */
export async function reviseWaiting(
  ctx: MutationCtx,
  messageId: Id<"messageQueue">,
  revision: Revision,
  now: number,
): Promise<boolean> {
  const message = await loadUntouched(ctx, messageId);
  if (message === null) return false;
  const { newAttachments = [] } = revision;
  const attachments = [...(message.payload.attachments ?? []), ...newAttachments];
  const payload = {
    ...message.payload,
    messageText: revision.messageText ?? message.payload.messageText,
    metadata: { ...message.payload.metadata, ...revision.metadata },
    ...(attachments.length === 0 ? {} : { attachments }),
  };
  checkPayloadSize(payload);
  await ctx.db.patch("messageQueue", messageId, {
    payload,
    ...(revision.heldUntil === undefined
      ? {}
      : { nextRetryAt: revision.heldUntil === null ? undefined : revision.heldUntil }),
  });
  const added = { ...message, payload: { ...payload, attachments: newAttachments } };
  await insertAttachmentRows(ctx, messageId, added, now);
  if (revision.heldUntil === undefined) return true;
  const conversation = await loadConversation(ctx, message.conversationId);
  if (conversation === null) return true;
  const { state, readyAt } = await settle(ctx, conversation, 0, {}, now);
  if (readyAt !== undefined && (state === "ready" || state === "waiting"))
    await requestPass(ctx, Math.max(now, readyAt), now);
  return true;
}

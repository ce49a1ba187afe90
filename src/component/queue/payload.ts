/** What a message carries: bounded, because claims and hydration hand it out whole. */
import { refuse } from "../../shared/errors.js";
import type { MutationCtx } from "../kit/functions.js";
import type { Message } from "./store.js";
import { MAX_PAYLOAD_BYTES } from "./validators.js";

/** @throws PAYLOAD_TOO_LARGE */
export function checkPayloadSize(payload: Message["payload"]): void {
  const bytes = new TextEncoder().encode(JSON.stringify(payload)).length;
  if (bytes > MAX_PAYLOAD_BYTES)
    refuse(
      "PAYLOAD_TOO_LARGE",
      `The message has ${bytes} bytes, at most ${MAX_PAYLOAD_BYTES} fit. Send long content as an attachment.`,
      { bytes, maxBytes: MAX_PAYLOAD_BYTES },
    );
}

/** The bot that a message came through (webhook), or that its chat belongs to (pushes); null when nothing says so. */
export function botOfMessage({ payload }: Pick<Message, "payload">): string | null {
  const { metadata } = payload;
  return metadata?.["telegramBotIdentity"] ?? metadata?.["botIdentity"] ?? null;
}

/** Merges keys into the message's metadata, the new ones win. @throws PAYLOAD_TOO_LARGE */
export async function attachMetadata(
  ctx: MutationCtx,
  message: Message,
  metadata: Record<string, string>,
): Promise<void> {
  const payload = {
    ...message.payload,
    metadata: { ...message.payload.metadata, ...metadata },
  };
  checkPayloadSize(payload);
  await ctx.db.patch("messageQueue", message._id, { payload });
}

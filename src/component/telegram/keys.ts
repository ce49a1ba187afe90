/** The keys by which an update is known again. */
import { sha256Hex } from "../kit/random.js";
import type { IncomingMessage } from "./update.js";

export function keyOf(botIdentity: string | null, ...parts: (string | number)[]): string {
  return ["telegram", botIdentity ?? "unknown", ...parts].join(":");
}

/** Of the message itself, or of the press; null when it has no number. */
export function messageKey(botIdentity: string | null, message: IncomingMessage): string | null {
  if (message.callbackId !== null) return callbackKey(botIdentity, message.callbackId);
  return message.messageId === null
    ? null
    : keyOf(botIdentity, message.chatId, message.messageId, "message");
}

export function callbackKey(botIdentity: string | null, callbackId: string): string {
  return keyOf(botIdentity, "callback", callbackId);
}

export async function bodyKey(botIdentity: string | null, body: string): Promise<string> {
  return keyOf(botIdentity, "body", await sha256Hex(body));
}

/** By update, and by message: the numbers of updates start anew after a week of silence, or on another server. */
export async function keysOf(
  botIdentity: string | null,
  updateId: number | null,
  message: IncomingMessage,
  body: string,
): Promise<string[]> {
  const byMessage = messageKey(botIdentity, message);
  const keys = [
    ...(updateId === null ? [] : [keyOf(botIdentity, updateId)]),
    ...(byMessage === null ? [] : [byMessage]),
  ];
  return keys.length === 0 ? [await bodyKey(botIdentity, body)] : keys;
}

/** One Bot API call. The address holds the token, so nothing here names it. */
import { readTelegramAnswer, type TelegramVerdict } from "../../shared/telegramAnswer.js";
import { transferMs } from "../retry.js";
import { errorCode, networkReason } from "../transport.js";

export type TelegramAnswer =
  | TelegramVerdict
  /** The request was never written. */
  | { kind: "unsent"; reason: string }
  /** The request may have been acted on. */
  | { kind: "unknown"; reason: string };

export type Upload = { field: string; name: string; bytes: Uint8Array<ArrayBuffer> };
export type TelegramApi = (
  method: string,
  body: Record<string, unknown>,
  upload?: Upload,
) => Promise<TelegramAnswer>;

/** Failures that happen before a byte of the request leaves. */
const UNSENT_CODES = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The Bot API of one bot. */
export function telegramApi(options: {
  baseUrl: string;
  token: string;
  /** Of a call; a file gets the time of its transfer beside it. */
  timeoutMs: number;
  fetch?: typeof globalThis.fetch;
}): TelegramApi {
  const fetch = options.fetch ?? globalThis.fetch;
  const base = `${options.baseUrl.replace(/\/+$/, "")}/bot${options.token}`;
  return async (method, body, upload) => {
    try {
      const response = await fetch(`${base}/${method}`, {
        method: "POST",
        ...(upload === undefined
          ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
          : { body: formOf(body, upload) }),
        redirect: "manual",
        signal: AbortSignal.timeout(options.timeoutMs + transferMs(upload?.bytes.length ?? 0)),
      });
      const { status } = response;
      const reason = `Telegram ${method}: status ${status} without an answer`;
      return (
        readTelegramAnswer(status, safeJson(await response.text())) ?? { kind: "unknown", reason }
      );
    } catch (error) {
      const code = error instanceof Error ? errorCode(error.cause) : undefined;
      const reason = `Telegram ${method}: ${networkReason(error)}`;
      return { kind: code !== undefined && UNSENT_CODES.has(code) ? "unsent" : "unknown", reason };
    }
  };
}

function formOf(body: Record<string, unknown>, { field, name, bytes }: Upload): FormData {
  const form = new FormData();
  for (const [key, value] of Object.entries(body)) form.set(key, String(value));
  form.set(field, new Blob([bytes]), name);
  return form;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

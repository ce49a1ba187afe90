/** One Bot API call. The address holds the token, so nothing here names it. */
import { transferMs } from "../retry.js";
import { z } from "zod";
import { errorCode, networkReason } from "../transport.js";

const envelope = z.object({
  ok: z.boolean(),
  result: z.unknown().optional(),
  error_code: z.number().optional(),
  description: z.string().optional(),
  parameters: z
    .object({ retry_after: z.number().optional(), migrate_to_chat_id: z.number().optional() })
    .optional(),
});

export type TelegramAnswer =
  | { kind: "ok"; result: unknown }
  | {
      kind: "refused";
      status: number;
      description: string;
      retryAfterMs: number | undefined;
      migrateToChatId: string | undefined;
    }
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
    let status: number;
    let parsed: z.infer<typeof envelope> | undefined;
    try {
      const response = await fetch(`${base}/${method}`, {
        method: "POST",
        ...(upload === undefined
          ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
          : { body: formOf(body, upload) }),
        redirect: "manual",
        signal: AbortSignal.timeout(options.timeoutMs + transferMs(upload?.bytes.length ?? 0)),
      });
      status = response.status;
      const text = await response.text();
      parsed = envelope.safeParse(safeJson(text)).data;
    } catch (error) {
      const code = error instanceof Error ? errorCode(error.cause) : undefined;
      const reason = `Telegram ${method}: ${networkReason(error)}`;
      return { kind: code !== undefined && UNSENT_CODES.has(code) ? "unsent" : "unknown", reason };
    }
    if (parsed?.ok === true) return { kind: "ok", result: parsed.result };
    // Without Telegram's own envelope a front end answered; only below 500 is it sure that nothing happened.
    if (parsed === undefined && (status >= 500 || status < 300)) {
      return { kind: "unknown", reason: `Telegram ${method}: status ${status} without an answer` };
    }
    const retryAfter = parsed?.parameters?.retry_after;
    const migrated = parsed?.parameters?.migrate_to_chat_id;
    return {
      kind: "refused",
      status: parsed?.error_code ?? status,
      description: parsed?.description ?? `status ${status}`,
      retryAfterMs: retryAfter === undefined ? undefined : retryAfter * 1000,
      migrateToChatId: migrated === undefined ? undefined : String(migrated),
    };
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

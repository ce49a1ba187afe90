/** One call of the Bot API. The address holds the token, so no error names it. */
import { z } from "zod";
import { refuse } from "../../shared/errors.js";
import { redact } from "../../shared/redact.js";
import { readTelegramAnswer, type TelegramVerdict } from "../../shared/telegramAnswer.js";
import { MAX_FILE_BYTES, TOO_LARGE_ERROR } from "./validators.js";

const CALL_TIMEOUT_MS = 20_000;
const DOWNLOAD_TIMEOUT_MS = 90_000;

/** Where a bot is reached. */
export type BotAddress = { token: string; apiBaseUrl: string };

export type TelegramAnswer =
  | TelegramVerdict
  /** No answer that could be understood: it may have been acted on. */
  | { kind: "unknown"; description: string };

function address(
  { token, apiBaseUrl }: BotAddress,
  root: "bot" | "file/bot",
  path: string,
): string {
  const name = encodeURIComponent(token).replaceAll("%3A", ":");
  return `${apiBaseUrl.replace(/\/+$/, "")}/${root}${name}/${path}`;
}

export async function callTelegram(
  bot: BotAddress,
  method: string,
  parameters: Record<string, unknown> = {},
): Promise<TelegramAnswer> {
  try {
    const response = await fetch(address(bot, "bot", method), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(parameters),
      redirect: "manual",
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    const verdict = readTelegramAnswer(
      response.status,
      await response.json().catch(() => undefined),
    );
    if (verdict === null) return { kind: "unknown", description: `status ${response.status}` };
    if (verdict.kind === "ok") return verdict;
    return { ...verdict, description: redact(verdict.description, 300) };
  } catch (error) {
    return { kind: "unknown", description: failure(error) };
  }
}

/** The result of a call that must succeed. @throws TELEGRAM_FAILED `Telegram <method> failed: <description>` */
export async function requireTelegram<T>(
  bot: BotAddress,
  method: string,
  schema: z.ZodType<T>,
  parameters?: Record<string, unknown>,
  fallback = "unknown error",
): Promise<T> {
  const answer = await callTelegram(bot, method, parameters);
  if (answer.kind !== "ok")
    return refuse(
      "TELEGRAM_FAILED",
      `Telegram ${method} failed: ${answer.description === "" ? fallback : answer.description}`,
    );
  const parsed = schema.safeParse(answer.result);
  if (!parsed.success) return refuse("TELEGRAM_FAILED", `Telegram ${method} failed: ${fallback}`);
  return parsed.data;
}

const vFilePath = z.object({ file_path: z.string().min(1), file_size: z.number().optional() });

export type Download =
  | { kind: "file"; bytes: Uint8Array<ArrayBuffer>; path: string; mimeType: string }
  /** `again`: another try may succeed. */
  | { kind: "failed"; error: string; again: boolean; retryAfterMs?: number | undefined };

/** Fetches a file of at most 20 MiB. Never throws. */
export async function downloadFile(bot: BotAddress, fileId: string): Promise<Download> {
  const answer = await callTelegram(bot, "getFile", { file_id: fileId });
  if (answer.kind === "unknown")
    return { kind: "failed", error: `getFile: ${answer.description}`, again: true };
  if (answer.kind === "refused") {
    const again =
      answer.status === 429 || answer.status >= 500 || /temporarily/.test(answer.description);
    const { retryAfterMs } = answer;
    return { kind: "failed", error: `getFile: ${answer.description}`, again, retryAfterMs };
  }
  const file = vFilePath.safeParse(answer.result).data;
  if (file === undefined)
    return { kind: "failed", error: "getFile: missing file_path", again: true };
  if ((file.file_size ?? 0) > MAX_FILE_BYTES) return tooLarge;
  try {
    const path = file.file_path.split("/").map(encodeURIComponent).join("/");
    const response = await fetch(address(bot, "file/bot", path), {
      redirect: "manual",
      signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS),
    });
    if (response.status !== 200)
      return {
        kind: "failed",
        error: `download: status ${response.status}`,
        again: response.status >= 500 || response.status === 429 || response.status === 404,
      };
    const bytes = await readAtMost(response, MAX_FILE_BYTES);
    if (bytes === null) return tooLarge;
    const mimeType = response.headers.get("content-type") ?? "";
    return { kind: "file", bytes, path: file.file_path, mimeType };
  } catch (error) {
    return { kind: "failed", error: `download: ${failure(error)}`, again: true };
  }
}

const tooLarge: Download = { kind: "failed", error: TOO_LARGE_ERROR, again: false };

/** Stops reading at the limit: what is announced need not be what comes. */
async function readAtMost(
  response: Response,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      return null;
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Names the kind of failure; the text of a network error may hold the address, and so the token. */
function failure(error: unknown): string {
  return error instanceof Error && error.name === "TimeoutError"
    ? "Telegram did not answer in time"
    : "Telegram could not be reached";
}

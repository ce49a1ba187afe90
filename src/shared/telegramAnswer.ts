/** What the Bot API answered, for the component and the worker. See https://core.telegram.org/bots/api#making-requests */
import { z } from "zod";
import { SECOND_MS } from "./time.js";

const vEnvelope = z.object({
  ok: z.boolean(),
  result: z.unknown().optional(),
  error_code: z.number().optional(),
  description: z.string().optional(),
  parameters: z
    .object({ retry_after: z.number().optional(), migrate_to_chat_id: z.int().optional() })
    .optional(),
});

export type TelegramVerdict =
  | { kind: "ok"; result: unknown }
  | {
      kind: "refused";
      status: number;
      /** Telegram's words; not redacted. */
      description: string;
      retryAfterMs: number | undefined;
      /** The group became a supergroup with this id. */
      migrateToChatId: string | undefined;
    };

/**
 * Null when nobody can tell whether the call was acted on: without Telegram's own envelope a front end answered, and
 * only a 3xx or 4xx of it is sure to mean that nothing happened.
 */
export function readTelegramAnswer(status: number, body: unknown): TelegramVerdict | null {
  const parsed = vEnvelope.safeParse(body).data;
  if (parsed?.ok === true) return { kind: "ok", result: parsed.result };
  if (parsed === undefined && (status >= 500 || status < 300)) return null;
  const retryAfter = parsed?.parameters?.retry_after;
  const migrated = parsed?.parameters?.migrate_to_chat_id;
  return {
    kind: "refused",
    status: parsed?.error_code ?? status,
    description: parsed?.description ?? `status ${status}`,
    retryAfterMs: retryAfter === undefined ? undefined : retryAfter * SECOND_MS,
    migrateToChatId: migrated === undefined ? undefined : String(migrated),
  };
}

/** Updates that can never be used: Telegram is told 200, because anything else blocks the chat for a day. */
import { redact } from "../../shared/redact.js";
import { log } from "../kit/logging.js";
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import {
  MAX_QUARANTINE_LIST,
  MAX_QUARANTINED_BYTES,
  type IngressOptions,
  type QuarantineReason,
} from "./validators.js";

const MAX_DETAIL_LENGTH = 500;

export async function quarantine(
  ctx: MutationCtx,
  update: {
    botIdentity: string | null;
    telegramChatId?: string;
    updateId?: number | null;
    reason: QuarantineReason;
    detail: string;
    body: string;
    /** With them it can be sent in again. */
    options?: IngressOptions;
  },
  now: number,
): Promise<void> {
  const { botIdentity, telegramChatId, updateId, reason, options } = update;
  log("warn", "telegram.quarantined", { botIdentity, reason, updateId: updateId ?? null });
  await ctx.db.insert("telegramQuarantine", {
    reason,
    detail: redact(update.detail, MAX_DETAIL_LENGTH),
    body: cut(update.body),
    at: now,
    ...(botIdentity === null ? {} : { botIdentity }),
    ...(telegramChatId === undefined ? {} : { telegramChatId }),
    ...(updateId === undefined || updateId === null ? {} : { updateId }),
    ...(options === undefined ? {} : { options }),
  });
}

/** In bytes, so that a whole list can be read at once. */
function cut(body: string): string {
  const bytes = new TextEncoder().encode(body).slice(0, MAX_QUARANTINED_BYTES);
  return new TextDecoder().decode(bytes, { stream: true });
}

/** What became of another try. */
export async function recordRetry(
  ctx: MutationCtx,
  id: Id<"telegramQuarantine">,
  outcome: { messageId: Id<"messageQueue"> } | { reason: QuarantineReason; detail: string },
): Promise<void> {
  await ctx.db.patch(
    "telegramQuarantine",
    id,
    "messageId" in outcome
      ? outcome
      : { reason: outcome.reason, detail: redact(outcome.detail, MAX_DETAIL_LENGTH) },
  );
}

/** Newest first. */
export async function listQuarantine(
  ctx: QueryCtx,
  limit: number | undefined,
): Promise<Doc<"telegramQuarantine">[]> {
  const wanted = limit === undefined || !Number.isFinite(limit) ? 50 : Math.floor(limit);
  return await ctx.db
    .query("telegramQuarantine")
    .withIndex("by_at")
    .order("desc")
    .take(Math.min(MAX_QUARANTINE_LIST, Math.max(1, wanted)));
}

/** The update as it came, or null. */
export async function readQuarantined(
  ctx: QueryCtx,
  id: Id<"telegramQuarantine">,
): Promise<string | null> {
  return (await ctx.db.get("telegramQuarantine", id))?.body ?? null;
}

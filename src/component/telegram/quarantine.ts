/** Updates that can never be used: Telegram is told 200, because anything else blocks the chat for a day. */
import { redact } from "../../shared/redact.js";
import { log } from "../kit/logging.js";
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { MAX_QUARANTINE_LIST, MAX_QUARANTINED_BODY, type QuarantineReason } from "./validators.js";

export async function quarantine(
  ctx: MutationCtx,
  update: {
    botIdentity: string | null;
    telegramChatId?: string;
    updateId?: number | null;
    reason: QuarantineReason;
    detail: string;
    body: string;
  },
  now: number,
): Promise<void> {
  const { botIdentity, telegramChatId, updateId, reason } = update;
  log("warn", "telegram.quarantined", { botIdentity, reason, updateId: updateId ?? null });
  await ctx.db.insert("telegramQuarantine", {
    reason,
    detail: redact(update.detail, 500),
    body: update.body.slice(0, MAX_QUARANTINED_BODY),
    at: now,
    ...(botIdentity === null ? {} : { botIdentity }),
    ...(telegramChatId === undefined ? {} : { telegramChatId }),
    ...(updateId === undefined || updateId === null ? {} : { updateId }),
  });
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

/** Rows of identity: bindings, codes. Every read is bounded. */
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";

export type Reader = Pick<QueryCtx, "db">;
export type Binding = Doc<"identityBindings">;
export type PairingCode = Doc<"pairingCodes">;

/** There should be one; more come from races of 3.x and are put right when the user is bound again. */
const MAX_ACTIVE_BINDINGS = 20;
const MAX_REVOKED_BINDINGS = 100;
export const MAX_PENDING_CODES = 50;

export async function findBindings(
  ctx: Reader,
  consumerUserId: string,
  status: Binding["status"],
): Promise<Binding[]> {
  return await ctx.db
    .query("identityBindings")
    .withIndex("by_consumerUserId_and_status", (q) =>
      q.eq("consumerUserId", consumerUserId).eq("status", status),
    )
    .order("desc")
    .take(status === "active" ? MAX_ACTIVE_BINDINGS : MAX_REVOKED_BINDINGS);
}

export async function findLatestBinding(
  ctx: Reader,
  consumerUserId: string,
  agentKey: string,
): Promise<Binding | null> {
  return await ctx.db
    .query("identityBindings")
    .withIndex("by_consumerUserId_and_agentKey_and_boundAt", (q) =>
      q.eq("consumerUserId", consumerUserId).eq("agentKey", agentKey),
    )
    .order("desc")
    .first();
}

/** Active bindings of a Telegram user; of one bot, or with `botIdentity` undefined of any. */
export async function findByTelegramUser(
  ctx: Reader,
  botIdentity: string | undefined,
  telegramUserId: string,
): Promise<Binding[]> {
  const bindings = ctx.db.query("identityBindings");
  const found =
    botIdentity === undefined
      ? bindings.withIndex("by_telegramUserId_and_status", (q) =>
          q.eq("telegramUserId", telegramUserId).eq("status", "active"),
        )
      : bindings.withIndex("by_botIdentity_and_telegramUserId_and_status", (q) =>
          q
            .eq("botIdentity", botIdentity)
            .eq("telegramUserId", telegramUserId)
            .eq("status", "active"),
        );
  return await found.order("desc").take(MAX_ACTIVE_BINDINGS);
}

/** As findByTelegramUser, by chat. */
export async function findByTelegramChat(
  ctx: Reader,
  botIdentity: string | undefined,
  telegramChatId: string,
): Promise<Binding[]> {
  const bindings = ctx.db.query("identityBindings");
  const found =
    botIdentity === undefined
      ? bindings.withIndex("by_telegramChatId_and_status", (q) =>
          q.eq("telegramChatId", telegramChatId).eq("status", "active"),
        )
      : bindings.withIndex("by_botIdentity_and_telegramChatId_and_status", (q) =>
          q
            .eq("botIdentity", botIdentity)
            .eq("telegramChatId", telegramChatId)
            .eq("status", "active"),
        );
  return await found.order("desc").take(MAX_ACTIVE_BINDINGS);
}

export async function revoke(
  ctx: MutationCtx,
  bindings: readonly Binding[],
  now: number,
): Promise<void> {
  for (const binding of bindings)
    await ctx.db.patch("identityBindings", binding._id, { status: "revoked", revokedAt: now });
}

// ── Codes ───────────────────────────────────────────────────────────────────

export async function findCode(ctx: Reader, code: string): Promise<PairingCode | null> {
  return await ctx.db
    .query("pairingCodes")
    .withIndex("by_code", (q) => q.eq("code", code))
    .first();
}

/** Pending codes of a user, newest first; some may be past their time. */
export async function findPendingCodes(
  ctx: Reader,
  consumerUserId: string,
): Promise<PairingCode[]> {
  return await ctx.db
    .query("pairingCodes")
    .withIndex("by_consumerUserId_and_status", (q) =>
      q.eq("consumerUserId", consumerUserId).eq("status", "pending"),
    )
    .order("desc")
    .take(MAX_PENDING_CODES);
}

export async function findNewestCode(
  ctx: Reader,
  consumerUserId: string,
  agentKey: string,
): Promise<PairingCode | null> {
  return await ctx.db
    .query("pairingCodes")
    .withIndex("by_consumerUserId_and_agentKey_and_createdAt", (q) =>
      q.eq("consumerUserId", consumerUserId).eq("agentKey", agentKey),
    )
    .order("desc")
    .first();
}

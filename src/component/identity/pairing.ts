/** Codes that tie a Telegram chat to a user: made for the user in the app, sent by the user to the bot. */
import { refuse } from "../../shared/errors.js";
import { loadProfile } from "../agents/ops.js";
import type { MutationCtx } from "../kit/functions.js";
import { randomBase36 } from "../kit/random.js";
import { bindAgent } from "./bindings.js";
import {
  clampTtlMs,
  decideConsume,
  statusAt,
  type ConsumeDecision,
  type Sender,
} from "./machine.js";
import {
  findCode,
  findNewestCode,
  findPendingCodes,
  type PairingCode,
  type Reader,
} from "./store.js";
import {
  MAX_IDENTITY_TEXT_LENGTH,
  MAX_PAIRING_ATTEMPTS,
  PAIRING_ATTEMPT_WINDOW_MS,
  PAIRING_CODE_LENGTH,
  type PairingCodeView,
} from "./validators.js";

const MAX_CODE_DRAWS = 5;

/**
 * A new code; the user's former pending codes for the agent, and those past their time, are expired.
 * @throws AGENT_NOT_READY when the agent is missing, disabled or without a bot; INVALID_ARGUMENT
 */
export async function createCode(
  ctx: MutationCtx,
  args: { consumerUserId: string; agentKey: string; ttlMs?: number | undefined },
  now: number,
): Promise<PairingCode> {
  const { consumerUserId, agentKey } = args;
  if (consumerUserId.trim() === "" || consumerUserId.length > MAX_IDENTITY_TEXT_LENGTH)
    refuse(
      "INVALID_ARGUMENT",
      `consumerUserId must have 1 to ${MAX_IDENTITY_TEXT_LENGTH} characters.`,
    );
  const profile = await loadProfile(ctx, agentKey);
  if (profile === null || !profile.enabled)
    refuse("AGENT_NOT_READY", `Agent profile '${agentKey}' not found or disabled`, { agentKey });
  if (profile.botIdentity === undefined)
    refuse(
      "AGENT_NOT_READY",
      `Agent '${agentKey}' is missing botIdentity. Import and verify the Telegram token first.`,
      { agentKey },
    );
  for (const pending of await findPendingCodes(ctx, consumerUserId))
    if (pending.agentKey === agentKey || statusAt(pending, now) === "expired")
      await ctx.db.patch("pairingCodes", pending._id, { status: "expired" });

  const newest = await findNewestCode(ctx, consumerUserId, agentKey);
  const id = await ctx.db.insert("pairingCodes", {
    code: await drawCode(ctx),
    consumerUserId,
    agentKey,
    botIdentity: profile.botIdentity,
    status: "pending",
    // The newest code is found by createdAt: two within a millisecond must still have an order.
    createdAt: Math.max(now, (newest?.createdAt ?? 0) + 1),
    expiresAt: now + clampTtlMs(args.ttlMs),
  });
  const created = await ctx.db.get("pairingCodes", id);
  if (created === null) throw new Error("the pairing code was not created");
  return created;
}

async function drawCode(ctx: MutationCtx): Promise<string> {
  for (let draw = 0; draw < MAX_CODE_DRAWS; draw++) {
    const code = randomBase36(PAIRING_CODE_LENGTH).toUpperCase();
    if ((await findCode(ctx, code)) === null) return code;
  }
  return refuse("PAIRING_REFUSED", "Failed to generate unique pairing code");
}

/** Binds the sender to the user of the code. @throws PAIRING_REFUSED with the reason; nothing changes then */
export async function consumeCode(
  ctx: MutationCtx,
  code: string,
  sender: Sender,
  now: number,
): Promise<PairingCode> {
  const { decision, row } = await tryConsume(ctx, code, sender, now);
  if (decision.kind === "refuse" || row === null)
    return refuse(
      "PAIRING_REFUSED",
      decision.kind === "refuse" ? decision.error : "Pairing code not found",
    );
  return row;
}

/** As consumeCode, but says what is wrong instead of throwing, so that the caller can record it. */
export async function tryConsume(
  ctx: MutationCtx,
  code: string,
  sender: Sender,
  now: number,
): Promise<{ decision: ConsumeDecision; row: PairingCode | null }> {
  // People type codes: lower case is theirs, codes are upper case.
  const row = (await findCode(ctx, code)) ?? (await findCode(ctx, code.toUpperCase()));
  const decision = decideConsume(row, sender, now);
  if (row === null || decision.kind !== "bind") return { decision, row };
  await bindAgent(
    ctx,
    {
      consumerUserId: row.consumerUserId,
      agentKey: row.agentKey,
      botIdentity: sender.botIdentity ?? row.botIdentity,
      source: "telegram_pairing",
      telegramUserId: sender.telegramUserId,
      telegramChatId: sender.telegramChatId,
    },
    now,
  );
  await ctx.db.patch("pairingCodes", row._id, {
    status: "used",
    usedAt: now,
    telegramUserId: sender.telegramUserId,
    telegramChatId: sender.telegramChatId,
  });
  return { decision, row: await ctx.db.get("pairingCodes", row._id) };
}

/** Writes down that a pending code is past its time. */
export async function markExpired(ctx: MutationCtx, row: PairingCode): Promise<void> {
  if (row.status === "pending") await ctx.db.patch("pairingCodes", row._id, { status: "expired" });
}

// ── Guessing ────────────────────────────────────────────────────────────────

async function findAttempts(ctx: Reader, botIdentity: string, telegramChatId: string) {
  return await ctx.db
    .query("pairingAttempts")
    .withIndex("by_botIdentity_and_telegramChatId", (q) =>
      q.eq("botIdentity", botIdentity).eq("telegramChatId", telegramChatId),
    )
    .first();
}

/** True when the chat sent so many wrong codes that no code of it is looked at for a while. */
export async function isGuessing(
  ctx: Reader,
  botIdentity: string,
  telegramChatId: string,
  now: number,
): Promise<boolean> {
  const row = await findAttempts(ctx, botIdentity, telegramChatId);
  return row !== null && row.windowEndsAt > now && row.count >= MAX_PAIRING_ATTEMPTS;
}

export async function countWrongCode(
  ctx: MutationCtx,
  botIdentity: string,
  telegramChatId: string,
  now: number,
): Promise<void> {
  const row = await findAttempts(ctx, botIdentity, telegramChatId);
  const fresh = { count: 1, windowEndsAt: now + PAIRING_ATTEMPT_WINDOW_MS };
  if (row === null)
    await ctx.db.insert("pairingAttempts", { botIdentity, telegramChatId, ...fresh });
  else
    await ctx.db.patch(
      "pairingAttempts",
      row._id,
      row.windowEndsAt > now ? { count: row.count + 1 } : fresh,
    );
}

// ── Views ───────────────────────────────────────────────────────────────────

/** The code as of `now`: a pending one past its time reads as expired. */
export function toPairingView(row: PairingCode, now: number): PairingCodeView {
  return {
    code: row.code,
    consumerUserId: row.consumerUserId,
    agentKey: row.agentKey,
    botIdentity: row.botIdentity ?? null,
    status: statusAt(row, now),
    createdAt: row.createdAt,
    expiresAt: row.expiresAt,
    usedAt: row.usedAt ?? null,
    telegramUserId: row.telegramUserId ?? null,
    telegramChatId: row.telegramChatId ?? null,
  };
}

export async function loadCode(
  ctx: Reader,
  code: string,
  now: number,
): Promise<PairingCodeView | null> {
  const row = await findCode(ctx, code);
  return row === null ? null : toPairingView(row, now);
}

/** The newest code of the user for the agent, or null. */
export async function loadNewestCode(
  ctx: Reader,
  consumerUserId: string,
  agentKey: string,
  now: number,
): Promise<PairingCodeView | null> {
  const row = await findNewestCode(ctx, consumerUserId, agentKey);
  return row === null ? null : toPairingView(row, now);
}

/** Pairing codes: pending → used | expired, and what a code that arrives means. */
import {
  DEFAULT_PAIRING_TTL_MS,
  MAX_PAIRING_TTL_MS,
  MIN_PAIRING_TTL_MS,
  type PairingStatus,
} from "./validators.js";

type Code = {
  status: PairingStatus;
  expiresAt: number;
  botIdentity?: string;
  telegramUserId?: string;
  telegramChatId?: string;
};
export type Sender = {
  /** Undefined: the caller does not know which bot received the code. */
  botIdentity: string | undefined;
  telegramUserId: string;
  telegramChatId: string;
};

export type ConsumeDecision =
  | { kind: "bind" }
  /** The same sender used it before: a repetition of what succeeded, nothing to do. */
  | { kind: "again" }
  | { kind: "refuse"; error: string; reason: "unknown" | "used" | "expired" | "foreign" };

/** A lifetime between a minute and a day; 15 minutes when none, or none that is a number, is asked for. */
export function clampTtlMs(ttlMs: number | undefined): number {
  if (ttlMs === undefined || !Number.isFinite(ttlMs)) return DEFAULT_PAIRING_TTL_MS;
  return Math.min(MAX_PAIRING_TTL_MS, Math.max(MIN_PAIRING_TTL_MS, Math.floor(ttlMs)));
}

/** A pending code past its time is expired, whether or not anybody wrote that down. */
export function statusAt(code: Pick<Code, "status" | "expiresAt">, now: number): PairingStatus {
  return code.status === "pending" && code.expiresAt <= now ? "expired" : code.status;
}

/** First match wins: unknown, used (again by the same sender succeeds), expired, of another bot. */
export function decideConsume(code: Code | null, sender: Sender, now: number): ConsumeDecision {
  if (code === null) return { kind: "refuse", reason: "unknown", error: "Pairing code not found" };
  if (code.status === "used" && isSameSender(code, sender)) return { kind: "again" };
  if (code.status !== "pending")
    return {
      kind: "refuse",
      reason: code.status === "used" ? "used" : "expired",
      error: "Pairing code already used or expired",
    };
  if (statusAt(code, now) === "expired")
    return { kind: "refuse", reason: "expired", error: "Pairing code expired" };
  if (sender.botIdentity === undefined && code.botIdentity === undefined)
    return {
      kind: "refuse",
      reason: "foreign",
      error: "Missing bot identity for Telegram pairing",
    };
  if (
    sender.botIdentity !== undefined &&
    code.botIdentity !== undefined &&
    sender.botIdentity !== code.botIdentity
  )
    return {
      kind: "refuse",
      reason: "foreign",
      error: "Pairing code belongs to a different Telegram bot",
    };
  return { kind: "bind" };
}

function isSameSender(code: Code, sender: Sender): boolean {
  return (
    code.telegramUserId === sender.telegramUserId &&
    code.telegramChatId === sender.telegramChatId &&
    (sender.botIdentity === undefined || sender.botIdentity === code.botIdentity)
  );
}

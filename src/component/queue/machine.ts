/** The queue's decisions: what becomes of a message, and what its conversation is waiting for then. */
import type { RetryPolicy } from "../config.js";
import type { ConversationState } from "../conversations/validators.js";
import { rankAt } from "./order.js";
import { retryDelayMs } from "./retry.js";

// ── Messages ────────────────────────────────────────────────────────────────

export type FailedDelivery = {
  /** Attempts before this delivery. */
  attempts: number;
  maxAttempts: number;
  retryable: boolean;
  /** The channel or provider asked for at least this pause. */
  retryAfterMs?: number | undefined;
};

export type FailDecision =
  { kind: "retry"; attempts: number; dueAt: number } | { kind: "dead"; attempts: number };

/** Longest pause that a failing worker may ask for: a wrong unit must not park a message for a year. */
const MAX_RETRY_AFTER_MS = 60 * 60 * 1000;

/** A delivery failed (reported, or the lease was lost): try again later, or give up. Every delivery counts. */
export function decideFail(
  delivery: FailedDelivery,
  policy: RetryPolicy,
  now: number,
): FailDecision {
  const attempts = delivery.attempts + 1;
  if (!delivery.retryable || attempts >= delivery.maxAttempts) return { kind: "dead", attempts };
  const { retryAfterMs = 0 } = delivery;
  const asked = Number.isNaN(retryAfterMs) ? 0 : Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return {
    kind: "retry",
    attempts,
    dueAt: now + Math.max(retryDelayMs(policy, attempts, now), asked),
  };
}

/**
 * A worker gives a message back unharmed. No attempt is charged, but deliveries bound it: a message that only
 * ever comes back is parked like one that fails.
 */
export function decideHandBack(
  message: { attempts: number; maxAttempts: number; deliveries: number },
  policy: RetryPolicy,
  now: number,
): FailDecision {
  if (message.deliveries >= message.maxAttempts * HAND_BACKS_PER_ATTEMPT)
    return decideFail({ ...message, retryable: true }, policy, now);
  return { kind: "retry", attempts: message.attempts, dueAt: now };
}
const HAND_BACKS_PER_ATTEMPT = 3;

/** Groups errors with the same cause: numbers, ids and quoted texts do not tell causes apart. */
export function errorFingerprint(error: string): string {
  return error
    .toLowerCase()
    .replace(/"[^"]*"|'[^']*'/g, "*")
    .replace(/[0-9a-f]{8,}/g, "#")
    .replace(/\d+/g, "#")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 160);
}

// ── Conversations ───────────────────────────────────────────────────────────

export type Head = { messageId: string; scheduledFor: number; nextRetryAt?: number | undefined };

export type ConversationFacts = {
  head: Head | null;
  priority: number;
  /** Expiry of the live lease, if any. */
  leaseExpiresAt: number | null;
  paused: boolean;
  blocked: boolean;
};

export type ConversationOutlook = {
  state: ConversationState;
  readyAt: number | undefined;
  rankAt: number | undefined;
};

/** When the head may be claimed. A retry keeps its place (scheduledFor) and is due later. */
export function dueAt(head: Head): number {
  return Math.max(head.scheduledFor, head.nextRetryAt ?? 0);
}

/** What the conversation is doing, from its facts. First match wins, in this order. */
export function outlook(facts: ConversationFacts, now: number): ConversationOutlook {
  if (facts.leaseExpiresAt !== null)
    return { state: "leased", readyAt: facts.leaseExpiresAt, rankAt: undefined };
  if (facts.head === null) return { state: "idle", readyAt: undefined, rankAt: undefined };
  const due = dueAt(facts.head);
  const rank = rankAt(due, facts.priority);
  if (facts.paused) return { state: "paused", readyAt: due, rankAt: rank };
  if (facts.blocked) return { state: "blocked", readyAt: due, rankAt: rank };
  return { state: due <= now ? "ready" : "waiting", readyAt: due, rankAt: rank };
}

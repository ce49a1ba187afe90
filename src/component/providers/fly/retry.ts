/** When a failed call may be sent again at once, as a pure decision. */
import { SECOND_MS } from "../../../shared/time.js";
import type { ProviderError } from "../provider.js";

/**
 * `repeatable`: reads, and the writes that Fly's own tools repeat freely (cordon, stop, destroy).
 * `once`: sent again only after a 429, which Fly answers before it does anything.
 */
export type RetryClass = "repeatable" | "once";

/** Two more after the first, as in Fly's own client. */
const MAX_RETRIES = 2;
const TRANSIENT_BASE_MS = 300;
/** Fly's buckets refill once a second. */
const RATE_LIMIT_BASE_MS = SECOND_MS;
/** A longer wait belongs to the scheduler, not inside one call. */
const MAX_WAIT_MS = 10 * SECOND_MS;

/**
 * Milliseconds until the call may be sent again, or null when the error is final for this call.
 * @param attempt how many times the call was repeated already
 * @param random in [0, 1), for the jitter
 */
export function retryDelay(
  error: ProviderError,
  retry: RetryClass,
  attempt: number,
  random: number,
): number | null {
  if (attempt >= MAX_RETRIES) return null;
  const limited = error.kind === "rateLimited";
  if (!limited && !(error.kind === "transient" && retry === "repeatable")) return null;
  const base = limited ? RATE_LIMIT_BASE_MS : TRANSIENT_BASE_MS;
  const backoff = Math.round(base * 2 ** attempt * (0.5 + random));
  const wait = Math.max(backoff, error.details.retryAfterMs ?? 0);
  return wait > MAX_WAIT_MS ? null : wait;
}

import type { RetryPolicy } from "../config.js";

/**
 * Delay before the next delivery, in ms. `attempts` counts failed deliveries, this one included.
 * Exponential, capped, plus jitter that is a function of the clock and the attempt (nothing else in a
 * mutation needs to be random for it, and a test can compute it).
 */
export function retryDelayMs(policy: RetryPolicy, attempts: number, nowMs: number): number {
  const exponent = Math.max(0, attempts - 1);
  const grown = policy.baseDelayMs * policy.backoffFactor ** exponent;
  const bounded = Math.min(policy.maxDelayMs, Math.max(policy.baseDelayMs, grown));
  const seed = ((nowMs ^ (attempts * 2_654_435_761)) >>> 0) % 10_000;
  return bounded + Math.floor(bounded * policy.jitterRatio * (seed / 10_000));
}

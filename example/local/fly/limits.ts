import { errors } from "./errors.js";
import type { Clock } from "./clock.js";

/** What the 429 says about when to come back. The real header is not documented. */
export type RetryAfterMode = "none" | "seconds" | "httpDate" | "garbage" | "huge";

interface Rate {
  perSecond: number;
  burst: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

const USUAL: Rate = { perSecond: 1, burst: 3 };
const GET_MACHINE: Rate = { perSecond: 5, burst: 10 };

/** One token bucket per action and identifier, checked before any effect. */
export class RateLimits {
  enabled = true;
  retryAfter: RetryAfterMode = "none";
  /** A bucket over everything, for tests of many owners in one app. */
  globalPerSecond: number | null = null;
  readonly #buckets = new Map<string, Bucket>();

  constructor(private readonly clock: Clock) {}

  take(action: string, identifier: string): void {
    if (!this.enabled) return;
    const rate = action === "machine_get" ? GET_MACHINE : USUAL;
    this.#spend(`${action}:${identifier}`, rate);
    if (this.globalPerSecond !== null) {
      this.#spend("all", { perSecond: this.globalPerSecond, burst: this.globalPerSecond });
    }
  }

  #spend(key: string, rate: Rate): void {
    const now = this.clock.now();
    const bucket = this.#buckets.get(key) ?? { tokens: rate.burst, at: now };
    const refilled = bucket.tokens + ((now - bucket.at) / 1000) * rate.perSecond;
    const tokens = Math.min(rate.burst, refilled);
    // A little slack, as fractions of a second do not add up exactly.
    const allowed = tokens >= 1 - 1e-9;
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    if (!allowed) throw errors.rateLimited(this.#retryAfterHeader((1 - tokens) / rate.perSecond));
  }

  #retryAfterHeader(seconds: number): Record<string, string> {
    const whole = Math.max(1, Math.ceil(seconds));
    switch (this.retryAfter) {
      case "none":
        return {};
      case "seconds":
        return { "retry-after": String(whole) };
      case "httpDate":
        return { "retry-after": new Date(this.clock.now() + whole * 1000).toUTCString() };
      case "garbage":
        return { "retry-after": "soon" };
      case "huge":
        return { "retry-after": "86400" };
    }
  }
}

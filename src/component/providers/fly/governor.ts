/**
 * Keeps us under Fly's documented rate limits, so that correct work never depends on a 429. `createGovernor` knows only
 * of the calls of one provider instance; `providers/governing.ts` has one that knows of all calls of the deployment.
 */
import { SECOND_MS } from "../../../shared/time.js";
import type { CallOutcome } from "./admission.js";

export const FLY_ACTIONS = [
  "appGet",
  "machineList",
  "machineGet",
  "machineCreate",
  "machineCordon",
  "machineStop",
  "machineDestroy",
  "volumeList",
  "volumeGet",
  "volumeCreate",
  "volumeDestroy",
] as const;
export type FlyAction = (typeof FLY_ACTIONS)[number];

export type BucketLimit = { perSecond: number; burst: number };
/** `tokens` may be negative: calls that wait have already taken theirs. `at` is in epoch ms. */
export type Bucket = { tokens: number; at: number };

/** From Fly's API documentation, "Rate Limits": every action 1/s with bursts of 3 … */
const DEFAULT_LIMIT: BucketLimit = { perSecond: 1, burst: 3 };
/** … except Get Machine, 5/s with bursts of 10. */
const GET_MACHINE_LIMIT: BucketLimit = { perSecond: 5, burst: 10 };
/** Added to a wait: timers may fire a moment early, and Fly's clock is not ours. */
export const WAIT_MARGIN_MS = 20;

export function limitFor(action: FlyAction): BucketLimit {
  return action === "machineGet" ? GET_MACHINE_LIMIT : DEFAULT_LIMIT;
}

/**
 * Takes one token. The caller may go ahead after `waitMs`; later callers queue behind it.
 * A clock that moves backwards adds nothing and takes nothing away.
 */
export function takeToken(
  bucket: Bucket | undefined,
  limit: BucketLimit,
  now: number,
): { bucket: Bucket; waitMs: number } {
  const before = bucket ?? { tokens: limit.burst, at: now };
  const at = Math.max(before.at, now);
  const refill = ((at - before.at) * limit.perSecond) / SECOND_MS;
  const tokens = Math.min(limit.burst, before.tokens + refill) - 1;
  const waitMs = tokens >= 0 ? 0 : Math.ceil((-tokens * SECOND_MS) / limit.perSecond);
  return { bucket: { tokens, at }, waitMs };
}

export type Governor = {
  /** Resolves when this action may be called. @throws ProviderError when it may not be for long: make no call */
  admit(action: FlyAction): Promise<void>;
  /** What came of the call. */
  settle(action: FlyAction, outcome: CallOutcome): Promise<void>;
};

export function createGovernor(clock: {
  now: () => number;
  sleep: (ms: number) => Promise<void>;
}): Governor {
  const buckets = new Map<FlyAction, Bucket>();
  return {
    async admit(action) {
      const taken = takeToken(buckets.get(action), limitFor(action), clock.now());
      buckets.set(action, taken.bucket);
      if (taken.waitMs > 0) await clock.sleep(taken.waitMs + WAIT_MARGIN_MS);
    },
    settle: () => Promise.resolve(),
  };
}

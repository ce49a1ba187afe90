/** Which policies may be stored: one rule per number, then the rules between two of them. */
import type { PolicyOverrides } from "../config.js";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../shared/time.js";
import { MAX_WORKERS_LIMIT, type Policies } from "./validators.js";

type Range = { min: number; max: number; unit: "ms" | "count" | "ratio" };
type NumericFields<T> = {
  [K in keyof T as T[K] extends number ? K : never]: Range;
};

const ms = (min: number, max: number): Range => ({ min, max, unit: "ms" });
const count = (min: number, max: number): Range => ({ min, max, unit: "count" });
const ratio = (min: number, max: number): Range => ({ min, max, unit: "ratio" });

/** A new number in a policy does not compile until it has a range here. */
const RANGES: { [G in keyof Policies]: NumericFields<Policies[G]> } = {
  queue: {
    defaultPriority: count(0, 1_000),
    maxPriority: count(1, 1_000),
    // Claims read this many conversations each; far above it, claims cost more than they find.
    claimBatchSize: count(1, 200),
  },
  retry: {
    maxAttempts: count(1, 100),
    baseDelayMs: ms(0, DAY_MS),
    maxDelayMs: ms(0, 7 * DAY_MS),
    backoffFactor: ratio(1, 10),
    jitterRatio: ratio(0, 1),
  },
  lease: {
    // Below 10 s an ordinary network hiccup costs a lease.
    leaseMs: ms(10 * SECOND_MS, DAY_MS),
    heartbeatIntervalMs: ms(SECOND_MS, HOUR_MS),
    staleAfterMs: ms(10 * SECOND_MS, 2 * DAY_MS),
  },
  scaling: {
    maxWorkers: count(0, MAX_WORKERS_LIMIT),
    queuePerWorkerTarget: count(1, 1_000_000),
    spawnStep: count(1, MAX_WORKERS_LIMIT),
    idleTimeoutMs: ms(SECOND_MS, 30 * DAY_MS),
    // Shorter than this, a pass would mostly look at what the last one just started.
    reconcileIntervalMs: ms(100, HOUR_MS),
  },
  hydration: {
    memoryWindowDays: ratio(0, 36_500),
    // Four characters each: 500,000 tokens are 2 MB, well below what one query may return.
    maxContextTokens: count(0, 500_000),
    snapshotTtlMs: ms(0, 30 * DAY_MS),
  },
  delivery: {},
};

/** A message that names the field, or null when `policies` may be stored. */
export function findPolicyProblem(policies: Policies): string | null {
  for (const [group, ranges] of Object.entries(RANGES)) {
    const values: Record<string, unknown> = policies[group as keyof Policies];
    for (const [field, range] of Object.entries(ranges)) {
      const problem = findRangeProblem(values[field], range);
      if (problem !== null) return `policy.${group}.${field} ${problem}`;
    }
  }
  return findConflict(policies);
}

function findRangeProblem(value: unknown, { min, max, unit }: Range): string | null {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    return `must be a finite number, got ${String(value)}.`;
  }
  if (unit !== "ratio" && !Number.isInteger(value)) {
    return `must be a whole number${unit === "ms" ? " of milliseconds" : ""}, got ${value}.`;
  }
  if (value < min || value > max) {
    return `must be from ${min} to ${max}${unit === "ms" ? " milliseconds" : ""}, got ${value}.`;
  }
  return null;
}

/** Pairs that make no sense together, whichever of the two was overridden. */
function findConflict({ queue, retry, lease, hydration }: Policies): string | null {
  if (queue.defaultPriority > queue.maxPriority) {
    return `policy.queue.defaultPriority (${queue.defaultPriority}) must not exceed maxPriority (${queue.maxPriority}).`;
  }
  if (retry.maxDelayMs < retry.baseDelayMs) {
    return `policy.retry.maxDelayMs (${retry.maxDelayMs}) must be at least baseDelayMs (${retry.baseDelayMs}).`;
  }
  // A worker that follows the interval would lose its lease between two heartbeats.
  if (lease.heartbeatIntervalMs >= lease.leaseMs) {
    return `policy.lease.heartbeatIntervalMs (${lease.heartbeatIntervalMs}) must be shorter than leaseMs (${lease.leaseMs}).`;
  }
  // A worker is not given up while a message is still its own.
  if (lease.staleAfterMs <= lease.leaseMs) {
    return `policy.lease.staleAfterMs (${lease.staleAfterMs}) must be longer than leaseMs (${lease.leaseMs}).`;
  }
  if (hydration.rebuildOnDocTypes.length > 64) {
    return `policy.hydration.rebuildOnDocTypes must have at most 64 entries, got ${hydration.rebuildOnDocTypes.length}.`;
  }
  return null;
}

/** `stored` with the fields of `overrides` on top, group by group. */
export function mergeOverrides(
  stored: PolicyOverrides,
  overrides: PolicyOverrides,
): PolicyOverrides {
  const merged: PolicyOverrides = {};
  const add = <G extends keyof PolicyOverrides>(group: G): void => {
    if (stored[group] === undefined && overrides[group] === undefined) return;
    merged[group] = { ...stored[group], ...overrides[group] } as NonNullable<PolicyOverrides[G]>;
  };
  for (const group of Object.keys(RANGES) as (keyof Policies)[]) add(group);
  return merged;
}

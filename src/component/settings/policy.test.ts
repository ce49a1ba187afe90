import { describe, expect, it } from "vitest";
import { mergeWithDefaultConfig, type PolicyOverrides } from "../config.js";
import { findPolicyProblem, mergeOverrides } from "./policy.js";

const problemOf = (overrides: PolicyOverrides): string | null =>
  findPolicyProblem(mergeWithDefaultConfig(overrides));

describe("findPolicyProblem", () => {
  it("accepts the defaults", () => {
    expect(problemOf({})).toBeNull();
  });

  it.each<[string, PolicyOverrides]>([
    ["no workers", { scaling: { maxWorkers: 0 } }],
    ["the largest pool", { scaling: { maxWorkers: 200 } }],
    ["the shortest lease", { lease: { leaseMs: 10_000, heartbeatIntervalMs: 9_999 } }],
    ["the shortest idle time", { scaling: { idleTimeoutMs: 1_000 } }],
    ["no jitter", { retry: { jitterRatio: 0 } }],
    ["full jitter", { retry: { jitterRatio: 1 } }],
    ["constant delays", { retry: { backoffFactor: 1, baseDelayMs: 0, maxDelayMs: 0 } }],
  ])("accepts %s", (_name, overrides) => {
    expect(problemOf(overrides)).toBeNull();
  });

  it.each<[PolicyOverrides, string]>([
    [{ scaling: { maxWorkers: -1 } }, "policy.scaling.maxWorkers must be from 0 to 200, got -1."],
    [{ scaling: { maxWorkers: 201 } }, "policy.scaling.maxWorkers must be from 0 to 200, got 201."],
    [
      { scaling: { maxWorkers: 1.5 } },
      "policy.scaling.maxWorkers must be a whole number, got 1.5.",
    ],
    [
      { scaling: { maxWorkers: NaN } },
      "policy.scaling.maxWorkers must be a finite number, got NaN.",
    ],
    [
      { scaling: { maxWorkers: Infinity } },
      "policy.scaling.maxWorkers must be a finite number, got Infinity.",
    ],
    [
      { scaling: { idleTimeoutMs: 999 } },
      "policy.scaling.idleTimeoutMs must be from 1000 to 2592000000 milliseconds, got 999.",
    ],
    [
      { lease: { leaseMs: 9_999 } },
      "policy.lease.leaseMs must be from 10000 to 86400000 milliseconds, got 9999.",
    ],
    [
      { lease: { leaseMs: 20_000.5 } },
      "policy.lease.leaseMs must be a whole number of milliseconds, got 20000.5.",
    ],
    [
      { lease: { leaseMs: 420_000 } },
      "policy.lease.staleAfterMs (420000) must be longer than leaseMs (420000).",
    ],
    [
      { lease: { leaseMs: 15_000 } },
      "policy.lease.heartbeatIntervalMs (15000) must be shorter than leaseMs (15000).",
    ],
    [{ retry: { jitterRatio: 1.01 } }, "policy.retry.jitterRatio must be from 0 to 1, got 1.01."],
    [{ retry: { jitterRatio: -0.1 } }, "policy.retry.jitterRatio must be from 0 to 1, got -0.1."],
    [{ retry: { maxAttempts: 0 } }, "policy.retry.maxAttempts must be from 1 to 100, got 0."],
    [
      { retry: { maxDelayMs: 999 } },
      "policy.retry.maxDelayMs (999) must be at least baseDelayMs (1000).",
    ],
    [
      { queue: { defaultPriority: 101 } },
      "policy.queue.defaultPriority (101) must not exceed maxPriority (100).",
    ],
    [{ queue: { claimBatchSize: 0 } }, "policy.queue.claimBatchSize must be from 1 to 200, got 0."],
  ])("refuses %j and names the field", (overrides, message) => {
    expect(problemOf(overrides)).toBe(message);
  });
});

describe("mergeOverrides", () => {
  it("keeps stored fields that are not named, group by group", () => {
    expect(
      mergeOverrides(
        { scaling: { maxWorkers: 3, spawnStep: 2 }, delivery: { onUnknown: "duplicate" } },
        { scaling: { maxWorkers: 5 }, lease: { leaseMs: 60_000 } },
      ),
    ).toEqual({
      scaling: { maxWorkers: 5, spawnStep: 2 },
      delivery: { onUnknown: "duplicate" },
      lease: { leaseMs: 60_000 },
    });
  });
});

import { describe, expect, test } from "vitest";
import { BOOT_DEADLINE_MS } from "../workers/validators.js";
import { NOW, POLICY, policyOf, reservedFacts, workerFacts } from "./facts.fixture.js";
import type { WorkerFacts } from "./facts.js";
import { BLOCKED_RETRY_MS } from "./validators.js";
import { nextWakeAt, type WakeFacts } from "./wakeups.js";

const AGAIN = POLICY.scaling.reconcileIntervalMs;
const HEALTH = 4 * AGAIN;
const QUIET: WakeFacts = {
  workers: [],
  demand: 0,
  blocked: null,
  spawnNotBefore: null,
  nextWaitingAt: null,
  nextLeaseExpiryAt: null,
  orphansWatched: 0,
};
const wakeIn = (facts: Partial<WakeFacts>, policy = POLICY) => {
  const at = nextWakeAt({ ...QUIET, ...facts }, policy, NOW);
  return at === null ? null : at - NOW;
};
const workerIn = (facts: Partial<WorkerFacts>) => wakeIn({ workers: [workerFacts(facts)] });

test("a deployment without work, machines or plans sleeps", () => {
  expect(wakeIn({})).toBeNull();
  expect(wakeIn({ blocked: "cap", spawnNotBefore: NOW + 5 })).toBeNull();
  expect(wakeIn({ workers: [workerFacts({ status: "stopped" })] })).toBeNull();
});

test.each<[string, Partial<WakeFacts>, number]>([
  ["a message for later", { nextWaitingAt: NOW + 7_200_000 }, 7_200_000],
  ["a message that is due already", { nextWaitingAt: NOW - 1 }, 1_000],
  [
    "the expiry of a lease, once it has certainly passed",
    { nextLeaseExpiryAt: NOW + 60_000 },
    61_000,
  ],
  ["a machine to look at again", { orphansWatched: 1 }, AGAIN],
  ["demand that the next pass can go on with", { demand: 1 }, 1_000],
  ["demand behind the cap", { demand: 1, blocked: "cap" }, AGAIN],
  [
    "demand behind a block with an end",
    { demand: 1, blocked: "spawn_block", spawnNotBefore: NOW + 40_000 },
    40_000,
  ],
  ["demand behind a block without", { demand: 1, blocked: "spawn_block" }, BLOCKED_RETRY_MS],
  [
    "demand behind a block whose end has passed: no poll every second",
    { demand: 1, blocked: "spawn_block", spawnNotBefore: NOW - 1 },
    BLOCKED_RETRY_MS,
  ],
  [
    "the nearest of several",
    { nextWaitingAt: NOW + 30_000, nextLeaseExpiryAt: NOW + 20_000, orphansWatched: 1 },
    AGAIN,
  ],
])("wakes for %s", (_name, facts, expected) => {
  expect(wakeIn(facts)).toBe(expected);
});

test("demand that a free worker will claim is looked at again later, the rest at once", () => {
  const free = workerFacts({ appName: null, machineId: null, conversationId: null });
  expect(wakeIn({ workers: [free], demand: 1 })).toBe(AGAIN);
  expect(wakeIn({ workers: [free], demand: 2 })).toBe(1_000);
  expect(wakeIn({ workers: [{ ...free, heartbeatAt: 0 }], demand: 1 })).toBe(1_000);
});

describe("a live worker", () => {
  test.each<[string, Partial<WorkerFacts>, number]>([
    ["idle: its machine is looked at every four intervals", {}, HEALTH],
    ["idle, near its deadline", { scheduledShutdownAt: NOW + 9_000 }, 9_000],
    ["past its idle deadline, not drained yet", { scheduledShutdownAt: NOW - 1 }, AGAIN],
    [
      "past it at work: the deadline does not count",
      { scheduledShutdownAt: NOW - 1, load: 1 },
      HEALTH,
    ],
    ["past it with due work of its own", { scheduledShutdownAt: NOW - 1, hasWork: true }, HEALTH],
    ["near staleness", { heartbeatAt: NOW - POLICY.lease.staleAfterMs + 8_000 }, 8_000],
    [
      "near its boot deadline",
      {
        firstSeenAt: null,
        lastClaimAt: null,
        machineCreatedAt: NOW - BOOT_DEADLINE_MS + 7_000,
        hasWork: true,
      },
      7_000,
    ],
    ["draining", { status: "draining", drainDeadlineAt: NOW + 100_000 }, AGAIN],
    ["draining, near its deadline", { status: "draining", drainDeadlineAt: NOW + 3_000 }, 3_000],
    ["draining, past it", { status: "draining", drainDeadlineAt: NOW - 1 }, AGAIN],
    ["stopping, backing off", { status: "stopping", nextTeardownAt: NOW + 96_000 }, 96_000],
    ["stopping, due", { status: "stopping", nextTeardownAt: NOW }, AGAIN],
  ])("%s", (_name, facts, expected) => {
    expect(workerIn(facts)).toBe(expected);
  });

  test("only reserved: its next attempt, and no sooner than a block ends", () => {
    const workers = [reservedFacts({ nextCreateAt: NOW + 20_000, createdAt: 0 })];
    expect(wakeIn({ workers })).toBe(20_000);
    const blocked = { workers, blocked: "spawn_block" } as const;
    expect(wakeIn({ ...blocked, spawnNotBefore: NOW + 300_000 })).toBe(300_000);
    expect(wakeIn({ ...blocked, spawnNotBefore: NOW + 10_000 })).toBe(20_000);
  });
});

test("the interval follows the policy", () => {
  expect(wakeIn({ orphansWatched: 1 }, policyOf({ reconcileIntervalMs: 60_000 }))).toBe(60_000);
});

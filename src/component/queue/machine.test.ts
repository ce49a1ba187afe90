import { describe, expect, it, test } from "vitest";
import { DEFAULT_CONFIG } from "../config.js";
import {
  decideFail,
  decideHandBack,
  dueAt,
  errorFingerprint,
  outlook,
  type ConversationFacts,
} from "./machine.js";
import { AGING_MS_PER_PRIORITY_POINT } from "./order.js";
import { retryDelayMs } from "./retry.js";

const NOW = 1_800_000_000_000;
const POLICY = { ...DEFAULT_CONFIG.retry, jitterRatio: 0 };

describe("decideFail", () => {
  it.each([
    // attempts before, maxAttempts, retryable, retryAfterMs → attempts, pause (null: dead)
    [0, 5, true, undefined, 1, 1_000],
    [1, 5, true, undefined, 2, 2_000],
    [3, 5, true, undefined, 4, 8_000],
    [4, 5, true, undefined, 5, null],
    [0, 1, true, undefined, 1, null],
    [0, 5, false, undefined, 1, null],
    [0, 5, false, 5_000, 1, null],
    [0, 5, true, 5_000, 1, 5_000],
    [3, 5, true, 5_000, 4, 8_000],
    [0, 5, true, -5_000, 1, 1_000],
    [0, 5, true, 7_200_000, 1, 3_600_000],
    [0, 5, true, Number.POSITIVE_INFINITY, 1, 3_600_000],
    [0, 5, true, Number.NaN, 1, 1_000],
    // A row of 3.x may be beyond its limit already.
    [9, 5, true, undefined, 10, null],
  ])(
    "after %i of %i attempts, retryable %s, asked pause %s: attempts %i, pause %s",
    (attempts, maxAttempts, retryable, retryAfterMs, after, pause) => {
      expect(decideFail({ attempts, maxAttempts, retryable, retryAfterMs }, POLICY, NOW)).toEqual(
        pause === null
          ? { kind: "dead", attempts: after }
          : { kind: "retry", attempts: after, dueAt: NOW + pause },
      );
    },
  );
});

describe("decideHandBack", () => {
  it.each([
    // attempts, maxAttempts, deliveries → kind, attempts, pause
    [0, 5, 1, "retry", 0, 0],
    [2, 5, 14, "retry", 2, 0],
    [2, 5, 15, "retry", 3, 4_000],
    [4, 5, 15, "dead", 5, null],
    [0, 1, 2, "retry", 0, 0],
    [0, 1, 3, "dead", 1, null],
  ] as const)(
    "with %i of %i attempts and %i deliveries: %s, attempts %i, pause %s",
    (attempts, maxAttempts, deliveries, kind, after, pause) => {
      expect(decideHandBack({ attempts, maxAttempts, deliveries }, POLICY, NOW)).toEqual(
        pause === null ? { kind, attempts: after } : { kind, attempts: after, dueAt: NOW + pause },
      );
    },
  );
});

describe("outlook", () => {
  const facts: ConversationFacts = {
    head: { messageId: "m", scheduledFor: NOW - 10 },
    priority: 50,
    leaseExpiresAt: null,
    paused: false,
    blocked: false,
  };
  const rank = (at: number) => at - 50 * AGING_MS_PER_PRIORITY_POINT;

  it.each([
    ["a due head is ready", {}, "ready", NOW - 10],
    ["due exactly now is ready", { head: { messageId: "m", scheduledFor: NOW } }, "ready", NOW],
    ["a later head waits", { head: { messageId: "m", scheduledFor: NOW + 1 } }, "waiting", NOW + 1],
    [
      "a head in back-off waits, at its place",
      { head: { messageId: "m", scheduledFor: NOW - 10, nextRetryAt: NOW + 5 } },
      "waiting",
      NOW + 5,
    ],
    [
      "a back-off that ended is ready",
      { head: { messageId: "m", scheduledFor: NOW - 10, nextRetryAt: NOW } },
      "ready",
      NOW,
    ],
    ["paused holds a due head", { paused: true }, "paused", NOW - 10],
    ["blocked holds a due head", { blocked: true }, "blocked", NOW - 10],
    ["paused goes before blocked", { paused: true, blocked: true }, "paused", NOW - 10],
  ] as const)("%s", (_name, changes, state, readyAt) => {
    expect(outlook({ ...facts, ...changes }, NOW)).toEqual({
      state,
      readyAt,
      rankAt: rank(readyAt),
    });
  });

  it.each([
    ["nothing waits", {}],
    ["nothing waits, paused", { paused: true }],
    ["nothing waits, blocked", { blocked: true }],
  ])("idle: %s", (_name, changes) => {
    expect(outlook({ ...facts, head: null, ...changes }, NOW)).toEqual({
      state: "idle",
      readyAt: undefined,
      rankAt: undefined,
    });
  });

  it.each([[{}], [{ paused: true }], [{ blocked: true }], [{ head: null }]])(
    "a lease goes before everything else: %j",
    (changes) => {
      expect(outlook({ ...facts, ...changes, leaseExpiresAt: NOW - 1 }, NOW)).toEqual({
        state: "leased",
        readyAt: NOW - 1,
        rankAt: undefined,
      });
    },
  );
});

test("a head is due when both its schedule and its back-off have passed", () => {
  expect(dueAt({ messageId: "m", scheduledFor: 10 })).toBe(10);
  expect(dueAt({ messageId: "m", scheduledFor: 10, nextRetryAt: 20 })).toBe(20);
  expect(dueAt({ messageId: "m", scheduledFor: 30, nextRetryAt: 20 })).toBe(30);
});

describe("retryDelayMs", () => {
  it.each([
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [7, 64_000],
    [8, 120_000],
    [100, 120_000],
    [2_000, 120_000],
    [0, 1_000],
  ])("attempt %i without jitter: %i ms", (attempts, ms) => {
    expect(retryDelayMs(POLICY, attempts, NOW)).toBe(ms);
  });

  // r = ((now XOR attempts · 2654435761) as unsigned 32 bit mod 10,000) / 10,000, added after the cap.
  it.each([
    [1, 1_800_000_000_000, 1_099],
    [2, 1_800_000_000_000, 2_168],
    [8, 1_800_000_000_000, 120_566],
    [1, 0, 1_057],
    [1, 1, 1_057],
    [3, 1_234_567, 4_303],
  ])("attempt %i at %i with a tenth of jitter: %i ms", (attempts, now, ms) => {
    expect(retryDelayMs({ ...POLICY, jitterRatio: 0.1 }, attempts, now)).toBe(ms);
  });

  it("keeps at least the base, whatever the factor", () => {
    expect(retryDelayMs({ ...POLICY, backoffFactor: 0.1 }, 5, NOW)).toBe(1_000);
  });
});

describe("errorFingerprint", () => {
  it.each([
    ["HTTP 500 after 1,234 ms", "http 503 after 9,999 ms"],
    ['file "a.txt" not found', "file 'b.md'   not found"],
    ["worker deadbeef0123 died", "worker 00ff00ff11aa died"],
    ["Line one\n  line two", "line one line two"],
  ])("%j and %j have the same cause", (a, b) => {
    expect(errorFingerprint(a)).toBe(errorFingerprint(b));
  });

  it.each([
    ["timeout", "connection refused"],
    ["model not found", "file not found"],
  ])("%j and %j have not", (a, b) => {
    expect(errorFingerprint(a)).not.toBe(errorFingerprint(b));
  });

  it("is short, also for a huge or an empty error", () => {
    expect(errorFingerprint("x".repeat(100_000))).toHaveLength(160);
    expect(errorFingerprint("")).toBe("");
  });
});

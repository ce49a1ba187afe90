import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  afterCall,
  CLOSED,
  FIRST_PAUSE_MS,
  letThrough,
  MAX_PAUSE_MS,
  OPEN_AFTER_FAILURES,
  PROBE_LEASE_MS,
  type Circuit,
  type Health,
} from "./breaker.js";

const NOW = 1_000_000;
const ANSWERED: Health = { kind: "answered" };
const FAILED: Health = { kind: "failed", reason: "HTTP 503" };
const closed = (failures: number): Circuit => ({ ...CLOSED, failures, reason: "no answer" });
const open: Circuit = {
  ...{ state: "open", failures: 5, openings: 1, reason: "HTTP 502" },
  ...{ since: NOW - FIRST_PAUSE_MS, retryAt: NOW },
};
const probing: Circuit = { ...open, state: "halfOpen", retryAt: NOW + 500 };

describe("a call's result", () => {
  test.each<[string, Circuit, Health, Partial<Circuit>, "opened" | "closed" | null]>([
    ["a failure is counted", closed(0), FAILED, { state: "closed", failures: 1 }, null],
    ["an answer forgets failures", closed(4), ANSWERED, CLOSED, null],
    [
      "the last of several in a row opens it",
      closed(OPEN_AFTER_FAILURES - 1),
      FAILED,
      {
        ...{ state: "open", failures: OPEN_AFTER_FAILURES, openings: 1, reason: "HTTP 503" },
        ...{ since: NOW, retryAt: NOW + FIRST_PAUSE_MS },
      },
      "opened",
    ],
    ["one that was under way when it opened changes nothing", open, FAILED, open, null],
    ["an answer that was under way closes it", open, ANSWERED, CLOSED, "closed"],
    [
      "a probe that fails opens it for twice as long, and it is down since the beginning",
      probing,
      FAILED,
      { state: "open", openings: 2, since: open.since, retryAt: NOW + 2 * FIRST_PAUSE_MS },
      null,
    ],
    ["a probe that is answered closes it", probing, ANSWERED, CLOSED, "closed"],
    [
      "the pause has an end",
      { ...probing, openings: 40 },
      FAILED,
      { state: "open", retryAt: NOW + MAX_PAUSE_MS },
      null,
    ],
  ])("%s", (_name, before, health, expected, change) => {
    const after = afterCall(before, health, NOW);
    expect(after.circuit).toMatchObject(expected);
    expect(after.change).toBe(change);
  });
});

describe("a call", () => {
  test.each<[string, Circuit, Partial<Circuit> | null]>([
    ["goes through while it is closed", closed(4), closed(4)],
    ["does not while it is open", { ...open, retryAt: NOW + 1 }, null],
    ["probes when the pause is over", open, { state: "halfOpen", retryAt: NOW + PROBE_LEASE_MS }],
    ["does not beside a probe", probing, null],
    ["probes anew when nobody reported the last one", { ...probing, retryAt: NOW }, {}],
  ])("%s", (_name, circuit, expected) => {
    const let_ = letThrough(circuit, NOW);
    if (expected === null) expect(let_).toBeNull();
    else expect(let_).toMatchObject(expected);
  });
});

/** Callers that try once a second, some of which die before they can report. */
function outage(downMs: number, died: readonly boolean[]) {
  let circuit = CLOSED;
  let calls = 0;
  const changes: string[] = [];
  let closedAt: number | null = null;
  for (let now = 0; now <= downMs + 2 * MAX_PAUSE_MS && closedAt === null; now += 1_000) {
    const through = letThrough(circuit, now);
    if (through === null) continue;
    circuit = through;
    if (now < downMs) calls += 1;
    if (died[calls % Math.max(1, died.length)] === true && now < downMs) continue;
    const { circuit: after, change } = afterCall(circuit, now < downMs ? FAILED : ANSWERED, now);
    circuit = after;
    if (change !== null) changes.push(change);
    if (now >= downMs && circuit.state === "closed") closedAt = now;
  }
  return { calls, changes, closedAt };
}

test("an outage of an hour costs a bounded number of calls, and its end is found out within the longest pause", () => {
  const { calls, changes, closedAt } = outage(3_600_000, []);
  expect(calls).toBe(37);
  expect(changes).toEqual(["opened", "closed"]);
  expect(closedAt! - 3_600_000).toBeLessThanOrEqual(MAX_PAUSE_MS);
});

test("whatever dies, it opens once, closes once, and is never shut for good", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 60_000, max: 7_200_000 }),
      fc
        .array(fc.boolean(), { maxLength: 7 })
        .filter((died) => !died.every(Boolean) || died.length === 0),
      (downMs, died) => {
        const { calls, changes, closedAt } = outage(downMs, died);
        expect(closedAt).not.toBeNull();
        expect(closedAt! - downMs).toBeLessThanOrEqual(MAX_PAUSE_MS + 1_000);
        expect(changes.filter((change) => change === "opened").length).toBeLessThanOrEqual(1);
        expect(changes.at(-1) ?? "closed").toBe("closed");
        // Before it opens every caller calls; then at most one per probe.
        const untilOpen = OPEN_AFTER_FAILURES * (died.length + 1);
        expect(calls).toBeLessThanOrEqual(untilOpen + downMs / FIRST_PAUSE_MS + 1);
      },
    ),
  );
});

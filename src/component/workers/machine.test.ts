import { describe, expect, test } from "vitest";
import {
  canTransition,
  idleDeadline,
  idleHeartbeatMs,
  isFresh,
  pollDelayMs,
  TRANSITIONS,
} from "./machine.js";
import { WORKER_STATUSES } from "./validators.js";

describe("the lifecycle", () => {
  const legal = ["active>draining", "draining>stopping", "stopping>stopped"];
  const pairs = WORKER_STATUSES.flatMap((from) => WORKER_STATUSES.map((to) => [from, to] as const));
  test.each(pairs)("%s to %s", (from, to) => {
    expect(canTransition(from, to)).toBe(from === to || legal.includes(`${from}>${to}`));
  });

  test("ends in stopped, which every status reaches by the one road there is", () => {
    expect(TRANSITIONS.stopped).toEqual([]);
    for (const start of WORKER_STATUSES) {
      const road = [start];
      for (let next = TRANSITIONS[start][0]; next !== undefined; next = TRANSITIONS[next][0]) {
        road.push(next);
      }
      expect(road.at(-1)).toBe("stopped");
      expect(road.length).toBeLessThanOrEqual(4);
    }
  });
});

test("a worker is fresh until exactly staleAfterMs after its last sign of life", () => {
  expect(isFresh({ heartbeatAt: 1_001 }, 1_000, 2_000)).toBe(true);
  expect(isFresh({ heartbeatAt: 1_000 }, 1_000, 2_000)).toBe(false);
  expect(isFresh({ heartbeatAt: 9_999 }, 1_000, 2_000)).toBe(true);
});

describe("the idle deadline", () => {
  const HALF_HOUR = 30 * 60_000;
  test("is the idle timeout after the last claim", () => {
    expect(idleDeadline(0, HALF_HOUR, 5_000)).toBe(HALF_HOUR);
  });
  test("leaves a minute after work that took longer than that", () => {
    expect(idleDeadline(0, HALF_HOUR, 2 * HALF_HOUR)).toBe(2 * HALF_HOUR + 60_000);
    expect(idleDeadline(0, HALF_HOUR, HALF_HOUR - 30_000)).toBe(HALF_HOUR + 30_000);
  });
  test("leaves no more than the whole idle timeout, when that is shorter", () => {
    expect(idleDeadline(0, 10_000, 60_000)).toBe(70_000);
  });
});

describe("polling while idle", () => {
  test("an hour makes at most 320 calls, and a whole idle time about half of that", () => {
    const calls = (ms: number) => {
      let count = 0;
      for (let at = 0; at < ms; at += pollDelayMs(at)) count += 1;
      return count;
    };
    expect(calls(3_600_000)).toBeLessThanOrEqual(320);
    expect(calls(3_600_000)).toBeGreaterThan(200);
    expect(calls(1_800_000)).toBeLessThanOrEqual(200);
  });
  test("is quick right after work and never slows down to more than a quarter of a minute", () => {
    expect(pollDelayMs(0)).toBe(1_000);
    expect(pollDelayMs(-5_000)).toBe(1_000);
    let before = 0;
    for (let at = 0; at < 7_200_000; at += 1_000) {
      expect(pollDelayMs(at)).toBeGreaterThanOrEqual(before);
      before = pollDelayMs(at);
    }
    expect(before).toBe(15_000);
  });
});

test("an idle worker's heartbeat is renewed every minute, and sooner when it would soon be stale", () => {
  expect(idleHeartbeatMs(420_000)).toBe(60_000);
  expect(idleHeartbeatMs(30_000)).toBe(10_000);
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createVirtualClock } from "../clock.fixture.js";
import { createGovernor, limitFor, takeToken, type Bucket } from "./governor.js";

describe("takeToken", () => {
  test("lets a burst through at once, then one per second", () => {
    const limit = limitFor("machineCreate");
    let bucket: Bucket | undefined;
    const waits = Array.from({ length: 6 }, () => {
      const taken = takeToken(bucket, limit, 1_000);
      bucket = taken.bucket;
      return taken.waitMs;
    });
    expect(waits).toEqual([0, 0, 0, 1_000, 2_000, 3_000]);
    expect(takeToken(bucket, limit, 7_000).waitMs).toBe(0);
  });

  test("a pause refills to the burst and no further", () => {
    const limit = { perSecond: 1, burst: 3 };
    const { bucket } = takeToken({ tokens: 0, at: 0 }, limit, 3_600_000);
    expect(bucket.tokens).toBe(2);
  });

  const limits = fc.record({
    perSecond: fc.integer({ min: 1, max: 10 }),
    burst: fc.integer({ min: 1, max: 10 }),
  });
  /** When each call, made after these gaps, may go ahead. */
  function admissions(limit: { perSecond: number; burst: number }, gaps: number[]) {
    let now = 10_000_000;
    let bucket: Bucket | undefined;
    return gaps.map((gap) => {
      now += gap;
      const taken = takeToken(bucket, limit, now);
      bucket = taken.bucket;
      return { at: now + taken.waitMs, waitMs: taken.waitMs, tokens: bucket.tokens };
    });
  }

  test("no window ever sees more than burst + rate × length", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(limits, gaps, (limit, steps) => {
        const times = admissions(limit, steps).map((admitted) => admitted.at);
        for (const [i, start] of times.entries()) {
          for (const [j, end] of times.entries()) {
            if (j < i) continue;
            expect(end).toBeGreaterThanOrEqual(start);
            // Waits are whole milliseconds, so a window may seem one shorter than it is.
            const allowed = limit.burst + ((end - start + 1) * limit.perSecond) / 1_000;
            expect(j - i + 1).toBeLessThanOrEqual(allowed + 1e-6);
          }
        }
      }),
    );
  });

  test("a clock that is set back neither gives tokens nor adds to a wait", () => {
    const gaps = fc.array(fc.integer({ min: -3_600_000, max: 0 }), { maxLength: 30 });
    fc.assert(
      fc.property(limits, gaps, (limit, steps) => {
        for (const [i, admitted] of admissions(limit, steps).entries()) {
          expect(admitted.tokens).toBe(limit.burst - 1 - i);
          const missing = Math.max(0, i + 1 - limit.burst);
          expect(admitted.waitMs).toBe(Math.ceil((missing * 1_000) / limit.perSecond));
        }
      }),
    );
  });
});

describe("createGovernor", () => {
  test("paces each action by itself", async () => {
    const clock = createVirtualClock(0);
    const governor = createGovernor(clock);
    const admit = async (action: Parameters<typeof governor.admit>[0]) => {
      await governor.admit(action);
      return clock.now();
    };
    const creates = Promise.all(Array.from({ length: 5 }, () => admit("machineCreate")));
    const gets = Promise.all(Array.from({ length: 11 }, () => admit("machineGet")));
    expect((await creates).slice(0, 3)).toEqual([0, 0, 0]);
    expect((await creates)[4]).toBeGreaterThanOrEqual(2_000);
    expect((await gets)[9]).toBe(0);
    expect((await gets)[10]).toBeGreaterThanOrEqual(200);
  });
});

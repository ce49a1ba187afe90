import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { estimateTokens, newestWithin } from "./transcript.js";
import type { HistoryEntry } from "./validators.js";

const entry = (content: string, at = 0): HistoryEntry => ({ role: "user", content, at });
/** 10 tokens each: 24 characters and the markers. */
const ten = (n: number) => entry(`${n}`.padEnd(24, "."), n);

test.each([
  ["", 4],
  ["a", 5],
  ["abcd", 5],
  ["abcde", 6],
])("%j is about %i tokens", (content, tokens) => {
  expect(estimateTokens({ content })).toBe(tokens);
});

describe("newestWithin", () => {
  const five = [1, 2, 3, 4, 5].map(ten);
  it.each([
    [0, []],
    [-1, []],
    [4, []],
    [10, [5]],
    [19, [5]],
    [20, [4, 5]],
    [49, [2, 3, 4, 5]],
    [50, [1, 2, 3, 4, 5]],
    [Number.MAX_SAFE_INTEGER, [1, 2, 3, 4, 5]],
  ])("within %i tokens: entries %j", (max, kept) => {
    expect(newestWithin(five, max).map((e) => e.at)).toEqual(kept);
  });

  it("cuts the newest entry from its start when it alone exceeds the budget", () => {
    expect(newestWithin([ten(1), entry(`${"x".repeat(1_000)}end`)], 6)).toEqual([
      entry("xxxxxend"),
    ]);
  });

  it("of nothing is nothing", () => expect(newestWithin([], 100)).toEqual([]));

  it("is always the longest suffix that fits", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 60 }).map((text) => entry(text))),
        fc.nat(300),
        (entries, max) => {
          const window = newestWithin(entries, max);
          const cost = (list: HistoryEntry[]) => list.reduce((n, e) => n + estimateTokens(e), 0);
          expect(cost(window)).toBeLessThanOrEqual(max);
          const tail = entries.slice(entries.length - window.length);
          if (window.length > 1) expect(window).toEqual(tail);
          if (window.length < entries.length && window.length !== 1)
            expect(cost(entries.slice(entries.length - window.length - 1))).toBeGreaterThan(max);
        },
      ),
    );
  });
});

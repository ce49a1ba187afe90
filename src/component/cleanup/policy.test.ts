import { describe, expect, test } from "vitest";
import { boundedConcurrency, extendTally, toReport } from "./policy.js";
import { MACHINE_CONCURRENCY, VOLUME_CONCURRENCY } from "./validators.js";

describe("concurrency", () => {
  test.each([
    [undefined, 6],
    [Number.NaN, 6],
    [Number.POSITIVE_INFINITY, 6],
    [0, 1],
    [-3, 1],
    [2.9, 2],
    [1_000, 24],
  ])("%s machines at a time become %i", (requested, expected) => {
    expect(boundedConcurrency(requested, MACHINE_CONCURRENCY)).toBe(expected);
  });
  test("16 volumes, at most 64", () => {
    expect(boundedConcurrency(undefined, VOLUME_CONCURRENCY)).toBe(16);
    expect(boundedConcurrency(99, VOLUME_CONCURRENCY)).toBe(64);
  });
});

describe("the report", () => {
  const nothing = { found: [], gone: [], remaining: [] };

  test("what turns out to remain was not deleted, and counts as found", () => {
    const before = { found: ["a"], gone: ["a", "b"], remaining: [] };
    expect(extendTally(before, { remaining: ["b"] })).toEqual({
      found: ["a", "b"],
      gone: ["a"],
      remaining: ["b"],
    });
  });

  test("an error about what is gone in the end is a warning", () => {
    const issue = { level: "error" as const, text: "Machine a: destroy failed (x)" };
    const run = { appName: "app", volumes: nothing, issues: [{ ...issue, subject: "a" }] };
    const gone = toReport({ ...run, machines: { ...nothing, found: ["a"], gone: ["a"] } });
    expect(gone).toMatchObject({ errors: [], warnings: [issue.text] });
    const left = toReport({ ...run, machines: { ...nothing, found: ["a"], remaining: ["a"] } });
    expect(left).toMatchObject({
      errors: [issue.text],
      warnings: ["Fly cleanup left 1 machine(s) after verification: a"],
    });
  });
});

import { expect, test } from "vitest";
import { compare } from "./compare.js";
import type { Report } from "./report.js";

const report = (change: (report: Report) => void = () => undefined): Report => {
  const made: Report = {
    conditions: { date: "2026-01-02", node: "20", cpus: 2, seed: 1 },
    costs: [{ operation: "claim", rows: 10, reads: 8, writes: 4, scheduled: 0 }],
    contention: [
      {
        ...{ operation: "enqueue", concurrent: 64, done: 600, gaveUp: 0 },
        ...{ conflictsPerCall: 0.1, readsPerCall: 4, ranges: { "a.by_b": 3 } },
      },
    ],
    drains: [],
    calls: [],
  };
  change(made);
  return made;
};

test("equal runs, of whatever day, have no differences", () => {
  const later = report((made) => (made.conditions.date = "2026-03-04"));
  expect(compare(report(), later)).toBe("No figure differs from the run of 2026-01-02.");
});

test.each<[string, (made: Report) => void, string]>([
  ["a cost", (r) => (r.costs[0]!.reads = 400), "costs, claim, rows 10: reads | 8 | 400 | 50 ×"],
  [
    "a figure that no table compares by itself",
    (r) => (r.contention[0]!.ranges = { "c.by_d": 3 }),
    "enqueue, concurrent 64: ranges: a.by_b | 3 | – | –",
  ],
  ["an operation that is gone", (r) => (r.costs = []), "claim, rows 10: reads | 8 | – | –"],
])("%s that differs is told", (_what, change, line) => {
  expect(compare(report(), report(change))).toContain(line);
});

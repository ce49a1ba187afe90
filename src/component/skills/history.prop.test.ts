import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planRollback, type HistoryEntry } from "./history.js";

type Step = { kind: "deploy"; version: string } | { kind: "back"; version?: string };

const version = fc.constantFrom("v1", "v2", "v3", "v4");
const step: fc.Arbitrary<Step> = fc.oneof(
  version.map((name): Step => ({ kind: "deploy", version: name })),
  fc.constant<Step>({ kind: "back" }),
  version.map((name): Step => ({ kind: "back", version: name })),
);

/** Rows as the room stores them: deploying adds a row, or replaces the active one of the same version. */
class Rows {
  rows: HistoryEntry[] = [];
  #clock = 0;

  get active() {
    return this.rows.find((row) => row.isActive)?.versionId;
  }

  deploy(versionId: string) {
    this.rows = this.rows.filter((row) => !(row.isActive && row.versionId === versionId));
    for (const row of this.rows) row.isActive = false;
    const at = ++this.#clock;
    this.rows.push({
      _id: `r${at}`,
      _creationTime: at,
      versionId,
      isActive: true,
      activatedAt: at,
    });
  }

  back(versionId?: string) {
    const plan = planRollback(this.rows, versionId);
    if (plan.kind === "activate" && versionId !== undefined) this.deploy(versionId);
    if (plan.kind !== "reactivate") return plan.kind;
    const at = ++this.#clock;
    for (const row of plan.passed) Object.assign(row, { isActive: false, rolledBackAt: at });
    Object.assign(plan.release, { isActive: true, activatedAt: at });
    return plan.kind;
  }
}

/** The same as a plain stack of versions. */
class Stack {
  versions: string[] = [];

  get active() {
    return this.versions.at(-1);
  }
  deploy(name: string) {
    if (this.active !== name) this.versions.push(name);
  }
  back(name?: string) {
    if (name !== undefined && !this.versions.includes(name)) return this.deploy(name);
    if (name === undefined && this.versions.length < 2) return;
    do this.versions.pop();
    while (name !== undefined && this.active !== name);
  }
}

describe("planRollback", () => {
  it("behaves like a stack of versions", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const rows = new Rows();
        const stack = new Stack();
        for (const { kind, version: name } of steps) {
          if (kind === "deploy") {
            rows.deploy(name!);
            stack.deploy(name!);
          } else if (name === undefined || stack.active !== name) {
            rows.back(name);
            stack.back(name);
          } else expect(rows.back(name)).toBe("current");
          expect(rows.active).toBe(stack.active);
          expect(rows.rows.filter((row) => row.isActive).length).toBe(rows.active ? 1 : 0);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("nothing released -> none", () => {
    expect(planRollback([])).toEqual({ kind: "none" });
  });
});

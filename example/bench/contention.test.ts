/** The engine judges conflicts as Convex does; on it, the promises about concurrent claims. */
import { anyApi, mutationGeneric, queryGeneric, type FunctionReference } from "convex/server";
import { expect, test } from "vitest";
import { measureClaims, measureEnqueues } from "./contention.js";
import { createEngine, OccError, type SchemaTables } from "./engine/index.js";
import { takeTime } from "./engine/virtualTime.js";

const tables: SchemaTables = {
  rows: { export: () => ({ indexes: [{ indexDescriptor: "by_n", fields: ["n"] }] }) },
};
type Row = { n: number };
const lowest = (ctx: { db: unknown }, count: number) =>
  (
    ctx.db as {
      query(t: "rows"): { withIndex(i: "by_n"): { take(n: number): Promise<Row[]> } };
    }
  )
    .query("rows")
    .withIndex("by_n")
    .take(count);
const peekRef = anyApi["fixture"]?.["peek"] as unknown as FunctionReference<"query", "internal">;

const fixture = {
  add: mutationGeneric({
    handler: async (ctx, args: { n: number }) => void (await ctx.db.insert("rows", args)),
  }),
  peek: queryGeneric({
    handler: async (ctx, args: { count: number }) => await lowest(ctx, args.count),
  }),
  /** Reads the `count` lowest rows, then writes a row far away. */
  look: mutationGeneric({
    handler: async (ctx, args: { count: number; stale?: boolean; writes: number }) => {
      const seen =
        args.stale === true
          ? ((await ctx.runQuery(
              peekRef,
              { count: args.count },
              { useStaleSnapshot: true },
            )) as Row[])
          : await lowest(ctx, args.count);
      await ctx.db.insert("rows", { n: args.writes });
      return seen.map((row) => row.n);
    },
  }),
};

/** Runs `look` and, in the middle of it, an insert of `n`; returns how often `look` was in conflict. */
async function meet(n: number, look: { count: number; stale?: boolean }): Promise<number> {
  const time = takeTime(1);
  try {
    const modules = new Map([["fixture", fixture as Record<string, unknown>]]);
    const engine = createEngine({ modules, tables, time, syscallMs: () => 10 });
    engine.load("rows", [{ n: 1 }, { n: 2 }, { n: 3 }]);
    const looking = engine.mutation("fixture:look", { ...look, writes: 1_000 });
    const { conflicts } = await time.drive(
      Promise.all([looking, engine.mutation("fixture:add", { n })]).then(([outcome]) => outcome),
    );
    return conflicts;
  } finally {
    time.restore();
  }
}

test("a row that appears in what was read is a conflict, one behind it is not", async () => {
  expect(await meet(1.5, { count: 2 })).toBe(1);
  expect(await meet(2.5, { count: 2 })).toBe(0);
});

test("who read all there was conflicts with every new row", async () => {
  expect(await meet(2.5, { count: 4 })).toBe(1);
  expect(await meet(500, { count: 4 })).toBe(1);
});

test("a stale read depends on nothing", async () => {
  expect(await meet(1.5, { count: 2, stale: true })).toBe(0);
});

test("whoever loses five times gets the error", async () => {
  const time = takeTime(1);
  try {
    const modules = new Map([["fixture", fixture as Record<string, unknown>]]);
    const engine = createEngine({ modules, tables, time, syscallMs: () => 10 });
    const outcome = engine.mutation("fixture:look", { count: 9, writes: 1 }).then(
      () => "committed",
      (error: unknown) => error,
    );
    const noise = (async () => {
      for (let n = 0; n < 400; n++) await engine.mutation("fixture:add", { n: -n });
    })();
    await time.drive(Promise.all([outcome, noise]));
    expect(await outcome).toBeInstanceOf(OccError);
    expect(engine.rows("rows")).toHaveLength(400);
  } finally {
    time.restore();
  }
});

test.each(["due", "under way"] as const)(
  "64 workers with their conversations claim without a conflict while a pass is %s",
  async (pass) => {
    expect(await measureClaims(64, true, 7, { pass })).toMatchObject({
      ...{ done: 600, gaveUp: 0, conflictsPerCall: 0 },
    });
  },
);

test("64 free workers meet less than 0.3 times per claim, and none gives up", async () => {
  const { gaveUp, conflictsPerCall, done } = await measureClaims(64, false, 7);
  expect({ gaveUp, done }).toEqual({ gaveUp: 0, done: 600 });
  expect(conflictsPerCall).toBeLessThanOrEqual(0.3);
});

test("enqueues meet only where a burst wakes the scheduler", async () => {
  const { ranges, gaveUp } = await measureEnqueues(64, 7);
  expect(gaveUp).toBe(0);
  expect(Object.keys(ranges)).toEqual(["schedulerState.by_key"]);
  expect(ranges["schedulerState.by_key"]).toBeLessThanOrEqual(64);
});

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { initTest, type T } from "../setup.test.js";
import {
  decideWake,
  isPassRunning,
  MIN_PASS_INTERVAL_MS,
  PASS_LEASE_MS,
  requestPass,
  retrySpawning,
} from "./wake.js";

const NOW = 1_800_000_000_000;
type State = Parameters<typeof decideWake>[0];

describe("decideWake", () => {
  const running = { passId: "p", passStartedAt: NOW - 10_000 };
  const dead = { passId: "p", passStartedAt: NOW - PASS_LEASE_MS };
  test.each<[string, State, number, ReturnType<typeof decideWake>]>([
    ["the first wish is scheduled", {}, NOW + 5_000, { kind: "schedule", wakeAt: NOW + 5_000 }],
    ["one of the past means now", {}, NOW - 5_000, { kind: "schedule", wakeAt: NOW }],
    ["an earlier wake-up stands", { wakeAt: NOW + 4_000 }, NOW + 5_000, { kind: "keep" }],
    ["an equal one stands", { wakeAt: NOW + 5_000 }, NOW + 5_000, { kind: "keep" }],
    [
      "a later one is moved",
      { wakeAt: NOW + 6_000 },
      NOW + 5_000,
      { kind: "schedule", wakeAt: NOW + 5_000 },
    ],
    ["a due one that is about to fire stands", { wakeAt: NOW - 1_000 }, NOW, { kind: "keep" }],
    [
      "one two minutes overdue is taken for lost",
      { wakeAt: NOW - 120_001 },
      NOW,
      { kind: "schedule", wakeAt: NOW },
    ],
    [
      "passes keep their distance",
      { lastPassAt: NOW - 400 },
      NOW,
      { kind: "schedule", wakeAt: NOW + 600 },
    ],
    [
      "a wish within the distance keeps a wake-up at its end",
      { lastPassAt: NOW - 400, wakeAt: NOW + 600 },
      NOW,
      { kind: "keep" },
    ],
    ["while a pass runs, it is remembered", running, NOW, { kind: "remember", wakeAt: NOW }],
    [
      "and only an earlier one changes it",
      { ...running, wakeAt: NOW + 1 },
      NOW + 2,
      { kind: "keep" },
    ],
    [
      "remembered ones are never lost: the end of the pass sees them",
      { ...running, wakeAt: NOW - 200_000 },
      NOW,
      { kind: "keep" },
    ],
    [
      "a pass beyond its lease does not count as running",
      dead,
      NOW,
      { kind: "schedule", wakeAt: NOW },
    ],
  ])("%s", (_name, state, at, expected) => {
    expect(decideWake(state, at, NOW)).toEqual(expected);
  });

  test("a request never makes the wake-up later, never comes before now, and keeps the distance", () => {
    const time = fc.integer({ min: -400_000, max: 400_000 }).map((offset) => NOW + offset);
    const optional = (key: keyof State) =>
      fc.option(time, { nil: undefined }).map((at) => (at === undefined ? {} : { [key]: at }));
    const states: fc.Arbitrary<State> = fc
      .tuple(optional("wakeAt"), optional("lastPassAt"), fc.option(time, { nil: undefined }))
      .map(([wake, last, started]) => ({
        ...wake,
        ...last,
        ...(started === undefined ? {} : { passId: "p", passStartedAt: Math.min(started, NOW) }),
      }));
    fc.assert(
      fc.property(states, time, (state, at) => {
        const decision = decideWake(state, at, NOW);
        const isRunning = isPassRunning(state, NOW);
        if (decision.kind === "keep") {
          expect(state.wakeAt).toBeDefined();
          return;
        }
        expect(decision.kind).toBe(isRunning ? "remember" : "schedule");
        const lost = !isRunning && state.wakeAt !== undefined && state.wakeAt < NOW - 120_000;
        if (state.wakeAt !== undefined && !lost) expect(decision.wakeAt).toBeLessThan(state.wakeAt);
        expect(decision.wakeAt).toBeGreaterThanOrEqual(Math.max(at, NOW));
        const last = isRunning ? state.passStartedAt : state.lastPassAt;
        if (last !== undefined)
          expect(decision.wakeAt).toBeGreaterThanOrEqual(last + MIN_PASS_INTERVAL_MS);
      }),
      { numRuns: 2_000, seed: 1 },
    );
  });
});

describe("the one wake-up", () => {
  let t: T;
  beforeEach(() => {
    vi.useFakeTimers();
    vi.setSystemTime(NOW);
    t = initTest();
  });
  afterEach(() => vi.useRealTimers());

  const request = async (at: number) =>
    await t.mutation(async (ctx) => await requestPass(ctx, at, NOW));
  const pending = async () =>
    await t.run(async (ctx) =>
      (await ctx.db.system.query("_scheduled_functions").take(100))
        .filter((job) => job.state.kind === "pending")
        .map((job) => [job.name, job.scheduledTime - NOW]),
    );
  const state = async () =>
    await t.run(async (ctx) => await ctx.db.query("schedulerState").take(5));

  test("moves earlier and leaves one scheduled function behind, however many ask", async () => {
    for (const seconds of [50, 60, 40, 41, 10, 90]) await request(NOW + seconds * 1_000);
    expect(await pending()).toEqual([["scheduler/loop:begin", 10_000]]);
    expect(await state()).toMatchObject([{ wakeAt: NOW + 10_000, passCount: 0 }]);
  });

  test("a request that changes nothing writes nothing", async () => {
    await request(NOW + 1_000);
    const cost = await t.mutation(async (ctx) => {
      await requestPass(ctx, NOW + 2_000, NOW);
      const { documentsRead, documentsWritten, functionsScheduled } =
        await ctx.meta.getTransactionMetrics();
      return [documentsRead.used, documentsWritten.used, functionsScheduled.used];
    });
    expect(cost).toEqual([1, 0, 0]);
  });

  test("names the deployment once and for all", async () => {
    await request(NOW);
    const [before] = await state();
    await request(NOW - 1);
    expect((await state()).map((row) => row.deploymentId)).toEqual([before?.deploymentId]);
    expect(before?.deploymentId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("retrySpawning forgets the back-off and asks for a pass now", async () => {
    await request(NOW + 60_000);
    await t.run(async (ctx) => {
      const row = await ctx.db.query("schedulerState").first();
      await ctx.db.patch("schedulerState", row!._id, {
        spawnNotBefore: NOW + 300_000,
        spawnBlock: { kind: "quota", message: "no", at: NOW },
        spawnFailures: 3,
        bootFailures: { count: 2, at: NOW },
        gatewayCheckedUrl: "https://x",
      });
    });
    await t.mutation(async (ctx) => await retrySpawning(ctx, NOW));
    const [row] = await state();
    expect(row).toMatchObject({ wakeAt: NOW });
    for (const field of [
      "spawnNotBefore",
      "spawnBlock",
      "spawnFailures",
      "bootFailures",
      "gatewayCheckedUrl",
    ])
      expect(row).not.toHaveProperty(field);
    expect(await pending()).toEqual([["scheduler/loop:begin", 0]]);
  });
});

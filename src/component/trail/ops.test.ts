import { describe, expect, it, test, vi } from "vitest";
import { api } from "../_generated/api.js";
import { claim, pass, queueTest, send, START, useTestClock, type T } from "../queue/setup.test.js";
import {
  FOLD_BATCH_SIZE,
  foldCounters,
  listMachineEvents,
  readCounts,
  recordMachineEvent,
  recordMessageEvent,
  sumDeltas,
} from "./ops.js";

useTestClock();

const fold = async (t: T) => await t.mutation(async (ctx) => await foldCounters(ctx, Date.now()));
const counts = async (t: T) =>
  await t.query(async (ctx) => Object.fromEntries(await readCounts(ctx)));
const counters = async (t: T) =>
  await t.run(async (ctx) =>
    Object.fromEntries(
      (await ctx.db.query("queueCounters").take(10)).map((row) => [row.status, row.count]),
    ),
  );
const arrive = async (t: T, count: number) =>
  await t.mutation(async (ctx) => {
    for (let i = 0; i < count; i++)
      await recordMessageEvent(ctx, {
        messageId: `m${i}`,
        conversationId: "c1",
        kind: "enqueued",
        at: Date.now(),
        to: "queued",
      });
  });

describe("sumDeltas", () => {
  it.each([
    [[], {}],
    [[{ to: "queued" }], { queued: 1 }],
    [[{ from: "done" }], { done: -1 }],
    [[{}], {}],
    [
      [{ to: "queued" }, { from: "queued", to: "processing" }, { from: "processing", to: "done" }],
      { queued: 0, processing: 0, done: 1 },
    ],
    [[{ to: "dead_letter" }, { to: "dead_letter" }], { dead_letter: 2 }],
  ] as const)("of %j: %j", (events, deltas) => {
    expect(Object.fromEntries(sumDeltas(events))).toEqual(deltas);
  });
});

describe("the fold", () => {
  test("moves events into the counters, once, and changes no count", async () => {
    const t = await queueTest();
    await arrive(t, 3);
    expect(await counts(t)).toEqual({ queued: 3 });
    expect(await counters(t)).toEqual({});
    pass(60_000);
    expect(await fold(t)).toBe(false);
    expect(await counters(t)).toEqual({ queued: 3 });
    expect(await counts(t)).toEqual({ queued: 3 });
    expect(await fold(t)).toBe(false);
    expect(await counters(t)).toEqual({ queued: 3 });
  });

  test("leaves the newest events alone: their writers must not be in its way", async () => {
    const t = await queueTest();
    await arrive(t, 2);
    await fold(t);
    expect(await counters(t)).toEqual({});
    expect(await counts(t)).toEqual({ queued: 2 });
  });

  test("takes a bounded batch and says that more wait", async () => {
    const t = await queueTest();
    await arrive(t, FOLD_BATCH_SIZE + 3);
    pass(60_000);
    expect(await fold(t)).toBe(true);
    expect(await counters(t)).toEqual({ queued: FOLD_BATCH_SIZE });
    expect(await counts(t)).toEqual({ queued: FOLD_BATCH_SIZE + 3 });
    expect(await fold(t)).toBe(false);
    expect(await counters(t)).toEqual({ queued: FOLD_BATCH_SIZE + 3 });
  });

  test("does not look at events that count nothing", async () => {
    const t = await queueTest();
    await t.mutation(async (ctx) => {
      const event = { messageId: "m", conversationId: "c", at: START } as const;
      await recordMessageEvent(ctx, { ...event, kind: "answer_stored" });
    });
    const rows = await t.run(async (ctx) => await ctx.db.query("messageEvents").take(5));
    expect(rows).toMatchObject([{ folded: true }]);
  });

  test("is begun by the events themselves when many come in without any pass", async () => {
    const t = await queueTest();
    const names = async () =>
      await t.run(async (ctx) =>
        (await ctx.db.system.query("_scheduled_functions").take(1_000)).map((f) => f.name),
      );
    const random = vi.spyOn(Math, "random").mockReturnValue(0.5);
    await arrive(t, 50);
    expect(await names()).not.toContain("trail/ops:fold");
    random.mockReturnValue(0.001);
    await arrive(t, 1);
    expect(await names()).toContain("trail/ops:fold");
  });
});

test("the trail of a message is in order, redacted and short", async () => {
  const t = await queueTest();
  const messageId = await send(t, "c1");
  pass(5);
  await claim(t, "w1");
  await t.mutation(async (ctx) => {
    const event = { messageId, conversationId: "c1", kind: "failed", at: START + 9 } as const;
    const token = `123456789:${"A".repeat(35)}`;
    await recordMessageEvent(ctx, { ...event, detail: `with ${token} ${"x".repeat(5_000)}` });
  });
  const events = await t.query(api.lib.listMessageEvents, { messageId });
  expect(events.slice(0, 2)).toEqual([
    { kind: "enqueued", at: START, workerId: null, detail: null },
    { kind: "claimed", at: START + 5, workerId: "w1", detail: null },
  ]);
  expect(events[2]?.detail).toContain("[telegram-token]");
  expect(events[2]?.detail).toHaveLength(500);
  expect(await t.query(api.lib.listMessageEvents, { messageId: "unknown" })).toEqual([]);
});

test("trails are bounded", async () => {
  const t = await queueTest();
  await t.mutation(async (ctx) => {
    for (let i = 0; i < 205; i++) {
      await recordMachineEvent(ctx, { workerId: "w1", kind: "drain", at: START + i });
      await recordMessageEvent(ctx, {
        messageId: "m1",
        conversationId: "c1",
        kind: "failed",
        at: START + i,
      });
    }
  });
  expect(await t.query(api.lib.listMessageEvents, { messageId: "m1" })).toHaveLength(200);
  const machine = await t.query(async (ctx) => await listMachineEvents(ctx, "w1"));
  expect(machine).toHaveLength(200);
  expect(machine[0]).not.toHaveProperty("detail");
});

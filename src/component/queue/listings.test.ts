import { describe, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import {
  complete,
  fail,
  mustClaim,
  pass,
  queueTest,
  send,
  START,
  useTestClock,
  type T,
} from "./setup.test.js";

useTestClock();

const stats = async (t: T) => await t.query(api.lib.queueStats, {});

describe("listQueueItemsForConversation", () => {
  test("shows the newest scheduledFor first, with everything about them", async () => {
    const t = await queueTest();
    const first = await send(t, "c1", "a");
    pass(10);
    const second = await send(t, "c1", "b", { scheduledFor: START + 5_000 });
    await send(t, "c2", "other");
    const items = await t.query(api.lib.listQueueItemsForConversation, { conversationId: "c1" });
    expect(items.map((item) => item._id)).toEqual([second, first]);
    expect(items[1]).toEqual({
      _id: first,
      _creationTime: expect.any(Number) as number,
      conversationId: "c1",
      agentKey: "default",
      status: "queued",
      priority: 50,
      scheduledFor: START,
      attempts: 0,
      maxAttempts: 5,
      lastError: null,
      payload: {
        provider: "system_push",
        providerUserId: "user-1",
        messageText: "a",
        metadata: { providerUserId: "user-1" },
      },
    });
  });

  test.each([
    [1, 1],
    [0, 1],
    [-3, 1],
    [2.9, 2],
    [Number.NaN, 3],
    [1e9, 3],
  ])("limit %s: %i items", async (limit, length) => {
    const t = await queueTest();
    for (let i = 0; i < 3; i++) await send(t, "c1");
    const call = { conversationId: "c1", limit };
    expect(await t.query(api.lib.listQueueItemsForConversation, call)).toHaveLength(length);
    expect(await t.query(api.lib.listJobsByStatus, { status: "queued", limit })).toHaveLength(
      length,
    );
  });

  test("of an unknown conversation is empty", async () => {
    const t = await queueTest();
    const call = { conversationId: "nobody" };
    expect(await t.query(api.lib.listQueueItemsForConversation, call)).toEqual([]);
  });

  test("stays readable when the payloads are large: fewer items, not an error", async () => {
    const t = await queueTest();
    for (let i = 0; i < 60; i++) await send(t, "c1", "x".repeat(250_000));
    const call = { conversationId: "c1", limit: 500 };
    const items = await t.query(api.lib.listQueueItemsForConversation, call);
    expect(items.length).toBeGreaterThan(10);
    expect(items.length).toBeLessThan(40);
  });
});

test("listJobsByStatus is ascending and without payloads", async () => {
  const t = await queueTest();
  const later = await send(t, "c1", "x", { scheduledFor: START + 10_000 });
  const first = await send(t, "c2");
  const jobs = await t.query(api.lib.listJobsByStatus, { status: "queued" });
  expect(jobs.map((job) => job._id)).toEqual([first, later]);
  expect(jobs[0]).not.toHaveProperty("payload");
  expect(jobs[0]).not.toHaveProperty("lastError");
  expect(await t.query(api.lib.listJobsByStatus, { status: "dead_letter" })).toEqual([]);
  const { ref } = await mustClaim(t, "w1");
  await fail(t, ref, { retryable: false });
  expect(await t.query(api.lib.listJobsByStatus, { status: "dead_letter" })).toMatchObject([
    { _id: first, lastError: "boom", attempts: 1 },
  ]);
});

test("hasQueuedJobsForConversation sees waiting messages, also later ones", async () => {
  const t = await queueTest();
  const has = async () =>
    await t.query(api.lib.hasQueuedJobsForConversation, { conversationId: "c1" });
  expect(await has()).toBe(false);
  await send(t, "c1", "x", { scheduledFor: START + 10_000 });
  expect(await has()).toBe(true);
  pass(10_000);
  const { ref } = await mustClaim(t, "w1");
  expect(await has()).toBe(false);
  await complete(t, ref);
  expect(await has()).toBe(false);
});

describe("queueStats", () => {
  test("counts what is due, leased and dead", async () => {
    const t = await queueTest();
    for (let i = 0; i < 4; i++) await send(t, `c${i}`);
    await send(t, "later", "x", { scheduledFor: START + 10_000 });
    expect(await stats(t)).toEqual({ queuedReady: 4, processing: 0, deadLetter: 0 });
    const a = await mustClaim(t, "w1");
    const b = await mustClaim(t, "w2");
    await mustClaim(t, "w3");
    expect(await stats(t)).toEqual({ queuedReady: 1, processing: 3, deadLetter: 0 });
    await complete(t, a.ref);
    await fail(t, b.ref, { retryable: false });
    expect(await stats(t)).toEqual({ queuedReady: 1, processing: 1, deadLetter: 1 });
    pass(10_000);
    expect(await stats(t)).toEqual({ queuedReady: 2, processing: 1, deadLetter: 1 });
    expect(await t.query(api.lib.queueStats, { nowMs: START })).toMatchObject({ queuedReady: 1 });
  });

  test("does not count a message in back-off as ready", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await fail(t, (await mustClaim(t, "w1")).ref);
    expect(await stats(t)).toEqual({ queuedReady: 0, processing: 0, deadLetter: 0 });
    pass(5_000);
    expect(await stats(t)).toEqual({ queuedReady: 1, processing: 0, deadLetter: 0 });
  });

  test("is the same before, between and after folds", async () => {
    const t = await queueTest();
    for (let i = 0; i < 30; i++) await send(t, `c${i}`);
    const expected = { queuedReady: 30, processing: 0, deadLetter: 0 };
    expect(await stats(t)).toEqual(expected);
    await t.mutation(internal.retention.sweeper.run, {});
    expect(await stats(t)).toEqual(expected);
    await mustClaim(t, "w1");
    const after = { queuedReady: 29, processing: 1, deadLetter: 0 };
    expect(await stats(t)).toEqual(after);
    await t.mutation(internal.retention.sweeper.run, {});
    await t.mutation(internal.retention.sweeper.run, {});
    expect(await stats(t)).toEqual(after);
  });
});

describe("listConversationsByState", () => {
  test("shows each conversation in its state only, with what waits in it", async () => {
    const t = await queueTest();
    await send(t, "waits", "a");
    await send(t, "waits", "b");
    await send(t, "held", "c");
    await t.mutation(api.lib.pauseConversation, { conversationId: "held", reason: "legal" });
    const list = async (state: "ready" | "paused" | "idle") =>
      await t.query(api.lib.listConversationsByState, { state });
    expect(await list("ready")).toEqual([
      {
        conversationId: "waits",
        agentKey: "default",
        state: "ready",
        queuedCount: 2,
        readyAt: START,
        workerId: null,
        pauseReason: null,
      },
    ]);
    expect(await list("paused")).toMatchObject([
      { conversationId: "held", queuedCount: 1, pauseReason: "legal" },
    ]);
    expect(await list("idle")).toEqual([]);
  });
});

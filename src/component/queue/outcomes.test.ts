import { describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import {
  claim,
  complete,
  conversationRow,
  expectConsistent,
  fail,
  handBack,
  heartbeat,
  messageRow,
  mustClaim,
  newWorker,
  pass,
  queueTest,
  readRows,
  send,
  START,
  useTestClock,
  workerRow,
} from "./setup.test.js";

useTestClock();

const LEASE_MS = 360_000;

describe("a heartbeat", () => {
  test("extends the lease on the message, the lock and the worker's own row", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    pass(30_000);
    expect(await heartbeat(t, ref)).toBe(true);
    const until = START + 30_000 + LEASE_MS;
    expect(await messageRow(t, messageId)).toMatchObject({ leaseExpiresAt: until });
    expect(await conversationRow(t, "c1")).toMatchObject({
      readyAt: until,
      processingLock: { leaseExpiresAt: until, heartbeatAt: START + 30_000 },
    });
    const beats = await t.run(async (ctx) => await ctx.db.query("workerHeartbeats").take(5));
    expect(beats).toMatchObject([{ workerId: "w1", heartbeatAt: START + 30_000 }]);
    await expectConsistent(t, 1);
  });

  test("saves a lease that expired, while nobody has ended it", async () => {
    const t = await queueTest();
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    pass(LEASE_MS + 5);
    expect(await heartbeat(t, ref)).toBe(true);
    expect(await t.mutation(api.lib.releaseStuckJobs, {})).toMatchObject({ requeued: 0 });
    expect(await complete(t, ref)).toBe(true);
    await expectConsistent(t, 1);
  });
});

describe("complete", () => {
  test("ends the message and frees conversation and worker", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    pass(10_000);
    expect(await complete(t, ref)).toBe(true);
    const message = await messageRow(t, messageId);
    expect(message).toMatchObject({ status: "done", completedAt: START + 10_000, attempts: 0 });
    for (const field of ["claimedBy", "leaseId", "leaseExpiresAt", "lastError", "nextRetryAt"])
      expect(message).not.toHaveProperty(field);
    const row = await conversationRow(t, "c1");
    expect(row).toMatchObject({ state: "idle", queuedCount: 0, ownerWorkerId: "w1" });
    expect(row).not.toHaveProperty("processingLock");
    expect(await workerRow(t, "w1")).toMatchObject({
      load: 0,
      heartbeatAt: START + 10_000,
      scheduledShutdownAt: START + 1_800_000,
      assignment: { conversationId: "c1" },
    });
    await expectConsistent(t, 1);
  });

  test("clears the traces of an earlier failure", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    await fail(t, (await mustClaim(t, "w1")).ref);
    pass(5_000);
    await complete(t, (await mustClaim(t, "w1")).ref);
    const message = await messageRow(t, messageId);
    expect(message).toMatchObject({ status: "done", attempts: 1, deliveries: 2 });
    expect([message.lastError, message.nextRetryAt]).toEqual([undefined, undefined]);
  });

  test("gives a worker that was busy for longer than its idle time another minute", async () => {
    const t = await queueTest();
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    pass(1_900_000);
    await heartbeat(t, ref);
    await complete(t, ref);
    expect(await workerRow(t, "w1")).toMatchObject({
      scheduledShutdownAt: START + 1_900_000 + 60_000,
    });
  });

  test("wakes the scheduler for a message that was scheduled meanwhile", async () => {
    const t = await queueTest();
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    await t.run(async (ctx) => {
      const state = await ctx.db.query("schedulerState").first();
      if (state !== null) await ctx.db.patch("schedulerState", state._id, { wakeAt: undefined });
    });
    await send(t, "c1", "later", { scheduledFor: START + 90_000 });
    await complete(t, ref);
    const state = await t.run(async (ctx) => await ctx.db.query("schedulerState").first());
    expect(state?.wakeAt).toBe(START + 90_000);
  });
});

describe("fail", () => {
  test("puts the message back at its place, due after the back-off", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    pass(10_000);
    const result = await fail(t, ref, { errorMessage: "no such model" });
    const dueAt = START + 10_000 + 1_030;
    expect(result).toEqual({ requeued: true, deadLettered: false, nextScheduledFor: dueAt });
    const message = await messageRow(t, messageId);
    expect(message).toMatchObject({
      status: "queued",
      attempts: 1,
      scheduledFor: START,
      nextRetryAt: dueAt,
      lastError: "no such model",
    });
    expect(message).not.toHaveProperty("leaseId");
    expect(await conversationRow(t, "c1")).toMatchObject({
      state: "waiting",
      readyAt: dueAt,
      queuedCount: 1,
      headMessageId: messageId,
    });
    expect(await workerRow(t, "w1")).toMatchObject({ load: 0 });
    await expectConsistent(t, 1);
  });

  test("dead-letters after maxAttempts, counted by cause", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1", "x", { maxAttempts: 2 });
    await fail(t, (await mustClaim(t, "w1")).ref, { errorMessage: "HTTP 500 after 12 ms" });
    pass(5_000);
    expect(
      await fail(t, (await mustClaim(t, "w1")).ref, { errorMessage: "HTTP 502 after 9 ms" }),
    ).toEqual({ requeued: false, deadLettered: true, nextScheduledFor: null });
    expect(await messageRow(t, messageId)).toMatchObject({
      status: "dead_letter",
      attempts: 2,
      deadLetteredAt: START + 5_000,
      lastError: "HTTP 502 after 9 ms",
      errorFingerprint: "http # after # ms",
    });
    expect(await conversationRow(t, "c1")).toMatchObject({ state: "idle", queuedCount: 0 });
    expect(await claim(t, "w1")).toBeNull();
    await expectConsistent(t, 1);
  });

  test("gives up at once when retrying cannot help", async () => {
    const t = await queueTest();
    const first = await send(t, "c1");
    const second = await send(t, "c1");
    expect(await fail(t, (await mustClaim(t, "w1")).ref, { retryable: false })).toMatchObject({
      deadLettered: true,
    });
    expect(await messageRow(t, first)).toMatchObject({ status: "dead_letter", attempts: 1 });
    expect((await mustClaim(t, "w1")).messageId).toBe(second);
    await expectConsistent(t, 2);
  });

  test.each([
    [30_000, 30_000],
    [10 * 3_600_000, 3_600_000],
    [-1, 1_099],
    [Number.NaN, 1_099],
    [Number.POSITIVE_INFINITY, 3_600_000],
  ])("asked to pause for %s waits %s", async (retryAfterMs, pause) => {
    const t = await queueTest();
    await send(t, "c1");
    const { nextScheduledFor } = await fail(t, (await mustClaim(t, "w1")).ref, { retryAfterMs });
    expect(nextScheduledFor).toBe(START + pause);
    await expectConsistent(t, 1);
  });

  test("stores no credentials and no endless errors", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    const token = `123456789:${"A".repeat(35)}`;
    await fail(t, (await mustClaim(t, "w1")).ref, {
      errorMessage: `token ${token} refused ${"x".repeat(100_000)}`,
    });
    const { lastError = "" } = await messageRow(t, messageId);
    expect(lastError).toContain("[telegram-token]");
    expect(lastError).not.toContain(token);
    expect(lastError).toHaveLength(2_000);
  });
});

describe("hand back", () => {
  test("makes the message wait again at once, without a charge", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    expect(await handBack(t, ref, `stopping ${"x".repeat(5_000)}`)).toBe(true);
    const message = await messageRow(t, messageId);
    expect(message).toMatchObject({ status: "queued", attempts: 0, deliveries: 1 });
    expect(message.lastError).toHaveLength(2_000);
    expect(await conversationRow(t, "c1")).toMatchObject({ state: "ready", queuedCount: 2 });
    expect((await mustClaim(t, "w1")).messageId).toBe(messageId);
    await expectConsistent(t, 2);
  });

  test("for ever ends in the dead letters", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1", "x", { maxAttempts: 2 });
    let deliveries = 0;
    for (;;) {
      pass(120_000);
      const job = await claim(t, "w1");
      if (job === null) break;
      deliveries += 1;
      await handBack(t, { workerId: "w1", messageId, leaseId: job.leaseId });
    }
    expect(deliveries).toBe(7);
    expect(await messageRow(t, messageId)).toMatchObject({ status: "dead_letter", attempts: 2 });
    await expectConsistent(t, 1);
  });
});

describe("a lost lease", () => {
  test("changes nothing and says so, whatever is called with it", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    await newWorker(t, "w2");
    const { ref } = await mustClaim(t, "w1");
    const none = { requeued: false, deadLettered: false, nextScheduledFor: null };
    const tryAll = async (wrong: typeof ref) => {
      const before = await readRows(t);
      expect(await heartbeat(t, wrong)).toBe(false);
      expect(await complete(t, wrong)).toBe(false);
      expect(await fail(t, wrong)).toEqual(none);
      expect(await fail(t, wrong, { retryable: false })).toEqual(none);
      expect(await handBack(t, wrong)).toBe(false);
      expect(await readRows(t)).toEqual(before);
    };
    await tryAll({ ...ref, leaseId: "stale" });
    await tryAll({ ...ref, leaseId: "" });
    await tryAll({ ...ref, workerId: "w2" });
    // The message was given to another worker since.
    pass(LEASE_MS + 1);
    await t.mutation(api.lib.releaseStuckJobs, {});
    await tryAll(ref);
    pass(2_000);
    const next = await mustClaim(t, "w2");
    expect(next.messageId).toBe(messageId);
    await tryAll(ref);
    // It was deleted.
    await complete(t, next.ref);
    await tryAll(next.ref);
    await t.run(async (ctx) => await ctx.db.delete("messageQueue", messageId));
    await tryAll(next.ref);
  });
});

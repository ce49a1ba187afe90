import { describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import type { Id } from "../kit/functions.js";
import {
  claim,
  complete,
  conversationRow,
  deliver,
  expectConsistent,
  fail,
  messageRow,
  mustClaim,
  newAgent,
  newWorker,
  pass,
  queueTest,
  refusal,
  send,
  START,
  store,
  useTestClock,
  type T,
} from "./setup.test.js";

useTestClock();

type Which = { messageId?: Id<"messageQueue">; fingerprint?: string; limit?: number };
const redrive = async (t: T, which: Which = {}) =>
  await t.mutation(api.lib.redriveDeadLetters, which);
const skip = async (t: T, messageId: Id<"messageQueue">, reason?: string) =>
  await t.mutation(api.lib.skipMessage, { messageId, ...(reason === undefined ? {} : { reason }) });
const groups = async (t: T) => await t.query(api.lib.listDeadLetterGroups, {});

async function kill(t: T, conversationId: string, errorMessage = "boom", text = "x") {
  const messageId = await send(t, conversationId, text);
  const { ref } = await mustClaim(t, `w-${conversationId}`, conversationId);
  await fail(t, ref, { errorMessage, retryable: false });
  return messageId;
}

describe("dead letters", () => {
  test("are grouped by cause, most recent first", async () => {
    const t = await queueTest();
    await kill(t, "c1", "HTTP 500 in 3 ms");
    pass(10);
    await kill(t, "c2", "no such model");
    pass(10);
    await kill(t, "c3", "HTTP 503 in 99 ms");
    expect(await groups(t)).toEqual([
      {
        fingerprint: "http # in # ms",
        sampleError: "HTTP 503 in 99 ms",
        count: 2,
        firstAt: START,
        lastAt: START + 20,
      },
      {
        fingerprint: "no such model",
        sampleError: "no such model",
        count: 1,
        firstAt: START + 10,
        lastAt: START + 10,
      },
    ]);
    const listed = await t.query(api.lib.listDeadLetters, { fingerprint: "http # in # ms" });
    expect(listed.map((item) => item.conversationId)).toEqual(["c1", "c3"]);
    const latest = await t.query(api.lib.listDeadLetters, { limit: 2 });
    expect(latest.map((item) => item.conversationId)).toEqual(["c3", "c2"]);
    expect(latest[0]).toMatchObject({ status: "dead_letter", lastError: "HTTP 503 in 99 ms" });
    for (const limit of [0, -1, Number.NaN, 1e9])
      expect((await t.query(api.lib.listDeadLetters, { limit })).length).toBeGreaterThan(0);
  });

  test("start again one by one, with fresh attempts, and leave their group", async () => {
    const t = await queueTest();
    const messageId = await kill(t, "c1");
    pass(1_000);
    expect(await redrive(t, { messageId })).toEqual({ redriven: 1, more: false });
    const message = await messageRow(t, messageId);
    expect(message).toMatchObject({ status: "queued", attempts: 0, deliveries: 0 });
    for (const field of ["deadLetteredAt", "errorFingerprint", "nextRetryAt"])
      expect(message).not.toHaveProperty(field);
    expect(await groups(t)).toEqual([]);
    expect(await redrive(t, { messageId })).toEqual({ redriven: 0, more: false });
    expect((await mustClaim(t, "w-c1")).messageId).toBe(messageId);
    await expectConsistent(t, 1);
  });

  test("start again by cause, or all, up to the limit", async () => {
    const t = await queueTest();
    for (let i = 0; i < 3; i++) await kill(t, `a${i}`, "cause a");
    for (let i = 0; i < 3; i++) await kill(t, `b${i}`, "cause b");
    expect(await redrive(t, { fingerprint: "cause a", limit: 2 })).toEqual({
      redriven: 2,
      more: true,
    });
    expect(await redrive(t, { fingerprint: "cause a", limit: 2 })).toEqual({
      redriven: 1,
      more: false,
    });
    expect(await redrive(t, { fingerprint: "unknown" })).toEqual({ redriven: 0, more: false });
    expect(await groups(t)).toMatchObject([{ fingerprint: "cause b", count: 3 }]);
    expect(await redrive(t, { limit: Number.NaN })).toEqual({ redriven: 3, more: false });
    expect(await groups(t)).toEqual([]);
    await expectConsistent(t, 6);
  });

  test("of one conversation start again in their order, behind what waits now", async () => {
    const t = await queueTest();
    const dead = [];
    for (let i = 0; i < 3; i++) {
      dead.push(await kill(t, "c1"));
      pass(10);
    }
    const waiting = await send(t, "c1", "waiting");
    expect(await redrive(t)).toEqual({ redriven: 3, more: false });
    const later = await send(t, "c1", "later");
    pass(10);
    const served = [];
    for (let i = 0; i < 5; i++) {
      const job = await mustClaim(t, "w-c1");
      served.push(job.messageId);
      await complete(t, job.ref);
    }
    expect(served).toEqual([waiting, ...dead, later]);
    await expectConsistent(t, 5);
  });

  test("start again behind arrivals whose clock was ahead", async () => {
    const t = await queueTest();
    const messageId = await kill(t, "c1");
    const ahead = await t.mutation(api.lib.enqueue, {
      conversationId: "c1",
      agentKey: "default",
      payload: { provider: "x", providerUserId: "u", messageText: "ahead" },
      nowMs: START + 50,
    });
    await redrive(t, { messageId });
    pass(100);
    const first = await mustClaim(t, "w-c1");
    expect(first.messageId).toBe(ahead);
    await complete(t, first.ref);
    expect((await mustClaim(t, "w-c1")).messageId).toBe(messageId);
  });

  test("keep a stored answer: it is delivered, not made again", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    await store(t, ref, "ab", ["a", "b"]);
    await deliver(t, ref, 0, "sending");
    await deliver(t, ref, 0, "sent");
    await fail(t, ref, { retryable: false });
    await redrive(t, { messageId });
    pass(10);
    await mustClaim(t, "w1");
    const bundle = await t.query(api.lib.getHydrationBundle, { messageId, workspaceId: "default" });
    expect(bundle?.answer?.parts.map((part) => part.state)).toEqual(["sent", "pending"]);
  });

  test("that do not exist are refused", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    await t.run(async (ctx) => await ctx.db.delete("messageQueue", messageId));
    for (const call of [redrive(t, { messageId }), skip(t, messageId)])
      expect(await refusal(call)).toMatchObject({
        code: "MESSAGE_NOT_FOUND",
        message: `Message '${messageId}' does not exist.`,
      });
  });
});

describe("skip", () => {
  test("gives up on a waiting message and goes on with the next", async () => {
    const t = await queueTest();
    const first = await send(t, "c1");
    const second = await send(t, "c1");
    expect(await skip(t, first, "asked by the user")).toBe(true);
    expect(await messageRow(t, first)).toMatchObject({
      status: "failed",
      lastError: "Skipped: asked by the user",
      completedAt: START,
    });
    expect(await conversationRow(t, "c1")).toMatchObject({ queuedCount: 1, headMessageId: second });
    expect((await mustClaim(t, "w1")).messageId).toBe(second);
    expect(await skip(t, first)).toBe(false);
    await expectConsistent(t, 2);
  });

  test("frees a conversation from a message in back-off", async () => {
    const t = await queueTest();
    const first = await send(t, "c1");
    const second = await send(t, "c1");
    await fail(t, (await mustClaim(t, "w1")).ref, { retryAfterMs: 3_600_000 });
    expect(await claim(t, "w1")).toBeNull();
    expect(await skip(t, first)).toBe(true);
    expect((await mustClaim(t, "w1")).messageId).toBe(second);
    await expectConsistent(t, 2);
  });

  test("leaves a leased or answered message alone", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    const { ref } = await mustClaim(t, "w1");
    expect(await skip(t, messageId)).toBe(false);
    await complete(t, ref);
    expect(await skip(t, messageId)).toBe(false);
    expect(await messageRow(t, messageId)).toMatchObject({ status: "done" });
  });

  test("takes a dead letter out of its group; it can still be redriven by its id", async () => {
    const t = await queueTest();
    const messageId = await kill(t, "c1");
    expect(await skip(t, messageId, "x".repeat(5_000))).toBe(true);
    const message = await messageRow(t, messageId);
    expect(message.status).toBe("failed");
    expect(message.lastError).toHaveLength(2_000);
    expect(await groups(t)).toEqual([]);
    expect(await redrive(t)).toEqual({ redriven: 0, more: false });
    expect(await redrive(t, { messageId })).toEqual({ redriven: 1, more: false });
    expect(await groups(t)).toEqual([]);
    await expectConsistent(t, 1);
  });

  test("wakes the scheduler for what is next, also when that is due later", async () => {
    const t = await queueTest();
    const first = await send(t, "c1", "x", { scheduledFor: START + 60_000 });
    await fail(t, (await mustClaimAt(t, START + 60_000)).ref, { retryAfterMs: 3_600_000 });
    await send(t, "c1", "y", { scheduledFor: START + 100_000 });
    await t.run(async (ctx) => {
      const state = await ctx.db.query("schedulerState").first();
      if (state !== null) await ctx.db.patch("schedulerState", state._id, { wakeAt: undefined });
    });
    await skip(t, first);
    const state = await t.run(async (ctx) => await ctx.db.query("schedulerState").first());
    expect(state?.wakeAt).toBe(START + 100_000);
  });
});

async function mustClaimAt(t: T, at: number) {
  pass(at - Date.now());
  return await mustClaim(t, "w1", "c1");
}

test("counters follow redrive and skip", async () => {
  const t = await queueTest();
  await newAgent(t, "other");
  const stats = async () => await t.query(api.lib.queueStats, {});
  const dead = [await kill(t, "c1"), await kill(t, "c2")];
  expect(await stats()).toEqual({ queuedReady: 0, processing: 0, deadLetter: 2 });
  await redrive(t, { messageId: dead[0]! });
  pass(10);
  expect(await stats()).toEqual({ queuedReady: 1, processing: 0, deadLetter: 1 });
  await skip(t, dead[1]!);
  expect(await stats()).toEqual({ queuedReady: 1, processing: 0, deadLetter: 0 });
  await skip(t, dead[0]!);
  expect(await stats()).toEqual({ queuedReady: 0, processing: 0, deadLetter: 0 });
});

test("a dead letter that starts again in the very millisecond in which a later message began stands behind it", async () => {
  const t = await queueTest();
  await newWorker(t, "w-c1");
  const dead = await send(t, "c1", "first", { maxAttempts: 1 });
  await fail(t, (await mustClaim(t, "w-c1", "c1")).ref);
  await send(t, "c1", "planned", { scheduledFor: START + 5_000 });
  pass(5_000);
  await mustClaim(t, "w-c1", "c1");
  expect(await redrive(t)).toMatchObject({ redriven: 1 });
  expect(await messageRow(t, dead)).toMatchObject({ scheduledFor: START + 5_001 });
  await expectConsistent(t, 2);
});

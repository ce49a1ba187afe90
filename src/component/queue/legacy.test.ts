/** Rows that 3.x wrote: taken over by whatever touches them first, without losing or counting anything twice. */
import { describe, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import {
  claim,
  complete,
  conversationRow,
  expectConsistent,
  fail,
  handBack,
  legacyConversation,
  messageRow,
  mustClaim,
  newWorker,
  pass,
  queueTest,
  send,
  START,
  useTestClock,
  type T,
} from "./setup.test.js";

useTestClock();

const HELD = { workerId: "old", leaseId: "old-lease", leaseExpiresAt: START + 60_000 };

const stats = async (t: T) => await t.query(api.lib.queueStats, {});

describe("a conversation of 3.x with three waiting messages", () => {
  test("keeps their order when a new message is enqueued", async () => {
    const t = await queueTest();
    const { queued } = await legacyConversation(t, "c1", { queued: 3 });
    const fresh = await send(t, "c1", "new");
    expect(await conversationRow(t, "c1")).toMatchObject({
      state: "ready",
      queuedCount: 4,
      headMessageId: queued[0],
    });
    for (const id of [...queued, fresh]) {
      const job = await mustClaim(t, "w1");
      expect(job.messageId).toBe(id);
      expect(await complete(t, job.ref)).toBe(true);
    }
    expect(await claim(t, "w1")).toBeNull();
    await expectConsistent(t, 4);
  });

  test("is claimed by a worker that names it", async () => {
    const t = await queueTest();
    const { queued } = await legacyConversation(t, "c1", { queued: 3 });
    expect(await mustClaim(t, "w1", "c1")).toMatchObject({ messageId: queued[0] });
    expect(await conversationRow(t, "c1")).toMatchObject({ state: "leased", queuedCount: 2 });
    await expectConsistent(t, 3);
  });

  test("is found by a free worker after the takeover", async () => {
    const t = await queueTest();
    const { queued } = await legacyConversation(t, "c1", { queued: 3 });
    await t.mutation(internal.retention.sweeper.run, {});
    expect(await mustClaim(t, "w1")).toMatchObject({ messageId: queued[0] });
    await expectConsistent(t, 3);
  });

  test("counts right when one of them is skipped", async () => {
    const t = await queueTest();
    const { queued } = await legacyConversation(t, "c1", { queued: 3 });
    expect(await t.mutation(api.lib.skipMessage, { messageId: queued[0]! })).toBe(true);
    expect(await conversationRow(t, "c1")).toMatchObject({
      state: "ready",
      queuedCount: 2,
      headMessageId: queued[1],
    });
    await expectConsistent(t, 3);
  });

  test("is paused and resumed", async () => {
    const t = await queueTest();
    const { queued } = await legacyConversation(t, "c1", { queued: 3 });
    expect(await t.mutation(api.lib.pauseConversation, { conversationId: "c1" })).toBe(true);
    expect(await conversationRow(t, "c1")).toMatchObject({ state: "paused", queuedCount: 3 });
    expect(await t.mutation(api.lib.resumeConversation, { conversationId: "c1" })).toBe(true);
    expect(await mustClaim(t, "w1")).toMatchObject({ messageId: queued[0] });
    await expectConsistent(t, 3);
  });

  test("counts right when a dead letter of it is redriven", async () => {
    const t = await queueTest();
    const { queued, dead } = await legacyConversation(t, "c1", { queued: 2, dead: 1 });
    expect(await t.mutation(api.lib.redriveDeadLetters, { messageId: dead[0]! })).toEqual({
      redriven: 1,
      more: false,
    });
    expect(await conversationRow(t, "c1")).toMatchObject({
      state: "ready",
      queuedCount: 3,
      headMessageId: queued[0],
    });
    await expectConsistent(t, 3);
  });
});

describe("a message of 3.x that was leased during the upgrade", () => {
  const upgraded = async () => {
    const t = await queueTest();
    await newWorker(t, "old", { load: 1 });
    const legacy = await legacyConversation(t, "c1", { queued: 2, processing: HELD });
    if (legacy.held === undefined) throw new Error("not held");
    return {
      t,
      queued: legacy.queued,
      held: legacy.held,
      ref: { workerId: "old", messageId: legacy.held, leaseId: HELD.leaseId },
    };
  };

  test("is completed by its worker", async () => {
    const { t, ref, queued } = await upgraded();
    expect(await complete(t, ref)).toBe(true);
    const row = await conversationRow(t, "c1");
    expect(row).toMatchObject({ state: "ready", queuedCount: 2, headMessageId: queued[0] });
    expect(row.processingLock).toBeUndefined();
    await expectConsistent(t, 3);
  });

  test.each([true, false])("fails, retryable %s", async (retryable) => {
    const { t, ref, held, queued } = await upgraded();
    await fail(t, ref, { retryable });
    expect(await conversationRow(t, "c1")).toMatchObject({
      state: retryable ? "waiting" : "ready",
      queuedCount: retryable ? 3 : 2,
      headMessageId: retryable ? held : queued[0],
    });
    await expectConsistent(t, 3);
  });

  test("is handed back", async () => {
    const { t, ref, held } = await upgraded();
    expect(await handBack(t, ref)).toBe(true);
    expect(await conversationRow(t, "c1")).toMatchObject({ queuedCount: 3, headMessageId: held });
    await expectConsistent(t, 3);
  });

  test("blocks the others until its lease ends, then waits for its retry", async () => {
    const { t, held } = await upgraded();
    expect(await claim(t, "w2", "c1")).toBeNull();
    expect(await conversationRow(t, "c1")).toMatchObject({ state: "leased", queuedCount: 2 });
    pass(60_001);
    expect(await t.mutation(api.lib.releaseStuckJobs, {})).toEqual({
      requeued: 1,
      unlocked: 1,
      deadLettered: 0,
    });
    expect(await messageRow(t, held)).toMatchObject({ status: "queued", attempts: 1 });
    expect(await conversationRow(t, "c1")).toMatchObject({ queuedCount: 3, headMessageId: held });
    await expectConsistent(t, 3);
  });

  test("and lacks lease fields goes back to the queue", async () => {
    const t = await queueTest();
    const { queued } = await legacyConversation(t, "c1", { queued: 1 });
    await t.run(
      async (ctx) => await ctx.db.patch("messageQueue", queued[0]!, { status: "processing" }),
    );
    expect(await t.mutation(api.lib.releaseStuckJobs, {})).toMatchObject({ requeued: 1 });
    expect(await messageRow(t, queued[0]!)).toMatchObject({ status: "queued", attempts: 1 });
    await expectConsistent(t, 1);
  });
});

describe("the counters", () => {
  test("know the messages of 3.x after the takeover", async () => {
    const t = await queueTest();
    await legacyConversation(t, "c1", { queued: 3, dead: 2, processing: HELD });
    await t.mutation(internal.retention.sweeper.run, {});
    expect(await stats(t)).toEqual({ queuedReady: 3, processing: 1, deadLetter: 2 });
    await t.mutation(internal.retention.sweeper.run, {});
    expect(await stats(t)).toEqual({ queuedReady: 3, processing: 1, deadLetter: 2 });
  });

  test("count a message of 3.x once, also when it moved before the takeover", async () => {
    const t = await queueTest();
    const { dead } = await legacyConversation(t, "c1", { queued: 3, dead: 2 });
    const { ref } = await mustClaim(t, "w1", "c1");
    await complete(t, ref);
    await mustClaim(t, "w1", "c1");
    await t.mutation(api.lib.redriveDeadLetters, { messageId: dead[0]! });
    await t.mutation(internal.retention.sweeper.run, {});
    expect(await stats(t)).toEqual({ queuedReady: 2, processing: 1, deadLetter: 1 });
  });

  test("a done message of 3.x is deleted after its time", async () => {
    const t = await queueTest();
    const { queued } = await legacyConversation(t, "c1", { queued: 1 });
    await t.run(async (ctx) => await ctx.db.patch("messageQueue", queued[0]!, { status: "done" }));
    await t.mutation(internal.retention.sweeper.run, {});
    expect(await messageRow(t, queued[0]!)).toMatchObject({ status: "done" });
    pass(31 * 24 * 3_600_000);
    await t.mutation(internal.retention.sweeper.run, {});
    await expectConsistent(t, 0);
  });
});

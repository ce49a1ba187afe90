import { describe, expect, test, vi } from "vitest";
import { api } from "../_generated/api.js";
import type { Id } from "../kit/functions.js";
import {
  claim,
  complete,
  conversationRow,
  expectConsistent,
  fail,
  heartbeat,
  messageRow,
  mustClaim,
  newWorker,
  pass,
  queueTest,
  readRows,
  refusal,
  send,
  START,
  useTestClock,
  workerRow,
} from "./setup.test.js";

useTestClock();

const LEASE_MS = 360_000;
const assignedTo = (conversationId: string) => ({
  assignment: { conversationId, agentKey: "default", leaseId: "", assignedAt: START },
});

describe("a claim", () => {
  test("wakes the scheduler for the end of its lease, whoever made it", async () => {
    const t = await queueTest();
    await send(t, "c1");
    // As after the pass that the arrival asked for: nothing else would come by.
    await t.run(async (ctx) => {
      const state = await ctx.db.query("schedulerState").first();
      if (state !== null)
        await ctx.db.patch("schedulerState", state._id, {
          wakeAt: undefined,
          wakeFunctionId: undefined,
        });
    });
    await mustClaim(t, "self-announced");
    const state = await t.run(async (ctx) => await ctx.db.query("schedulerState").first());
    expect(state?.wakeAt).toBe(START + LEASE_MS + 1_000);
  });

  test("leases the head to the worker and writes it on all three rows", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1", "hi");
    await newWorker(t, "w1", { scheduledShutdownAt: START + 5, heartbeatAt: START - 9 });
    const job = await mustClaim(t, "w1");
    expect(job).toMatchObject({
      messageId,
      conversationId: "c1",
      agentKey: "default",
      leaseExpiresAt: START + LEASE_MS,
      payload: { messageText: "hi", metadata: { providerUserId: "user-1" } },
    });
    expect(job.leaseId).toMatch(/^1800000000000-[0-9a-z]{8}$/);
    expect(await messageRow(t, messageId)).toMatchObject({
      status: "processing",
      claimedBy: "w1",
      leaseId: job.leaseId,
      leaseExpiresAt: job.leaseExpiresAt,
      deliveries: 1,
      attempts: 0,
      leasedAt: START,
    });
    expect(await conversationRow(t, "c1")).toMatchObject({
      state: "leased",
      ownerWorkerId: "w1",
      generation: 1,
      queuedCount: 0,
      processingLock: {
        leaseId: job.leaseId,
        workerId: "w1",
        leaseExpiresAt: job.leaseExpiresAt,
        heartbeatAt: START,
        claimedMessageId: messageId,
      },
    });
    const worker = await workerRow(t, "w1");
    expect(worker).toMatchObject({
      load: 1,
      heartbeatAt: START,
      lastClaimAt: START,
      assignment: { conversationId: "c1", agentKey: "default", leaseId: job.leaseId },
    });
    expect(worker.scheduledShutdownAt).toBeUndefined();
    await expectConsistent(t, 1);
  });

  test("repeated by the holder returns the same job, whatever it names", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await send(t, "c1");
    const { ref: _ref, ...job } = await mustClaim(t, "w1");
    const before = await readRows(t);
    expect(await claim(t, "w1")).toEqual(job);
    expect(await claim(t, "w1", "c1")).toEqual(job);
    expect(await readRows(t)).toEqual(before);
    pass(1_000);
    await heartbeat(t, {
      workerId: "w1",
      messageId: job.messageId as Id<"messageQueue">,
      leaseId: job.leaseId,
    });
    expect(await claim(t, "w1")).toEqual({ ...job, leaseExpiresAt: START + 1_000 + LEASE_MS });
  });

  test("registers an unknown worker", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await mustClaim(t, "stranger");
    expect(await workerRow(t, "stranger")).toMatchObject({
      provider: "fly",
      status: "active",
      load: 1,
      heartbeatAt: START,
      lastClaimAt: START,
      capabilities: [],
    });
  });

  test("of nothing registers nobody and writes nothing", async () => {
    const t = await queueTest();
    expect(await claim(t, "stranger")).toBeNull();
    expect(await claim(t, "stranger", "unknown")).toBeNull();
    expect((await readRows(t)).workers).toEqual([]);
  });

  test.each([
    ["", "blank"],
    ["  ", "blank"],
    ["w".repeat(513), "huge"],
  ])("by a worker with the id %#: refused", async (workerId) => {
    const t = await queueTest();
    await send(t, "c1");
    const refused = await refusal(claim(t, workerId));
    expect(refused).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "workerId must have 1 to 512 characters.",
    });
    expect((await readRows(t)).workers).toEqual([]);
  });

  test.each(["draining", "stopping", "stopped"] as const)(
    "by a %s worker gets nothing, not even its own conversation",
    async (status) => {
      const t = await queueTest();
      await send(t, "c1");
      await newWorker(t, "w1", { status, ...assignedTo("c1") });
      expect(await claim(t, "w1")).toBeNull();
      expect(await claim(t, "w1", "c1")).toBeNull();
      await expectConsistent(t, 1);
    },
  );

  test("by a worker that is assigned elsewhere gets nothing", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await newWorker(t, "w1", assignedTo("c2"));
    expect(await claim(t, "w1", "c1")).toBeNull();
    expect(await claim(t, "w1")).toBeNull();
  });

  test("of a leased conversation gets nothing", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await send(t, "c1");
    await mustClaim(t, "w1");
    expect(await claim(t, "w2", "c1")).toBeNull();
    expect(await claim(t, "w2")).toBeNull();
  });

  test("refreshes an idle worker's heartbeat at most once a minute", async () => {
    const t = await queueTest();
    await newWorker(t, "w1");
    const beats = async () =>
      await t.run(async (ctx) => await ctx.db.query("workerHeartbeats").take(10));
    await claim(t, "w1");
    expect(await beats()).toMatchObject([{ workerId: "w1", heartbeatAt: START }]);
    pass(59_999);
    await claim(t, "w1");
    expect(await beats()).toMatchObject([{ heartbeatAt: START }]);
    pass(1);
    await claim(t, "w1");
    expect(await beats()).toMatchObject([{ heartbeatAt: START + 60_000 }]);
  });
});

describe("ownership", () => {
  test("keeps a conversation with its worker while that lives", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await complete(t, (await mustClaim(t, "w1")).ref);
    await send(t, "c1");
    expect(await claim(t, "w2", "c1")).toBeNull();
    expect(await claim(t, "w2")).toBeNull();
    expect(await claim(t, "w1")).not.toBeNull();
  });

  test("passes to another worker when the owner gave no sign of life for staleAfterMs", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await complete(t, (await mustClaim(t, "w1")).ref);
    await send(t, "c1");
    pass(420_000 - 1);
    expect(await claim(t, "w2", "c1")).toBeNull();
    pass(1);
    await mustClaim(t, "w2", "c1");
    expect(await conversationRow(t, "c1")).toMatchObject({ ownerWorkerId: "w2", generation: 2 });
    expect(await claim(t, "w1")).toBeNull();
    await expectConsistent(t, 2);
  });

  test.each(["draining", "stopping"] as const)(
    "waits for the final snapshot of a %s owner",
    async (status) => {
      const t = await queueTest();
      await send(t, "c1");
      await complete(t, (await mustClaim(t, "w1")).ref);
      await send(t, "c1");
      const worker = await workerRow(t, "w1");
      await t.run(async (ctx) => await ctx.db.patch("workers", worker._id, { status }));
      pass(3_600_000);
      expect(await claim(t, "w2", "c1")).toBeNull();
    },
  );

  test("of a worker that is gone does not matter", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await complete(t, (await mustClaim(t, "w1")).ref);
    await send(t, "c1");
    const worker = await workerRow(t, "w1");
    await t.run(async (ctx) => await ctx.db.delete("workers", worker._id));
    expect(await claim(t, "w2", "c1")).not.toBeNull();
  });
});

describe("order", () => {
  test("inside a conversation is arrival, whatever the priorities", async () => {
    const t = await queueTest();
    const ids = [];
    for (const priority of [10, 100, 0, 50]) ids.push(await send(t, "c1", "x", { priority }));
    for (const id of ids) {
      const job = await mustClaim(t, "w1");
      expect(job.messageId).toBe(id);
      await complete(t, job.ref);
    }
    await expectConsistent(t, 4);
  });

  test("a message in back-off blocks its conversation, not the others", async () => {
    const t = await queueTest();
    const first = await send(t, "c1");
    await send(t, "c1");
    const other = await send(t, "c2");
    const { ref } = await mustClaim(t, "w1", "c1");
    const { nextScheduledFor } = await fail(t, ref);
    expect(await claim(t, "w1")).toBeNull();
    expect((await mustClaim(t, "w2")).messageId).toBe(other);
    pass((nextScheduledFor ?? 0) - Date.now() - 1);
    expect(await claim(t, "w1")).toBeNull();
    pass(1);
    expect((await mustClaim(t, "w1")).messageId).toBe(first);
    await expectConsistent(t, 3);
  });

  test("between conversations is priority, with age", async () => {
    const t = await queueTest();
    await send(t, "old", "x", { priority: 40 });
    pass(70_000);
    await send(t, "normal", "x", { priority: 50 });
    await send(t, "urgent", "x", { priority: 90 });
    const order = [];
    for (const worker of ["w1", "w2", "w3"])
      order.push((await mustClaim(t, worker)).conversationId);
    expect(order).toEqual(["urgent", "old", "normal"]);
  });

  test("a conversation has the priority of the highest message that waits in it", async () => {
    const t = await queueTest();
    await send(t, "c1", "x", { priority: 10 });
    await send(t, "c2", "x", { priority: 50 });
    await send(t, "c1", "y", { priority: 90 });
    expect((await mustClaim(t, "w1")).conversationId).toBe("c1");
  });

  test.each([25, 5_000])(
    "%i due messages of a busy conversation hide nobody else's message",
    async (backlog) => {
      const t = await queueTest();
      for (let n = 0; n < Math.min(backlog, 50); n++) await send(t, "busy", "x", { priority: 100 });
      const head = await conversationRow(t, "busy");
      // The rest straight into the tables, as enqueue would have written it.
      await t.run(async (ctx) => {
        for (let n = 50; n < backlog; n++)
          await ctx.db.insert("messageQueue", {
            conversationId: "busy",
            agentKey: "default",
            payload: { provider: "x", providerUserId: "u", messageText: "x" },
            status: "queued",
            priority: 100,
            scheduledFor: START,
            attempts: 0,
            maxAttempts: 5,
            deliveries: 0,
            enqueuedAt: START,
          });
        await ctx.db.patch("conversations", head._id, { queuedCount: backlog });
      });
      const other = await send(t, "other", "x", { priority: 0 });
      expect((await mustClaim(t, "sticky", "other")).messageId).toBe(other);
      await complete(t, (await mustClaim(t, "sticky")).ref);
      await send(t, "third", "x", { priority: 0 });
      const served = [await mustClaim(t, "free1"), await mustClaim(t, "free2")];
      expect(served.map((job) => job.conversationId).sort()).toEqual(["busy", "third"]);
      await expectConsistent(t, backlog + 2);
    },
    60_000,
  );

  test("many free workers serve a long backlog without meeting", async () => {
    const t = await queueTest();
    for (let i = 0; i < 60; i++) await send(t, `c${i}`);
    const served = new Set<string>();
    for (let i = 0; i < 60; i++) served.add((await mustClaim(t, `w${i}`)).conversationId);
    expect(served.size).toBe(60);
    expect(await claim(t, "late")).toBeNull();
    await expectConsistent(t, 60);
  });

  test("what belongs to other workers hides nothing from a free one", async () => {
    const t = await queueTest();
    for (let i = 0; i < 20; i++) {
      await send(t, `c${i}`);
      await complete(t, (await mustClaim(t, `w${i}`, `c${i}`)).ref);
    }
    for (let i = 0; i < 10; i++) await send(t, `c${i}`, "x", { priority: 100 });
    for (let i = 10; i < 20; i++) await send(t, `c${i}`, "x", { scheduledFor: START + 500 });
    const messageId = await send(t, "free", "x", { priority: 0, scheduledFor: START + 1_000 });
    pass(1_000);
    expect((await mustClaim(t, "newcomer")).messageId).toBe(messageId);
    const second = await send(t, "free too", "x", { priority: 0 });
    expect((await mustClaim(t, "another")).messageId).toBe(second);
    await expectConsistent(t, 42);
  });

  test("heads that became due are served before a pass promotes them", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1", "x", { scheduledFor: START + 1_000 });
    expect(await claim(t, "w1")).toBeNull();
    pass(1_000);
    expect((await mustClaim(t, "w1")).messageId).toBe(messageId);
  });
});

describe("an expired lease", () => {
  test("is ended by the next claim, with its charge, and the worker is told to stop", async () => {
    const t = await queueTest();
    const messageId = await send(t, "c1");
    await mustClaim(t, "w1");
    pass(LEASE_MS + 1);
    expect(await claim(t, "w2", "c1")).toBeNull();
    expect(await messageRow(t, messageId)).toMatchObject({
      status: "queued",
      attempts: 1,
      deliveries: 1,
      lastError: "Lease expired while processing",
    });
    expect(await workerRow(t, "w1")).toMatchObject({ status: "draining", load: 0 });
    expect((await workerRow(t, "w1")).heartbeatAt).toBe(START);
    expect(await conversationRow(t, "c1")).not.toHaveProperty("ownerWorkerId");
    pass(2_000);
    expect((await mustClaim(t, "w2", "c1")).messageId).toBe(messageId);
    await expectConsistent(t, 1);
  });

  test("of its own does not give the worker another job", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await mustClaim(t, "w1");
    pass(LEASE_MS + 1);
    expect(await claim(t, "w1")).toBeNull();
    expect(await workerRow(t, "w1")).toMatchObject({ status: "draining" });
    await expectConsistent(t, 1);
  });

  test("parks a message that kills its worker every time after maxAttempts deliveries", async () => {
    const t = await queueTest();
    const poison = await send(t, "c1", "poison", { maxAttempts: 3 });
    const next = await send(t, "c1", "next");
    for (let round = 1; round <= 3; round++) {
      expect((await mustClaim(t, `victim${round}`)).messageId).toBe(poison);
      pass(LEASE_MS + 1);
      expect(await t.mutation(api.lib.releaseStuckJobs, {})).toEqual(
        round < 3
          ? { requeued: 1, unlocked: 1, deadLettered: 0 }
          : { requeued: 0, unlocked: 1, deadLettered: 1 },
      );
      pass(120_000);
    }
    expect(await messageRow(t, poison)).toMatchObject({
      status: "dead_letter",
      attempts: 3,
      deliveries: 3,
      deadLetteredAt: expect.any(Number) as number,
    });
    expect((await mustClaim(t, "survivor")).messageId).toBe(next);
    await expectConsistent(t, 2);
  });

  test.each([Number.NaN, 0, -5, 1e12, undefined])(
    "is swept also with the limit %s",
    async (limit) => {
      const t = await queueTest();
      await send(t, "c1");
      await mustClaim(t, "w1");
      pass(LEASE_MS + 1);
      const report = await t.mutation(
        api.lib.releaseStuckJobs,
        limit === undefined ? {} : { limit },
      );
      expect(report).toEqual({ requeued: 1, unlocked: 1, deadLettered: 0 });
      await expectConsistent(t, 1);
    },
  );

  test("is swept up to the limit, the longest expired first", async () => {
    const t = await queueTest();
    const ids = [];
    for (let i = 0; i < 3; i++) {
      ids.push(await send(t, `c${i}`));
      await mustClaim(t, `w${i}`, `c${i}`);
      pass(1_000);
    }
    pass(LEASE_MS);
    const report = await t.mutation(api.lib.releaseStuckJobs, { limit: 2 });
    expect(report.requeued).toBe(2);
    expect(await messageRow(t, ids[2]!)).toMatchObject({ status: "processing" });
  });
});

test("nothing that is scheduled here disturbs a deployment without a provider", async () => {
  const t = await queueTest();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const messageId = await send(t, "c1");
  await t.run(async (ctx) => {
    for (const f of await ctx.db.system.query("_scheduled_functions").take(10))
      await ctx.scheduler.cancel(f._id);
  });
  const report = await t.action(api.lib.reconcileWorkers, { workspaceId: "default" });
  expect(report).toMatchObject({ spawned: 0, terminated: 0 });
  expect((await mustClaim(t, "w1")).messageId).toBe(messageId);
  await expectConsistent(t, 1);
});

/** What one batch of a broadcast costs, whatever the size of its audience, and whom pushes leave out. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DAY_MS, HOUR_MS } from "../../shared/time.js";
import { api, internal } from "../_generated/api.js";
import type { Id } from "../kit/functions.js";
import { initTest, newAgent, type T } from "../setup.test.js";
import { dispatches, jobOf, newJob, NOW, queued, runUntil, startWithUser } from "./push.fixture.js";
import { DISPATCH_RETENTION_MS, FAN_OUT_BATCH_SIZE } from "./validators.js";

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(NOW);
});
afterEach(() => vi.useRealTimers());

const keyOf = (n: number) => `x-${String(n).padStart(6, "0")}`;

async function addAgents(t: T, from: number, until: number): Promise<void> {
  await t.run(async (ctx) => {
    for (let n = from; n < until; n++)
      await ctx.db.insert("agentProfiles", {
        agentKey: keyOf(n),
        version: "1",
        secretsRef: [],
        enabled: true,
        companyId: "x",
      });
  });
}

/** A broadcast that has reached the agents before `at`. */
async function broadcastAt(t: T, at: number): Promise<Id<"messagePushBroadcasts">> {
  return await t.run(
    async (ctx) =>
      await ctx.db.insert("messagePushBroadcasts", {
        companyId: "x",
        title: "Hello",
        text: "World",
        target: "all_active_agents",
        requestedBy: "boss",
        requestedAt: NOW,
        status: "running",
        totalTargets: at,
        enqueuedCount: at,
        failedCount: 0,
        cursor: { group: "company", afterAgentKey: at === 0 ? "" : keyOf(at - 1) },
      }),
  );
}

async function batchFrom(t: T, at: number) {
  const broadcastId = await broadcastAt(t, at);
  const cost = await t.mutation(async (ctx) => {
    await ctx.runMutation(internal.push.broadcaster.run, { broadcastId });
    const { documentsRead, documentsWritten } = await ctx.meta.getTransactionMetrics();
    return { reads: documentsRead.used, writes: documentsWritten.used };
  });
  const row = await t.run(async (ctx) => await ctx.db.get("messagePushBroadcasts", broadcastId));
  return { cost, reached: row!.enqueuedCount - at, status: row!.status };
}

describe("a batch of a broadcast", () => {
  test("costs the same at the beginning of 1,000 agents and deep in 2,000, within a transaction", async () => {
    const t = initTest();
    await addAgents(t, 0, 10);
    const ten = await batchFrom(t, 0);
    expect(ten).toMatchObject({ reached: 10, status: "done" });
    await addAgents(t, 10, 1_000);
    // Conversations and receipts of the first ones exist: measured are agents that were never written to.
    const early = await batchFrom(t, 100);
    expect(early).toMatchObject({ reached: FAN_OUT_BATCH_SIZE, status: "running" });
    await addAgents(t, 1_000, 2_000);
    const deep = await batchFrom(t, 1_500);
    expect(deep).toEqual(early);
    const last = await batchFrom(t, 1_950);
    expect(last).toMatchObject({ reached: 50, status: "done" });
    for (const kind of ["reads", "writes"] as const) {
      // A few documents of the batch itself, and the same for each agent.
      const perAgent = (early.cost[kind] - ten.cost[kind]) / (FAN_OUT_BATCH_SIZE - 10);
      expect(Math.abs(last.cost[kind] - ten.cost[kind] - 40 * perAgent)).toBeLessThanOrEqual(4);
    }
    // Convex allows 32,000 documents read and 16,000 written.
    expect(early.cost.reads).toBeLessThan(3_200);
    expect(early.cost.writes).toBeLessThan(1_600);
  });
});

describe("a push", () => {
  test("to a chat that the bot may not write to is skipped with the reason, until it may again", async () => {
    const t = await startWithUser();
    await newAgent(t, "b");
    await t.mutation(api.lib.bindUserAgent, {
      consumerUserId: "bob",
      agentKey: "b",
      botIdentity: "77",
      telegramChatId: "5",
      telegramUserId: "5",
    });
    const jobId = await newJob(t, { consumerUserId: "bob" });
    const block = await t.run(
      async (ctx) =>
        await ctx.db.insert("telegramBlockedChats", {
          botIdentity: "77",
          telegramChatId: "5",
          reason: "Forbidden: bot was blocked by the user",
          since: NOW,
        }),
    );
    await runUntil(t, NOW + HOUR_MS);
    expect(await queued(t)).toEqual([]);
    expect(await dispatches(t)).toMatchObject([
      { status: "skipped", error: "Telegram refuses messages to the user's chat", agentKey: "b" },
    ]);
    expect((await jobOf(t, jobId)).nextRunAt).toBe(NOW + HOUR_MS + DAY_MS);
    await t.run(async (ctx) => await ctx.db.delete("telegramBlockedChats", block));
    const report = await t.mutation(api.lib.dispatchDuePushJobs, {
      nowMs: NOW + HOUR_MS + DAY_MS,
    });
    expect(report).toEqual({ scanned: 1, enqueued: 1, skipped: 0, failed: 0 });
    expect(await queued(t)).toMatchObject([
      { payload: { provider: "telegram", metadata: { telegramChatId: "5", botIdentity: "77" } } },
    ]);
  });
});

test("runs and receipts go after 90 days, batch by batch; jobs, counts and newer runs stay", async () => {
  const t = await startWithUser();
  const jobId = await newJob(t);
  await t.mutation(api.lib.triggerPushJobNow, { jobId });
  const broadcastId = await broadcastAt(t, 0);
  await t.run(async (ctx) => {
    for (let n = 0; n < 60; n++) {
      const createdAt = NOW - DISPATCH_RETENTION_MS - n;
      await ctx.db.insert("messagePushDispatches", {
        jobId,
        consumerUserId: "ada",
        agentKey: "a",
        runKey: `old${n}`,
        scheduledFor: createdAt,
        status: "enqueued",
        createdAt,
      });
      await ctx.db.insert("messagePushBroadcastDispatches", {
        broadcastId,
        consumerUserId: `agent:${n}`,
        agentKey: `${n}`,
        runKey: `r${n}`,
        status: "enqueued",
        createdAt: n === 0 ? NOW : createdAt,
      });
    }
  });
  expect(await t.mutation(internal.retention.sweeper.run, {})).toEqual({ more: true });
  expect((await dispatches(t)).length).toBe(11);
  await t.mutation(internal.retention.sweeper.run, {});
  expect((await dispatches(t)).map((run) => run.createdAt)).toEqual([NOW]);
  const receipts = await t.query(api.lib.listBroadcastReceipts, { broadcastId });
  expect(receipts.map((receipt) => receipt.agentKey)).toEqual(["0"]);
  expect((await jobOf(t, jobId)).nextRunAt).toBe(NOW + HOUR_MS);
  const who = { consumerUserId: "ada", agentKey: "a" };
  expect(await t.query(api.lib.getUserAgentPushStats, who)).toMatchObject({ totalDispatches: 1 });
});

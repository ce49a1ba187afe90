/** 5,000 due jobs: all dispatched, each once, in bounded transactions. */
import { afterEach, expect, test, vi } from "vitest";
import { DAY_MS } from "../../shared/time.js";
import { api } from "../_generated/api.js";
import type { T } from "../setup.test.js";
import { daily, NOW, startWithUser } from "./push.fixture.js";

afterEach(() => vi.useRealTimers());

const JOBS = 5_000;
/**
 * Due rows in the database at a time. The test's backend walks every row of every table for each read, so the rows
 * arrive in waves; a dispatch looks at the first of them and at the next one only, which is measured here too. With
 * PUSH_SCALE_FULL=1 all are there at once.
 */
const WAVE = process.env.PUSH_SCALE_FULL === "1" ? JOBS : 250;

async function arrive(t: T, from: number, until: number): Promise<void> {
  await t.run(async (ctx) => {
    for (let i = from; i < Math.min(until, JOBS); i++)
      await ctx.db.insert("messagePushJobs", {
        companyId: "c1",
        consumerUserId: "ada",
        agentKey: "a",
        title: "t",
        text: `text ${i}`,
        periodicity: "daily",
        timezone: "Europe/Rome",
        schedule: daily("10:00"),
        enabled: true,
        nextRunAt: NOW,
        createdAt: 0,
        updatedAt: 0,
      });
  });
}

/** Takes what was sent, and the jobs that have moved on, out of the database. */
async function takeOut(t: T) {
  return await t.run(async (ctx) => {
    const runs = await ctx.db.query("messagePushDispatches").take(1_000);
    const messages = await ctx.db.query("messageQueue").take(1_000);
    const texts = messages.map((message) => message.payload.messageText);
    const moved = [];
    for (const run of runs) {
      const job = await ctx.db.get("messagePushJobs", run.jobId);
      moved.push(job?.nextRunAt);
      await ctx.db.delete("messagePushJobs", run.jobId);
      await ctx.db.delete("messagePushDispatches", run._id);
    }
    for (const message of messages) await ctx.db.delete("messageQueue", message._id);
    for (const event of await ctx.db.query("messageEvents").take(1_000))
      await ctx.db.delete("messageEvents", event._id);
    return { runs: runs.map((run) => run.runKey), texts, moved };
  });
}

test(
  "5,000 jobs that are due in one tick are all dispatched once",
  { timeout: 300_000 },
  async () => {
    const t = await startWithUser();
    let arrived = WAVE;
    await arrive(t, 0, arrived);
    const report = await t.mutation(api.lib.dispatchDuePushJobs, {});
    expect(report).toEqual({ scanned: 200, enqueued: 200, skipped: 0, failed: 0 });

    const runs: string[] = [];
    const texts: string[] = [];
    const moved = new Set<number | undefined>();
    let transactions = 1;
    for (let sent = await takeOut(t); sent.runs.length > 0; sent = await takeOut(t)) {
      runs.push(...sent.runs);
      texts.push(...sent.texts);
      for (const nextRunAt of sent.moved) moved.add(nextRunAt);
      await arrive(t, arrived, arrived + sent.runs.length);
      arrived += sent.runs.length;
      transactions += 1;
      vi.advanceTimersByTime(1);
      await t.finishInProgressScheduledFunctions();
    }
    expect(runs.length).toBe(JOBS);
    expect(new Set(runs).size).toBe(JOBS);
    expect(new Set(texts).size).toBe(JOBS);
    expect(transactions).toBe(1 + 4_800 / 100 + 1);
    expect([...moved]).toEqual([NOW + DAY_MS]);
    expect(Date.now() - NOW).toBeLessThan(100);
  },
);

test("a dispatch reads and writes the same, whether 300 jobs are due or 5,000", async () => {
  const t = await startWithUser();
  const dispatch = async () =>
    await t.mutation(async (ctx) => {
      await ctx.runMutation(api.lib.dispatchDuePushJobs, { limit: 5 });
      const { documentsRead, documentsWritten } = await ctx.meta.getTransactionMetrics();
      return { reads: documentsRead.used, writes: documentsWritten.used };
    });
  await arrive(t, 0, 300);
  await dispatch();
  const few = await dispatch();
  await arrive(t, 300, JOBS);
  expect(await dispatch()).toEqual(few);
  // Far from what a transaction may read, at the largest number of jobs in one.
  expect((few.reads / 5) * 200).toBeLessThan(8_000);
});

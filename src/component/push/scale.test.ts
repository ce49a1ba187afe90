/** 5,000 due jobs: all dispatched, each once, in bounded transactions. */
import { afterEach, expect, test, vi } from "vitest";
import { api } from "../_generated/api.js";
import type { T } from "../setup.test.js";
import { daily, NOW, startWithUser } from "./push.fixture.js";

afterEach(() => vi.useRealTimers());

const JOBS = 5_000;

/** Takes what was sent out of the database, which the test's backend would otherwise scan for every read. */
async function takeOut(t: T) {
  return await t.run(async (ctx) => {
    const runs = await ctx.db.query("messagePushDispatches").take(1_000);
    const messages = await ctx.db.query("messageQueue").take(1_000);
    for (const run of runs) await ctx.db.delete("messagePushDispatches", run._id);
    for (const message of messages) await ctx.db.delete("messageQueue", message._id);
    for (const event of await ctx.db.query("messageEvents").take(1_000))
      await ctx.db.delete("messageEvents", event._id);
    return { runs: runs.map((r) => r.runKey), texts: messages.map((m) => m.payload.messageText) };
  });
}

test(
  "5,000 jobs that are due in one tick are all dispatched once",
  { timeout: 300_000 },
  async () => {
    const t = await startWithUser();
    await t.run(async (ctx) => {
      for (let i = 0; i < JOBS; i++)
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
    const report = await t.mutation(api.lib.dispatchDuePushJobs, {});
    expect(report).toEqual({ scanned: 200, enqueued: 200, skipped: 0, failed: 0 });

    const runs: string[] = [];
    const texts: string[] = [];
    let transactions = 1;
    for (let sent = await takeOut(t); sent.runs.length > 0; sent = await takeOut(t)) {
      runs.push(...sent.runs);
      texts.push(...sent.texts);
      transactions += 1;
      vi.advanceTimersByTime(1);
      await t.finishInProgressScheduledFunctions();
    }
    expect(runs.length).toBe(JOBS);
    expect(new Set(runs).size).toBe(JOBS);
    expect(new Set(texts).size).toBe(JOBS);
    expect(transactions).toBe(1 + 4_800 / 100 + 1);
    // All are planned for tomorrow, within the same tick.
    const late = await t.run(
      async (ctx) =>
        await ctx.db
          .query("messagePushJobs")
          .withIndex("by_enabled_and_nextRunAt", (q) =>
            q.eq("enabled", true).lte("nextRunAt", Date.now()),
          )
          .take(1),
    );
    expect(late).toEqual([]);
  },
);

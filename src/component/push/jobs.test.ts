import { afterEach, describe, expect, test, vi } from "vitest";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../shared/time.js";
import { api } from "../_generated/api.js";
import { newAgent } from "../setup.test.js";
import {
  bind,
  daily,
  dispatches,
  jobOf,
  newJob,
  NOW,
  queued,
  runUntil,
  startWithUser,
} from "./push.fixture.js";

afterEach(() => vi.useRealTimers());
const NINE = NOW + HOUR_MS;

describe("a job", () => {
  test("is pushed at its minute without any cron, day after day", async () => {
    const t = await startWithUser();
    const jobId = await newJob(t);
    await runUntil(t, NINE - 1);
    expect(await queued(t)).toEqual([]);
    await runUntil(t, NINE);
    const [message] = await queued(t);
    expect(message).toMatchObject({
      conversationId: "user-agent:a:ada",
      payload: { provider: "system_push", providerUserId: "ada", messageText: "How are you?" },
    });
    const runKey = `scheduled:${jobId}:${NINE}`;
    expect(message!.payload.metadata).toMatchObject({
      pushJobId: jobId,
      runKey,
      pushMode: "scheduled",
      conversationTargetSource: "legacy_user",
    });
    expect(await jobOf(t, jobId)).toMatchObject({
      nextRunAt: NINE + DAY_MS,
      lastRunAt: NINE,
      lastRunKey: runKey,
    });
    await runUntil(t, NINE + DAY_MS - 1);
    await runUntil(t, NINE + DAY_MS);
    expect((await dispatches(t)).map((d) => d.scheduledFor)).toEqual([NINE, NINE + DAY_MS]);
  });

  test("made earlier than another moves the wake-up", async () => {
    const t = await startWithUser();
    await newJob(t, { time: "20:00" });
    await newJob(t, { time: "08:05", text: "early" });
    await runUntil(t, NOW + 5 * MINUTE_MS);
    expect((await queued(t)).map((m) => m.payload.messageText)).toEqual(["early"]);
  });

  test("late by days runs once, and goes on with the next slot to come", async () => {
    const t = await startWithUser();
    const jobId = await newJob(t);
    const late = NINE + 3 * DAY_MS + 5;
    const report = await t.mutation(api.lib.dispatchDuePushJobs, { nowMs: late });
    expect(report).toEqual({ scanned: 1, enqueued: 1, skipped: 0, failed: 0 });
    expect((await jobOf(t, jobId)).nextRunAt).toBe(NINE + 4 * DAY_MS);
  });

  test("runs once per slot, whoever asks", async () => {
    const t = await startWithUser();
    const jobId = await newJob(t);
    await t.mutation(api.lib.dispatchDuePushJobs, { nowMs: NINE });
    await t.run(async (ctx) => await ctx.db.patch("messagePushJobs", jobId, { nextRunAt: NINE }));
    const again = await t.mutation(api.lib.dispatchDuePushJobs, { nowMs: NINE });
    expect(again).toEqual({ scanned: 1, enqueued: 0, skipped: 1, failed: 0 });
    expect((await queued(t)).length).toBe(1);
    expect((await jobOf(t, jobId)).nextRunAt).toBe(NINE + DAY_MS);
  });

  test("that is edited or triggered while due keeps its slot", async () => {
    const t = await startWithUser();
    const jobId = await newJob(t);
    const due = NINE + 5;
    await t.mutation(api.lib.updatePushJob, { jobId, title: "renamed", nowMs: due });
    await t.mutation(api.lib.setPushJobEnabled, { jobId, enabled: true, nowMs: due });
    await t.mutation(api.lib.triggerPushJobNow, { jobId, nowMs: due });
    expect((await jobOf(t, jobId)).nextRunAt).toBe(NINE);
    await t.mutation(api.lib.dispatchDuePushJobs, { nowMs: due });
    expect((await dispatches(t)).map((d) => d.runKey).sort()).toEqual([
      `manual:${jobId}:${due}`,
      `scheduled:${jobId}:${NINE}`,
    ]);
  });

  test("of a revoked user is not pushed, and the next slot is planned", async () => {
    const t = await startWithUser();
    const jobId = await newJob(t);
    await t.mutation(api.lib.revokeUserAgentBinding, { consumerUserId: "ada" });
    await runUntil(t, NINE);
    expect(await queued(t)).toEqual([]);
    expect(await dispatches(t)).toMatchObject([
      { status: "failed", error: "No active agent binding for user" },
    ]);
    expect((await jobOf(t, jobId)).nextRunAt).toBe(NINE + DAY_MS);
    await expect(t.mutation(api.lib.triggerPushJobNow, { jobId })).rejects.toThrow(
      "No active agent binding for user",
    );
  });

  test("follows its user to another agent, unless it was made for one", async () => {
    const t = await startWithUser();
    await newAgent(t, "b");
    const free = await newJob(t);
    const { companyId, consumerUserId, title, text, periodicity, timezone, schedule } = await jobOf(
      t,
      free,
    );
    const rest = { companyId, consumerUserId, title, text, periodicity, timezone, schedule };
    const pinned = await t.mutation(api.lib.createPushJobCustomForAgent, {
      ...rest,
      agentKey: "a",
    });
    await bind(t, "ada", "b");
    await runUntil(t, NINE);
    expect((await queued(t)).map((m) => m.agentKey)).toEqual(["b"]);
    expect((await jobOf(t, free)).agentKey).toBe("b");
    const [run] = await t.query(api.lib.listPushDispatchesByJob, { jobId: pinned });
    expect(run).toMatchObject({
      status: "failed",
      error: "Agent key must match the current active binding for the user",
    });
  });

  test("that cannot run does not stop the others", async () => {
    const t = await startWithUser();
    const bad = await newJob(t);
    const worse = await newJob(t);
    const good = await newJob(t);
    await t.run(async (ctx) => {
      await ctx.db.patch("messagePushJobs", bad, { timezone: "Mars/Olympus" });
      await ctx.db.patch("messagePushJobs", worse, { text: "x".repeat(300 * 1024) });
    });
    const report = await t.mutation(api.lib.dispatchDuePushJobs, { nowMs: NINE });
    expect(report).toEqual({ scanned: 3, enqueued: 1, skipped: 0, failed: 2 });
    expect((await jobOf(t, bad)).nextRunAt).toBeUndefined();
    expect((await jobOf(t, worse)).nextRunAt).toBe(NINE + DAY_MS);
    expect((await jobOf(t, good)).nextRunAt).toBe(NINE + DAY_MS);
    const [run] = await t.query(api.lib.listPushDispatchesByJob, { jobId: worse });
    expect(run!.error).toContain("at most");
  });

  test("triggered twice with one key is one run", async () => {
    const t = await startWithUser();
    const jobId = await newJob(t, { enabled: false });
    const first = await t.mutation(api.lib.triggerPushJobNow, { jobId, idempotencyKey: "k" });
    vi.advanceTimersByTime(5);
    expect(await t.mutation(api.lib.triggerPushJobNow, { jobId, idempotencyKey: "k" })).toEqual(
      first,
    );
    expect((await queued(t)).length).toBe(1);
  });
});

describe("lists and counts", () => {
  test("show the newest runs, beyond the limit too", async () => {
    const t = await startWithUser();
    const jobId = await newJob(t);
    for (let i = 0; i < 60; i++)
      await t.mutation(api.lib.triggerPushJobNow, { jobId, nowMs: NOW + i });
    const runs = await t.query(api.lib.listPushDispatchesByJob, { jobId, limit: 3 });
    expect(runs.map((run) => run.createdAt)).toEqual([NOW + 59, NOW + 58, NOW + 57]);
    const who = { consumerUserId: "ada", agentKey: "a" };
    const ofAgent = await t.query(api.lib.listPushDispatchesForAgent, { ...who, limit: 1 });
    expect(ofAgent).toMatchObject([{ jobId, createdAt: NOW + 59 }]);
    expect(await t.query(api.lib.getUserAgentPushStats, who)).toEqual({
      totalPushJobs: 1,
      activePushJobs: 1,
      totalDispatches: 60,
      latestDispatchAt: NOW + 59,
    });
    await t.mutation(api.lib.setPushJobEnabled, { jobId, enabled: false });
    expect(await t.query(api.lib.getUserAgentPushStats, who)).toMatchObject({ activePushJobs: 0 });
    await t.mutation(api.lib.deletePushJob, { jobId });
    expect(await t.query(api.lib.getUserAgentPushStats, who)).toMatchObject({ totalPushJobs: 0 });
  });

  test("jobs newest first, disabled ones on request", async () => {
    const t = await startWithUser();
    const one = await newJob(t);
    vi.advanceTimersByTime(1);
    const two = await newJob(t, { enabled: false });
    const ids = async (includeDisabled?: boolean) =>
      (
        await t.query(api.lib.listPushJobsForUser, {
          consumerUserId: "ada",
          ...(includeDisabled === undefined ? {} : { includeDisabled }),
        })
      ).map((job) => job._id);
    expect(await ids()).toEqual([two, one]);
    expect(await ids(false)).toEqual([one]);
  });
});

describe("refusals", () => {
  const template = {
    companyId: "c1",
    templateKey: "k",
    title: "t",
    text: "x",
    periodicity: "daily" as const,
    suggestedTimes: [daily("07:30")],
    actorUserId: "boss",
  };
  const job = { companyId: "c1", consumerUserId: "ada", timezone: "UTC" };

  test("of templates", async () => {
    const t = await startWithUser();
    const templateId = await t.mutation(api.lib.createPushTemplate, template);
    await expect(t.mutation(api.lib.createPushTemplate, template)).rejects.toThrow(
      "Template key 'k' already exists for company",
    );
    await t.mutation(api.lib.createPushTemplate, { ...template, companyId: "c2" });
    await expect(
      t.mutation(api.lib.createPushJobFromTemplate, { ...job, companyId: "c2", templateId }),
    ).rejects.toThrow("Template company mismatch");
    const made = await t.mutation(api.lib.createPushJobFromTemplate, { ...job, templateId });
    expect((await jobOf(t, made)).schedule).toEqual(daily("07:30"));
    await t.mutation(api.lib.updatePushTemplate, {
      templateId,
      suggestedTimes: [],
      actorUserId: "boss",
    });
    await expect(
      t.mutation(api.lib.createPushJobFromTemplate, { ...job, templateId }),
    ).rejects.toThrow("Schedule is required for non-manual template");
    await t.mutation(api.lib.updatePushTemplate, {
      templateId,
      enabled: false,
      actorUserId: "boss",
    });
    await expect(
      t.mutation(api.lib.createPushJobFromTemplate, { ...job, templateId }),
    ).rejects.toThrow("Template 'k' is disabled");
    expect(await t.mutation(api.lib.deletePushTemplate, { templateId })).toBe(true);
    expect(await t.mutation(api.lib.deletePushTemplate, { templateId })).toBe(false);
    await expect(
      t.mutation(api.lib.createPushJobFromTemplate, { ...job, templateId }),
    ).rejects.toThrow("Template not found");
  });

  test("of jobs", async () => {
    const t = await startWithUser();
    const custom = {
      ...job,
      title: "t",
      text: "x",
      periodicity: "daily" as const,
      schedule: daily("09:00"),
    };
    await expect(
      t.mutation(api.lib.createPushJobCustom, { ...custom, timezone: "Mars/Olympus" }),
    ).rejects.toThrow("Invalid timezone 'Mars/Olympus'");
    await expect(
      t.mutation(api.lib.createPushJobCustomForAgent, { ...custom, agentKey: "z" }),
    ).rejects.toThrow("Agent key must match the current active binding for the user");
    const jobId = await t.mutation(api.lib.createPushJobCustom, custom);
    await expect(
      t.mutation(api.lib.triggerPushJobNowForAgent, {
        jobId,
        consumerUserId: "ada",
        agentKey: "z",
      }),
    ).rejects.toThrow("Push job not found for agent");
    await t.mutation(api.lib.deletePushJob, { jobId });
    await expect(t.mutation(api.lib.triggerPushJobNow, { jobId })).rejects.toThrow(
      "Push job not found",
    );
    expect(await t.mutation(api.lib.updatePushJob, { jobId, title: "x" })).toBe(false);
    expect(await t.mutation(api.lib.setPushJobEnabled, { jobId, enabled: true })).toBe(false);
  });
});

/** Users, agents and a clock for the tests of pushes. */
import { vi } from "vitest";
import { api } from "../_generated/api.js";
import { initTest, newAgent, type T } from "../setup.test.js";

/** A Friday, 08:00 UTC. */
export const NOW = Date.UTC(2026, 4, 1, 8);
export const daily = (time: string) => ({ kind: "daily", time }) as const;

export async function startWithUser(agentKey = "a", consumerUserId = "ada"): Promise<T> {
  vi.useFakeTimers();
  vi.setSystemTime(NOW);
  const t = initTest();
  await newAgent(t, agentKey);
  await bind(t, consumerUserId, agentKey);
  return t;
}

export async function bind(t: T, consumerUserId: string, agentKey: string): Promise<void> {
  await t.mutation(api.lib.bindUserAgent, { consumerUserId, agentKey });
}

/** A daily job at 09:00 UTC unless told otherwise. */
export async function newJob(
  t: T,
  more: Partial<{ consumerUserId: string; timezone: string; enabled: boolean; text: string }> & {
    time?: string;
  } = {},
) {
  const { time = "09:00", ...rest } = more;
  return await t.mutation(api.lib.createPushJobCustom, {
    companyId: "c1",
    consumerUserId: "ada",
    title: "Morning",
    text: "How are you?",
    periodicity: "daily",
    timezone: "UTC",
    schedule: daily(time),
    ...rest,
  });
}

export async function jobOf(t: T, jobId: Awaited<ReturnType<typeof newJob>>) {
  return await t.run(async (ctx) => (await ctx.db.get("messagePushJobs", jobId))!);
}

export async function queued(t: T) {
  return await t.run(async (ctx) => await ctx.db.query("messageQueue").take(10_000));
}

export async function dispatches(t: T) {
  return await t.run(async (ctx) => await ctx.db.query("messagePushDispatches").take(10_000));
}

/** Lets the component's own wake-ups run until `at`. */
export async function runUntil(t: T, at: number): Promise<void> {
  vi.advanceTimersByTime(at - Date.now());
  await t.finishInProgressScheduledFunctions();
}

/** Rows of pushes: every read is bounded, and every write of a job keeps the counters right. */
import type { Doc, Id, MutationCtx, Patch, QueryCtx } from "../kit/functions.js";
import { countJob } from "./counting.js";
import type { PushJobView, PushTemplateView } from "./validators.js";
import { requestDispatch } from "./wake.js";

export type PushJob = Doc<"messagePushJobs">;
export type PushTemplate = Doc<"messagePushTemplates">;
export type Dispatch = Doc<"messagePushDispatches">;

// ── Jobs ────────────────────────────────────────────────────────────────────

export type NewPushJob = Omit<PushJob, "_id" | "_creationTime">;

export async function insertJob(
  ctx: MutationCtx,
  job: NewPushJob,
  now: number,
): Promise<Id<"messagePushJobs">> {
  await countJob(ctx, null, job);
  if (job.nextRunAt !== undefined) await requestDispatch(ctx, job.nextRunAt, now);
  return await ctx.db.insert("messagePushJobs", job);
}

/** Changes a job; undefined removes a field. The caller sees to the wake-up. */
export async function patchJob(
  ctx: MutationCtx,
  job: PushJob,
  changes: Patch<NewPushJob>,
): Promise<void> {
  const agentKey = "agentKey" in changes ? changes.agentKey : job.agentKey;
  await countJob(ctx, job, {
    consumerUserId: job.consumerUserId,
    enabled: changes.enabled ?? job.enabled,
    ...(agentKey === undefined ? {} : { agentKey }),
  });
  await ctx.db.patch("messagePushJobs", job._id, changes);
}

export async function removeJob(ctx: MutationCtx, job: PushJob): Promise<void> {
  await countJob(ctx, job, null);
  await ctx.db.delete("messagePushJobs", job._id);
}

/** Enabled jobs whose slot is at `now` or before, oldest slot first. */
export async function findDueJobs(ctx: QueryCtx, now: number, limit: number): Promise<PushJob[]> {
  return await ctx.db
    .query("messagePushJobs")
    .withIndex("by_enabled_and_nextRunAt", (q) =>
      // An absent nextRunAt sorts before every number.
      q.eq("enabled", true).gt("nextRunAt", 0).lte("nextRunAt", now),
    )
    .take(limit);
}

/** The earliest next run of all enabled jobs, or null. */
export async function findNextRunAt(ctx: QueryCtx): Promise<number | null> {
  const next = await ctx.db
    .query("messagePushJobs")
    .withIndex("by_enabled_and_nextRunAt", (q) => q.eq("enabled", true).gt("nextRunAt", 0))
    .first();
  return next?.nextRunAt ?? null;
}

export function toJobView(job: PushJob): PushJobView {
  return {
    _id: job._id,
    companyId: job.companyId,
    consumerUserId: job.consumerUserId,
    agentKey: job.agentKey ?? null,
    sourceTemplateId: job.sourceTemplateId ?? null,
    title: job.title,
    text: job.text,
    periodicity: job.periodicity,
    timezone: job.timezone,
    schedule: job.schedule,
    enabled: job.enabled,
    nextRunAt: job.nextRunAt ?? null,
    lastRunAt: job.lastRunAt ?? null,
    lastRunKey: job.lastRunKey ?? null,
    createdAt: job.createdAt,
    updatedAt: job.updatedAt,
  };
}

// ── Runs ────────────────────────────────────────────────────────────────────

export async function findDispatch(
  ctx: QueryCtx,
  jobId: Id<"messagePushJobs">,
  runKey: string,
): Promise<Dispatch | null> {
  return await ctx.db
    .query("messagePushDispatches")
    .withIndex("by_jobId_and_runKey", (q) => q.eq("jobId", jobId).eq("runKey", runKey))
    .first();
}

// ── Templates ───────────────────────────────────────────────────────────────

export async function findTemplateByKey(
  ctx: QueryCtx,
  companyId: string,
  templateKey: string,
): Promise<PushTemplate | null> {
  return await ctx.db
    .query("messagePushTemplates")
    .withIndex("by_companyId_and_templateKey", (q) =>
      q.eq("companyId", companyId).eq("templateKey", templateKey),
    )
    .first();
}

export function toTemplateView(template: PushTemplate): PushTemplateView {
  const { _creationTime: _, ...view } = template;
  return view;
}

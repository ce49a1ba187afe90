/** The verbs of push jobs: make, change, enable, delete, list. */
import { refuse } from "../../shared/errors.js";
import { loadProfile } from "../agents/ops.js";
import { loadActiveBinding, type Binding } from "../identity/ops.js";
import type { Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { checkSchedule, checkTimezone, firstRunAt, runAfterEdit } from "./schedule.js";
import { insertJob, patchJob, removeJob, toJobView, type PushJob } from "./store.js";
import { checkTexts } from "./texts.js";
import {
  MAX_PUSH_ROWS_LISTED,
  type Periodicity,
  type PushJobView,
  type Schedule,
} from "./validators.js";
import { requestDispatch } from "./wake.js";

type NewJob = {
  companyId: string;
  consumerUserId: string;
  /** Given by the ForAgent variants: the job is for this agent only. */
  agentKey?: string | undefined;
  timezone: string;
  enabled?: boolean | undefined;
};

/** The user's active binding, when its agent exists and is enabled. */
export async function findActiveAgent(
  ctx: QueryCtx,
  consumerUserId: string,
): Promise<Binding | null> {
  const binding = await loadActiveBinding(ctx, consumerUserId);
  if (binding === null) return null;
  return (await loadProfile(ctx, binding.agentKey))?.enabled === true ? binding : null;
}

// ── Making ──────────────────────────────────────────────────────────────────

/** @throws INVALID_ARGUMENT; BINDING_MISSING `agentKey` is given and is not the user's active agent */
export async function createCustomJob(
  ctx: MutationCtx,
  args: NewJob & { title: string; text: string; periodicity: Periodicity; schedule: Schedule },
  now: number,
): Promise<Id<"messagePushJobs">> {
  const timezone = checkTimezone(args.timezone);
  return await create(ctx, { ...args, timezone }, undefined, now);
}

/**
 * The template's text at the given schedule, else at its first suggested time; a manual template makes a manual job.
 * @throws TEMPLATE_NOT_FOUND; INVALID_ARGUMENT also a disabled template; BINDING_MISSING as above
 */
export async function createJobFromTemplate(
  ctx: MutationCtx,
  args: NewJob & { templateId: Id<"messagePushTemplates">; schedule?: Schedule | undefined },
  now: number,
): Promise<Id<"messagePushJobs">> {
  const timezone = checkTimezone(args.timezone);
  const template = await ctx.db.get("messagePushTemplates", args.templateId);
  if (template === null) refuse("TEMPLATE_NOT_FOUND", "Template not found");
  if (template.companyId !== args.companyId) refuse("FORBIDDEN", "Template company mismatch");
  if (!template.enabled)
    refuse("INVALID_ARGUMENT", `Template '${template.templateKey}' is disabled`, {
      templateKey: template.templateKey,
    });
  const { title, text, periodicity } = template;
  const schedule =
    periodicity === "manual"
      ? ({ kind: "manual" } as const)
      : (args.schedule ?? template.suggestedTimes.find((slot) => slot.kind === periodicity));
  if (schedule === undefined)
    refuse("INVALID_ARGUMENT", "Schedule is required for non-manual template");
  const texts = { title, text, periodicity, schedule };
  return await create(ctx, { ...args, ...texts, timezone }, template._id, now);
}

async function create(
  ctx: MutationCtx,
  args: NewJob & { title: string; text: string; periodicity: Periodicity; schedule: Schedule },
  sourceTemplateId: Id<"messagePushTemplates"> | undefined,
  now: number,
): Promise<Id<"messagePushJobs">> {
  checkTexts(args);
  const schedule = checkSchedule(args.periodicity, args.schedule);
  const active = await findActiveAgent(ctx, args.consumerUserId);
  if (args.agentKey !== undefined && active?.agentKey !== args.agentKey)
    refuse("BINDING_MISSING", "Agent key must match the current active binding for the user", {
      agentKey: args.agentKey,
    });
  const enabled = args.enabled ?? true;
  const nextRunAt = enabled ? firstRunAt(schedule, args.timezone, now) : undefined;
  return await insertJob(
    ctx,
    {
      companyId: args.companyId,
      consumerUserId: args.consumerUserId,
      title: args.title,
      text: args.text,
      periodicity: args.periodicity,
      timezone: args.timezone,
      schedule,
      enabled,
      createdAt: now,
      updatedAt: now,
      ...(args.agentKey === undefined ? {} : { pinned: true }),
      ...(active === null ? {} : { agentKey: active.agentKey }),
      ...(sourceTemplateId === undefined ? {} : { sourceTemplateId }),
      ...(nextRunAt === undefined ? {} : { nextRunAt }),
    },
    now,
  );
}

// ── Changing ────────────────────────────────────────────────────────────────

export type JobChanges = {
  title?: string | undefined;
  text?: string | undefined;
  periodicity?: Periodicity | undefined;
  timezone?: string | undefined;
  schedule?: Schedule | undefined;
  enabled?: boolean | undefined;
};

/** False when the job is gone. A due slot survives every edit but disabling; see `runAfterEdit`. */
export async function updateJob(
  ctx: MutationCtx,
  job: PushJob | null,
  changes: JobChanges,
  now: number,
): Promise<boolean> {
  if (job === null) return false;
  const texts = { title: changes.title ?? job.title, text: changes.text ?? job.text };
  checkTexts(texts);
  const periodicity = changes.periodicity ?? job.periodicity;
  const timing = {
    timezone: checkTimezone(changes.timezone ?? job.timezone),
    schedule: checkSchedule(periodicity, changes.schedule ?? job.schedule),
    enabled: changes.enabled ?? job.enabled,
  };
  const nextRunAt = runAfterEdit(job, timing, now);
  await patchJob(ctx, job, { ...texts, periodicity, ...timing, nextRunAt, updatedAt: now });
  if (nextRunAt !== undefined) await requestDispatch(ctx, nextRunAt, now);
  return true;
}

/** False when the job is gone. Enabling an enabled job changes nothing about its next run. */
export async function setJobEnabled(
  ctx: MutationCtx,
  job: PushJob | null,
  enabled: boolean,
  now: number,
): Promise<boolean> {
  if (job === null) return false;
  const nextRunAt = runAfterEdit(job, { ...job, enabled }, now);
  await patchJob(ctx, job, { enabled, nextRunAt, updatedAt: now });
  if (nextRunAt !== undefined) await requestDispatch(ctx, nextRunAt, now);
  return true;
}

/** False when the job is gone. Its runs stay in the lists. */
export async function deleteJob(ctx: MutationCtx, job: PushJob | null): Promise<boolean> {
  if (job === null) return false;
  await removeJob(ctx, job);
  return true;
}

/** The job when it belongs to this user and agent, else null. */
export async function findJobForAgent(
  ctx: QueryCtx,
  args: { jobId: Id<"messagePushJobs">; consumerUserId: string; agentKey: string },
): Promise<PushJob | null> {
  const job = await ctx.db.get("messagePushJobs", args.jobId);
  const own = job?.consumerUserId === args.consumerUserId && job.agentKey === args.agentKey;
  return own ? job : null;
}

// ── Listing ─────────────────────────────────────────────────────────────────

/** Newest updatedAt first: the jobs of a user, or of a user with one agent. */
export async function listJobs(
  ctx: QueryCtx,
  args: {
    consumerUserId: string;
    agentKey?: string | undefined;
    includeDisabled?: boolean | undefined;
  },
): Promise<PushJobView[]> {
  const { consumerUserId: user, agentKey, includeDisabled = true } = args;
  const jobs = ctx.db.query("messagePushJobs");
  const ordered =
    agentKey === undefined
      ? includeDisabled
        ? jobs.withIndex("by_consumerUserId_and_updatedAt", (q) => q.eq("consumerUserId", user))
        : jobs.withIndex("by_consumerUserId_and_enabled_and_updatedAt", (q) =>
            q.eq("consumerUserId", user).eq("enabled", true),
          )
      : includeDisabled
        ? jobs.withIndex("by_consumerUserId_and_agentKey_and_updatedAt", (q) =>
            q.eq("consumerUserId", user).eq("agentKey", agentKey),
          )
        : jobs.withIndex("by_consumerUserId_and_agentKey_and_enabled_and_updatedAt", (q) =>
            q.eq("consumerUserId", user).eq("agentKey", agentKey).eq("enabled", true),
          );
  return (await ordered.order("desc").take(MAX_PUSH_ROWS_LISTED)).map(toJobView);
}

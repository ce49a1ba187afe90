/** Push jobs for the app: what a user is pushed, and what became of it. */
import { v } from "convex/values";
import { refuse } from "../../shared/errors.js";
import { vProviderConfig } from "../config.js";
import { mutation, query } from "../kit/functions.js";
import { userAgentArgs } from "../userAgents/validators.js";
import { triggerJob } from "./dispatching.js";
import {
  createCustomJob,
  createJobFromTemplate,
  deleteJob,
  findJobForAgent,
  listJobs,
  setJobEnabled,
  updateJob,
} from "./jobs.js";
import { listDispatchesOfAgent, listDispatchesOfJob } from "./listings.js";
import {
  pushJobChanges,
  pushJobFields,
  vAgentDispatchView,
  vDispatchView,
  vPushJobView,
  vSchedule,
  vTriggered,
} from "./validators.js";

const nowMs = v.optional(v.number());
const jobId = v.id("messagePushJobs");
const owner = { companyId: v.string(), consumerUserId: v.string() };
const enabled = v.optional(v.boolean());
const custom = { ...pushJobFields, enabled, nowMs };
const fromTemplate = {
  templateId: v.id("messagePushTemplates"),
  timezone: v.string(),
  schedule: v.optional(vSchedule),
  enabled,
  nowMs,
};
const trigger = {
  idempotencyKey: v.optional(v.string()),
  nowMs,
  providerConfig: v.optional(vProviderConfig),
};

// ── Making ──────────────────────────────────────────────────────────────────

/**
 * Makes a push job. It runs at its slots in `timezone` (any IANA zone): a slot that a clock change skips moves forward
 * by the length of the gap (02:30 becomes 03:30), a repeated slot fires once, at its first occurrence, and a day beyond
 * the end of the month is its last day. `enabled` default true. The job follows its user to another agent. Returns its id.
 * @throws INVALID_ARGUMENT zone, time, or a schedule that does not fit the periodicity
 */
export const createPushJobCustom = mutation({
  args: { ...owner, ...custom },
  returns: jobId,
  handler: async (ctx, { nowMs: now, ...args }) =>
    await createCustomJob(ctx, args, now ?? Date.now()),
});

/** As createPushJobCustom, for one agent. @throws BINDING_MISSING it is not the user's active, enabled agent */
export const createPushJobCustomForAgent = mutation({
  args: { ...owner, agentKey: v.string(), ...custom },
  returns: jobId,
  handler: async (ctx, { nowMs: now, ...args }) =>
    await createCustomJob(ctx, args, now ?? Date.now()),
});

/**
 * Makes a push job with a copy of a template's text, at `schedule` or else the template's first suggested time; a manual
 * template makes a manual job.
 * @throws TEMPLATE_NOT_FOUND; FORBIDDEN it is another company's; INVALID_ARGUMENT also when it is disabled
 */
export const createPushJobFromTemplate = mutation({
  args: { ...owner, ...fromTemplate },
  returns: jobId,
  handler: async (ctx, { nowMs: now, ...args }) =>
    await createJobFromTemplate(ctx, args, now ?? Date.now()),
});

/** As createPushJobFromTemplate, for one agent. @throws BINDING_MISSING it is not the user's active, enabled agent */
export const createPushJobFromTemplateForAgent = mutation({
  args: { ...owner, agentKey: v.string(), ...fromTemplate },
  returns: jobId,
  handler: async (ctx, { nowMs: now, ...args }) =>
    await createJobFromTemplate(ctx, args, now ?? Date.now()),
});

// ── Changing ────────────────────────────────────────────────────────────────

/**
 * Changes a job; false when it is gone. The next run is worked out anew only when the timing changes, and a slot that is
 * due already is still dispatched, unless the job is disabled.
 */
export const updatePushJob = mutation({
  args: { jobId, ...pushJobChanges, nowMs },
  returns: v.boolean(),
  handler: async (ctx, { nowMs: now, ...args }) => {
    const job = await ctx.db.get("messagePushJobs", args.jobId);
    return await updateJob(ctx, job, args, now ?? Date.now());
  },
});

/** As updatePushJob; false also when the job is not one of this user and agent. */
export const updatePushJobForAgent = mutation({
  args: { ...userAgentArgs, jobId, ...pushJobChanges, nowMs },
  returns: v.boolean(),
  handler: async (ctx, { nowMs: now, ...args }) =>
    await updateJob(ctx, await findJobForAgent(ctx, args), args, now ?? Date.now()),
});

/** Switches a job on, from its next slot, or off; false when it is gone. */
export const setPushJobEnabled = mutation({
  args: { jobId, enabled: v.boolean(), nowMs },
  returns: v.boolean(),
  handler: async (ctx, args) => {
    const job = await ctx.db.get("messagePushJobs", args.jobId);
    return await setJobEnabled(ctx, job, args.enabled, args.nowMs ?? Date.now());
  },
});

/** Deletes a job; false when it is gone. */
export const deletePushJob = mutation({
  args: { jobId },
  returns: v.boolean(),
  handler: async (ctx, args) =>
    await deleteJob(ctx, await ctx.db.get("messagePushJobs", args.jobId)),
});

/**
 * Pushes now, also a disabled job; its next slot stays. With an `idempotencyKey` a repeated call is the same run.
 * @throws PUSH_JOB_NOT_FOUND; BINDING_MISSING the user has no active agent
 */
export const triggerPushJobNow = mutation({
  args: { jobId, ...trigger },
  returns: vTriggered,
  handler: async (ctx, { idempotencyKey: key, nowMs: now, providerConfig, ...args }) => {
    const job = await ctx.db.get("messagePushJobs", args.jobId);
    if (job === null) refuse("PUSH_JOB_NOT_FOUND", "Push job not found", { jobId: args.jobId });
    return await triggerJob(ctx, job, { key, providerConfig }, now ?? Date.now());
  },
});

/** As triggerPushJobNow. @throws PUSH_JOB_NOT_FOUND also when it is not one of this user and agent */
export const triggerPushJobNowForAgent = mutation({
  args: { ...userAgentArgs, jobId, ...trigger },
  returns: vTriggered,
  handler: async (ctx, { idempotencyKey: key, nowMs: now, providerConfig, ...args }) => {
    const job = await findJobForAgent(ctx, args);
    if (job === null)
      refuse("PUSH_JOB_NOT_FOUND", "Push job not found for agent", { jobId: args.jobId });
    const pinned = { ...job, pinned: true };
    return await triggerJob(ctx, pinned, { key, providerConfig }, now ?? Date.now());
  },
});

// ── Listing ─────────────────────────────────────────────────────────────────

/** The user's jobs, newest updatedAt first, at most 500; `includeDisabled` default true. */
export const listPushJobsForUser = query({
  args: { consumerUserId: v.string(), includeDisabled: v.optional(v.boolean()) },
  returns: v.array(vPushJobView),
  handler: async (ctx, args) => await listJobs(ctx, args),
});

/** The user's jobs with one agent, newest updatedAt first, at most 500; `includeDisabled` default true. */
export const listPushJobsForAgent = query({
  args: { ...userAgentArgs, includeDisabled: v.optional(v.boolean()) },
  returns: v.array(vPushJobView),
  handler: async (ctx, args) => await listJobs(ctx, args),
});

/** Runs of a job, newest first; `limit` 1…200, default 50. */
export const listPushDispatchesByJob = query({
  args: { jobId, limit: v.optional(v.number()) },
  returns: v.array(vDispatchView),
  handler: async (ctx, args) => await listDispatchesOfJob(ctx, args.jobId, args.limit),
});

/** Runs of all the user's jobs with one agent, newest first; `limit` 1…200, default 50. */
export const listPushDispatchesForAgent = query({
  args: { ...userAgentArgs, limit: v.optional(v.number()) },
  returns: v.array(vAgentDispatchView),
  handler: async (ctx, args) => await listDispatchesOfAgent(ctx, args, args.limit),
});

import { v } from "convex/values";
import {
  pushJobChanges,
  pushJobFields,
  pushTemplateFields,
  vAgentDispatchView,
  vDispatchView,
  vPeriodicity,
  vPushJobView,
  vPushTemplateView,
  vSchedule,
  vSlot,
  vTriggered,
} from "../../component/push/validators.js";
import { userAgentArgs } from "../../component/userAgents/validators.js";
import { mutation, query, type Lib } from "../define.js";
import type { ProviderOptions } from "../types.js";
import { providerArg } from "./provider.js";

const jobId = v.string();
const templateId = v.string();
const owner = { companyId: v.string(), consumerUserId: v.string() };
const enabled = v.optional(v.boolean());
const fromTemplate = {
  templateId,
  timezone: v.string(),
  schedule: v.optional(vSchedule),
  enabled,
};
const trigger = { idempotencyKey: v.optional(v.string()) };
const includeDisabled = v.optional(v.boolean());

/** Texts with suggested times, of a company. */
export function exposePushTemplates(lib: Lib) {
  return {
    /** Makes a push template; returns its id. The key is unique within the company. */
    createPushTemplate: mutation({
      sensitivity: "user",
      args: {
        companyId: v.string(),
        templateKey: v.string(),
        ...pushTemplateFields,
        enabled,
        actorUserId: v.string(),
      },
      returns: v.string(),
      handler: async (ctx, args) => await ctx.runMutation(lib.createPushTemplate, args),
    }),

    /** Changes a push template; false when it is gone. Jobs keep their copy. */
    updatePushTemplate: mutation({
      sensitivity: "user",
      args: {
        templateId,
        title: v.optional(v.string()),
        text: v.optional(v.string()),
        periodicity: v.optional(vPeriodicity),
        suggestedTimes: v.optional(v.array(vSlot)),
        enabled,
        actorUserId: v.string(),
      },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.updatePushTemplate, args),
    }),

    /** Deletes a push template; false when it is gone. */
    deletePushTemplate: mutation({
      sensitivity: "user",
      args: { templateId },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.deletePushTemplate, args),
    }),

    /** A company's templates, newest first; `includeDisabled` default false. */
    listPushTemplatesByCompany: query({
      sensitivity: "user",
      args: { companyId: v.string(), includeDisabled },
      returns: v.array(vPushTemplateView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listPushTemplatesByCompany, args),
    }),
  };
}

/**
 * What users are pushed and when. Slots are `HH:mm` in an IANA zone, daily, on a weekday, or on a day of the month
 * ("last" included); see the component's createPushJobCustom for what clock changes do.
 */
export function exposePushJobs(lib: Lib, options: ProviderOptions) {
  return {
    /** Makes a push job with a text of its own; returns its id. It follows the user to another agent. */
    createPushJobCustom: mutation({
      sensitivity: "user",
      args: { ...owner, ...pushJobFields, enabled },
      returns: v.string(),
      handler: async (ctx, args) => await ctx.runMutation(lib.createPushJobCustom, args),
    }),

    /** As createPushJobCustom, for one agent: the user's active, enabled one. */
    createPushJobCustomForAgent: mutation({
      sensitivity: "user",
      args: { ...owner, agentKey: v.string(), ...pushJobFields, enabled },
      returns: v.string(),
      handler: async (ctx, args) => await ctx.runMutation(lib.createPushJobCustomForAgent, args),
    }),

    /** Makes a push job with a copy of a template's text, at `schedule` or the template's first suggested time. */
    createPushJobFromTemplate: mutation({
      sensitivity: "user",
      args: { ...owner, ...fromTemplate },
      returns: v.string(),
      handler: async (ctx, args) => await ctx.runMutation(lib.createPushJobFromTemplate, args),
    }),

    /** As createPushJobFromTemplate, for one agent: the user's active, enabled one. */
    createPushJobFromTemplateForAgent: mutation({
      sensitivity: "user",
      args: { ...owner, agentKey: v.string(), ...fromTemplate },
      returns: v.string(),
      handler: async (ctx, args) =>
        await ctx.runMutation(lib.createPushJobFromTemplateForAgent, args),
    }),

    /** Changes a job; false when it is gone. A slot that is due is still dispatched. */
    updatePushJob: mutation({
      sensitivity: "user",
      args: { jobId, ...pushJobChanges },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.updatePushJob, args),
    }),

    /** As updatePushJob; false also when the job is not one of this user and agent. */
    updatePushJobForAgent: mutation({
      sensitivity: "user",
      args: { ...userAgentArgs, jobId, ...pushJobChanges },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.updatePushJobForAgent, args),
    }),

    /** Switches a job on, from its next slot, or off; false when it is gone. */
    setPushJobEnabled: mutation({
      sensitivity: "user",
      args: { jobId, enabled: v.boolean() },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.setPushJobEnabled, args),
    }),

    /** Deletes a job; false when it is gone. */
    deletePushJob: mutation({
      sensitivity: "user",
      args: { jobId },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.deletePushJob, args),
    }),

    /** Pushes now; the next slot stays. A repeated `idempotencyKey` is the same run. */
    triggerPushJobNow: mutation({
      sensitivity: "user",
      args: { jobId, ...trigger },
      returns: vTriggered,
      handler: async (ctx, args) =>
        await ctx.runMutation(lib.triggerPushJobNow, { ...args, ...providerArg(options) }),
    }),

    /** As triggerPushJobNow, for a job of this user and agent. */
    triggerPushJobNowForAgent: mutation({
      sensitivity: "user",
      args: { ...userAgentArgs, jobId, ...trigger },
      returns: vTriggered,
      handler: async (ctx, args) =>
        await ctx.runMutation(lib.triggerPushJobNowForAgent, { ...args, ...providerArg(options) }),
    }),

    /** The user's jobs, newest first; `includeDisabled` default true. */
    listPushJobsForUser: query({
      sensitivity: "user",
      args: { consumerUserId: v.string(), includeDisabled },
      returns: v.array(vPushJobView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listPushJobsForUser, args),
    }),

    /** The user's jobs with one agent, newest first; `includeDisabled` default true. */
    listPushJobsForAgent: query({
      sensitivity: "user",
      args: { ...userAgentArgs, includeDisabled },
      returns: v.array(vPushJobView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listPushJobsForAgent, args),
    }),

    /** Runs of a job, newest first; `limit` 1…200, default 50. */
    listPushDispatchesByJob: query({
      sensitivity: "user",
      args: { jobId, limit: v.optional(v.number()) },
      returns: v.array(vDispatchView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listPushDispatchesByJob, args),
    }),

    /** Runs of the user's jobs with one agent, newest first; `limit` 1…200, default 50. */
    listPushDispatchesForAgent: query({
      sensitivity: "user",
      args: { ...userAgentArgs, limit: v.optional(v.number()) },
      returns: v.array(vAgentDispatchView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listPushDispatchesForAgent, args),
    }),
  };
}

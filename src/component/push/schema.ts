import { defineTable } from "convex/server";
import { v } from "convex/values";

const vDaily = v.object({ kind: v.literal("daily"), time: v.string() });
const vWeekly = v.object({ kind: v.literal("weekly"), weekday: v.number(), time: v.string() });
const vMonthly = v.object({
  kind: v.literal("monthly"),
  dayOfMonth: v.union(v.number(), v.literal("last")),
  time: v.string(),
});
const vSchedule = v.union(v.object({ kind: v.literal("manual") }), vDaily, vWeekly, vMonthly);
const vPeriodicity = v.union(
  v.literal("manual"),
  v.literal("daily"),
  v.literal("weekly"),
  v.literal("monthly"),
);
const vDispatchStatus = v.union(v.literal("enqueued"), v.literal("skipped"), v.literal("failed"));
const audit = {
  createdBy: v.string(),
  updatedBy: v.string(),
  createdAt: v.number(),
  updatedAt: v.number(),
};

/** Proactive messages: templates, jobs, their runs, broadcasts. */
export const pushTables = {
  messagePushTemplates: defineTable({
    companyId: v.string(),
    templateKey: v.string(),
    title: v.string(),
    text: v.string(),
    periodicity: vPeriodicity,
    suggestedTimes: v.array(v.union(vDaily, vWeekly, vMonthly)),
    enabled: v.boolean(),
    ...audit,
  })
    .index("by_companyId", ["companyId"])
    .index("by_companyId_and_templateKey", ["companyId", "templateKey"])
    .index("by_companyId_and_enabled", ["companyId", "enabled"]),

  messageTemplates: defineTable({
    templateKey: v.string(),
    title: v.string(),
    text: v.string(),
    tags: v.array(v.string()),
    usageCount: v.number(),
    enabled: v.boolean(),
    ...audit,
  })
    .index("by_templateKey", ["templateKey"])
    .index("by_enabled", ["enabled"]),

  messagePushJobs: defineTable({
    companyId: v.string(),
    consumerUserId: v.string(),
    agentKey: v.optional(v.string()),
    sourceTemplateId: v.optional(v.id("messagePushTemplates")),
    title: v.string(),
    text: v.string(),
    periodicity: vPeriodicity,
    timezone: v.string(),
    schedule: vSchedule,
    enabled: v.boolean(),
    nextRunAt: v.optional(v.number()),
    lastRunAt: v.optional(v.number()),
    lastRunKey: v.optional(v.string()),
    createdAt: v.number(),
    updatedAt: v.number(),
  })
    .index("by_enabled_and_nextRunAt", ["enabled", "nextRunAt"])
    .index("by_consumerUserId", ["consumerUserId"])
    .index("by_consumerUserId_and_enabled", ["consumerUserId", "enabled"])
    .index("by_companyId", ["companyId"])
    .index("by_companyId_and_enabled", ["companyId", "enabled"])
    .index("by_sourceTemplateId", ["sourceTemplateId"]),

  messagePushDispatches: defineTable({
    jobId: v.id("messagePushJobs"),
    consumerUserId: v.string(),
    runKey: v.string(),
    scheduledFor: v.number(),
    enqueuedMessageId: v.optional(v.id("messageQueue")),
    status: vDispatchStatus,
    error: v.optional(v.string()),
    createdAt: v.number(),
  })
    .index("by_jobId_and_runKey", ["jobId", "runKey"])
    .index("by_consumerUserId_and_createdAt", ["consumerUserId", "createdAt"]),

  messagePushBroadcasts: defineTable({
    companyId: v.string(),
    title: v.string(),
    text: v.string(),
    target: v.literal("all_active_agents"),
    requestedBy: v.string(),
    requestedAt: v.number(),
    status: v.union(v.literal("running"), v.literal("done"), v.literal("failed")),
    totalTargets: v.number(),
    enqueuedCount: v.number(),
    failedCount: v.number(),
    completedAt: v.optional(v.number()),
  })
    .index("by_companyId_and_requestedAt", ["companyId", "requestedAt"])
    .index("by_status", ["status"]),

  messagePushBroadcastDispatches: defineTable({
    broadcastId: v.id("messagePushBroadcasts"),
    consumerUserId: v.string(),
    agentKey: v.string(),
    runKey: v.string(),
    enqueuedMessageId: v.optional(v.id("messageQueue")),
    status: vDispatchStatus,
    error: v.optional(v.string()),
    createdAt: v.number(),
  })
    .index("by_broadcastId_and_consumerUserId", ["broadcastId", "consumerUserId"])
    .index("by_broadcastId_and_createdAt", ["broadcastId", "createdAt"]),
};

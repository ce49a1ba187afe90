import { defineTable } from "convex/server";
import { v } from "convex/values";
import {
  auditFields,
  pushJobFields,
  pushTemplateFields,
  vAudienceCursor,
  vBroadcastStatus,
  vDispatchStatus,
} from "./validators.js";

/** Proactive messages: templates, jobs, their runs, broadcasts. */
export const pushTables = {
  /** Texts with suggested times. Written by their authors; jobs keep a copy. */
  messagePushTemplates: defineTable({
    companyId: v.string(),
    templateKey: v.string(),
    ...pushTemplateFields,
    enabled: v.boolean(),
    ...auditFields,
  })
    .index("by_companyId", ["companyId"])
    .index("by_companyId_and_templateKey", ["companyId", "templateKey"])
    .index("by_companyId_and_enabled", ["companyId", "enabled"])
    /** Listings, newest first. */
    .index("by_companyId_and_updatedAt", ["companyId", "updatedAt"])
    .index("by_companyId_and_enabled_and_updatedAt", ["companyId", "enabled", "updatedAt"]),

  /** Who is pushed what and when. Written by their owners; the times and the last run by the dispatcher too. */
  messagePushJobs: defineTable({
    companyId: v.string(),
    consumerUserId: v.string(),
    /** The agent of the last run, or the one bound when the job was made. */
    agentKey: v.optional(v.string()),
    /** Made for that agent: it does not follow the user to another one. */
    pinned: v.optional(v.boolean()),
    sourceTemplateId: v.optional(v.id("messagePushTemplates")),
    ...pushJobFields,
    enabled: v.boolean(),
    /** The next slot; absent while disabled or manual. */
    nextRunAt: v.optional(v.number()),
    lastRunAt: v.optional(v.number()),
    lastRunKey: v.optional(v.string()),
    createdAt: v.number(),
    updatedAt: v.number(),
  })
    /** What is due. */
    .index("by_enabled_and_nextRunAt", ["enabled", "nextRunAt"])
    .index("by_consumerUserId", ["consumerUserId"])
    .index("by_consumerUserId_and_enabled", ["consumerUserId", "enabled"])
    .index("by_companyId", ["companyId"])
    .index("by_companyId_and_enabled", ["companyId", "enabled"])
    .index("by_sourceTemplateId", ["sourceTemplateId"])
    /** Listings, newest first. */
    .index("by_consumerUserId_and_updatedAt", ["consumerUserId", "updatedAt"])
    .index("by_consumerUserId_and_enabled_and_updatedAt", [
      "consumerUserId",
      "enabled",
      "updatedAt",
    ])
    .index("by_consumerUserId_and_agentKey_and_updatedAt", [
      "consumerUserId",
      "agentKey",
      "updatedAt",
    ])
    .index("by_consumerUserId_and_agentKey_and_enabled_and_updatedAt", [
      "consumerUserId",
      "agentKey",
      "enabled",
      "updatedAt",
    ]),

  /** One per run of a job. Inserted by the dispatcher and by triggering; deleted by retention. */
  messagePushDispatches: defineTable({
    jobId: v.id("messagePushJobs"),
    consumerUserId: v.string(),
    /** Absent on runs of 3.x and on runs that found no agent for a job that never had one. */
    agentKey: v.optional(v.string()),
    /** `scheduled:<jobId>:<slot>` or `manual:<jobId>:<time or key>`: a run exists once. */
    runKey: v.string(),
    scheduledFor: v.number(),
    enqueuedMessageId: v.optional(v.id("messageQueue")),
    status: vDispatchStatus,
    error: v.optional(v.string()),
    createdAt: v.number(),
  })
    .index("by_jobId_and_runKey", ["jobId", "runKey"])
    .index("by_consumerUserId_and_createdAt", ["consumerUserId", "createdAt"])
    /** Listings, newest first. */
    .index("by_jobId_and_createdAt", ["jobId", "createdAt"])
    .index("by_consumerUserId_and_agentKey_and_createdAt", [
      "consumerUserId",
      "agentKey",
      "createdAt",
    ])
    /** Retention. */
    .index("by_createdAt", ["createdAt"]),

  /** Jobs and runs of one user and agent, counted. Written with the rows they count; runs count for ever. */
  pushCounters: defineTable({
    consumerUserId: v.string(),
    agentKey: v.string(),
    jobs: v.number(),
    activeJobs: v.number(),
    dispatches: v.number(),
    latestDispatchAt: v.optional(v.number()),
  }).index("by_consumerUserId_and_agentKey", ["consumerUserId", "agentKey"]),

  /** One row (key "main"): the dispatcher's next wake-up. */
  pushState: defineTable({
    key: v.string(),
    wakeAt: v.optional(v.number()),
    wakeFunctionId: v.optional(v.id("_scheduled_functions")),
  }).index("by_key", ["key"]),

  /** One per broadcast. Written by the request, the fan-out and a cancellation. */
  messagePushBroadcasts: defineTable({
    companyId: v.string(),
    title: v.string(),
    text: v.string(),
    target: v.literal("all_active_agents"),
    requestedBy: v.string(),
    requestedAt: v.number(),
    status: vBroadcastStatus,
    /** Agents reached so far, in either way; final when the status is not "running". */
    totalTargets: v.number(),
    enqueuedCount: v.number(),
    failedCount: v.number(),
    completedAt: v.optional(v.number()),
    /** The caller's name for it: the same key is the same broadcast. */
    broadcastKey: v.optional(v.string()),
    /** Where the fan-out stands; absent when it is over. */
    cursor: v.optional(vAudienceCursor),
  })
    .index("by_companyId_and_requestedAt", ["companyId", "requestedAt"])
    .index("by_status", ["status"])
    .index("by_companyId_and_broadcastKey", ["companyId", "broadcastKey"]),

  /** The receipt of one agent of a broadcast. Inserted by the fan-out; deleted by retention. */
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
    .index("by_broadcastId_and_createdAt", ["broadcastId", "createdAt"])
    /** Retention. */
    .index("by_createdAt", ["createdAt"]),
};

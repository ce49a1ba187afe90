import { defineTable } from "convex/server";
import { v } from "convex/values";
import {
  vAssignment,
  vDrainReason,
  vLoadedSkills,
  vMachineRef,
  vWorkerStatus,
} from "./validators.js";

export const workersTables = {
  /**
   * One row per worker. Written by reservation (insert), claim/complete/fail (load, assignment) and the
   * scheduler (lifecycle). Deleted by retention a week after it stopped.
   */
  workers: defineTable({
    workerId: v.string(),
    provider: v.string(),
    volumeId: v.optional(v.string()),
    machineRef: v.optional(vMachineRef),
    status: vWorkerStatus,
    load: v.number(),
    /** Last sign of life written with another change; the hot one is in workerHeartbeats. */
    heartbeatAt: v.number(),
    /** Absent: never claimed anything, hence nothing to snapshot. */
    lastClaimAt: v.optional(v.number()),
    scheduledShutdownAt: v.optional(v.number()),
    stoppedAt: v.optional(v.number()),
    lastSnapshotId: v.optional(v.id("dataSnapshots")),
    assignment: v.optional(vAssignment),
    capabilities: v.array(v.string()),
    /** The app that holds (or will hold) the machine; stays when the configured app changes. */
    appName: v.optional(v.string()),
    /** Deterministic names: our idempotency keys at the provider. */
    machineName: v.optional(v.string()),
    volumeName: v.optional(v.string()),
    createdAt: v.optional(v.number()),
    /** The provider confirmed the machine. */
    machineCreatedAt: v.optional(v.number()),
    /** First authenticated call of the worker. */
    firstSeenAt: v.optional(v.number()),
    /** Absent: it has not said so (yet), or runs an image that never does. */
    loadedSkills: v.optional(vLoadedSkills),
    /** Null: it said that it started empty. Absent: it has not said so (yet), or runs an image that never does. */
    restoredSnapshotId: v.optional(v.union(v.null(), v.id("dataSnapshots"))),
    drainingSince: v.optional(v.number()),
    drainDeadlineAt: v.optional(v.number()),
    drainReason: v.optional(vDrainReason),
    /** The snapshot taken after draining began. */
    finalSnapshotId: v.optional(v.id("dataSnapshots")),
    /** First observation in which the machine was missing; a second proof is needed before "gone". */
    missingSince: v.optional(v.number()),
    createAttempts: v.optional(v.number()),
    /** The last creation attempt that may have taken effect without our knowing. */
    unsureCreateAt: v.optional(v.number()),
    nextCreateAt: v.optional(v.number()),
    teardownAttempts: v.optional(v.number()),
    nextTeardownAt: v.optional(v.number()),
    machineGoneAt: v.optional(v.number()),
    lastProviderError: v.optional(v.string()),
  })
    .index("by_workerId", ["workerId"])
    .index("by_status", ["status"])
    /** Volumes carry no tags: whose one is, its name says. */
    .index("by_volumeName", ["volumeName"])
    .index("by_heartbeatAt", ["heartbeatAt"])
    .index("by_scheduledShutdownAt", ["scheduledShutdownAt"])
    /** Retention of stopped rows. */
    .index("by_status_and_stoppedAt", ["status", "stoppedAt"]),

  /** The hot row, apart from workers: written only by the worker's own heartbeats and polls. */
  workerHeartbeats: defineTable({ workerId: v.string(), heartbeatAt: v.number() }).index(
    "by_workerId",
    ["workerId"],
  ),

  /**
   * Hashes of worker tokens. Several per worker when a creation was retried (the machine that exists may hold
   * any of them). Deleted when the worker stops: a token dies with its worker.
   */
  workerTokens: defineTable({ tokenHash: v.string(), workerId: v.string(), createdAt: v.number() })
    .index("by_tokenHash", ["tokenHash"])
    .index("by_workerId", ["workerId"]),
};

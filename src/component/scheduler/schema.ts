import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vLeak, vObservedMachine } from "./validators.js";

export const schedulerTables = {
  /**
   * One row (key "main"): the running pass, the next wake-up, and what the last pass met. Enqueue and the
   * worker calls only read it unless they need an earlier wake-up.
   */
  schedulerState: defineTable({
    key: v.string(),
    /** Names this deployment in the tags of machines and volumes. */
    deploymentId: v.string(),
    /** Present while a pass runs; another may start only when it is over or older than its lease. */
    passId: v.optional(v.string()),
    passStartedAt: v.optional(v.number()),
    passCount: v.number(),
    wakeAt: v.optional(v.number()),
    wakeFunctionId: v.optional(v.id("_scheduled_functions")),
    lastPassAt: v.optional(v.number()),
    lastPassErrors: v.optional(v.array(v.string())),
    /** A cleanup runs: no machine is created before it ends, or before this time, should it have died. */
    cleanupUntil: v.optional(v.number()),
    /** No machine is created before this time: back-off after failures. */
    spawnNotBefore: v.optional(v.number()),
    spawnFailures: v.optional(v.number()),
    /** Machines in a row that ended before they called home, and when the last one did. */
    bootFailures: v.optional(v.object({ count: v.number(), at: v.number() })),
    spawnBlock: v.optional(v.object({ kind: v.string(), message: v.string(), at: v.number() })),
    /** The gateway address that answered, and when. */
    gatewayCheckedUrl: v.optional(v.string()),
    gatewayCheckedAt: v.optional(v.number()),
    /** When each app was listed last; apps without a listing for a day are forgotten. */
    appsListedAt: v.optional(v.record(v.string(), v.number())),
  }).index("by_key", ["key"]),

  /**
   * Machines as the last list of their app showed them, ours or not. Written by passes, when something changed; deleted
   * when a list does not show the machine any more.
   */
  machineSightings: defineTable({
    appName: v.string(),
    ...vObservedMachine.fields,
    firstSeenAt: v.number(),
  })
    .index("by_appName", ["appName"])
    .index("by_machineId", ["machineId"]),

  /** Apps in which machines of ours may be. Written by passes; a former app goes when it is proven empty. */
  providerApps: defineTable({
    appName: v.string(),
    volumesListedAt: v.optional(v.number()),
    /** Lists that failed in a row. */
    failures: v.number(),
    /** A former app whose lists showed nothing of ours, since. */
    emptySince: v.optional(v.number()),
    /** The provider says that there is no such app, since. */
    missingSince: v.optional(v.number()),
    nextLookAt: v.number(),
  }),

  /** Machines and volumes of ours without a live row. Written by passes, deleted when a list shows them no more. */
  providerLeaks: defineTable(vLeak.fields),
};

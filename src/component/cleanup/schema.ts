import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vCleanupPhase, vCleanupScope, vCleanupState, vIssue, vTally } from "./validators.js";

export const cleanupTables = {
  /**
   * One row per cleanup, written by its action as it goes, so that it can be watched, and gone on with when the action
   * died. The newest ones are kept.
   */
  cleanupRuns: defineTable({
    appName: v.string(),
    apiBaseUrl: v.optional(v.string()),
    scope: vCleanupScope,
    machineConcurrency: v.number(),
    volumeConcurrency: v.number(),
    state: vCleanupState,
    phase: vCleanupPhase,
    startedAt: v.number(),
    updatedAt: v.number(),
    finishedAt: v.optional(v.number()),
    /** Counts the actions that worked on it; only the last one may write. */
    chunk: v.number(),
    leaseUntil: v.number(),
    /** Live workers are left alone until then. */
    graceUntil: v.optional(v.number()),
    /** Its token was an argument and is stored nowhere: it cannot go on by itself. */
    tokenGiven: v.boolean(),
    machines: vTally,
    volumes: vTally,
    issues: v.array(vIssue),
    error: v.optional(v.string()),
  }).index("by_state", ["state"]),
};

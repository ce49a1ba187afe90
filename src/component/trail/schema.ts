import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vMessageStatus } from "../queue/validators.js";
import { vMachineEventKind, vMessageEventKind } from "./validators.js";

export const trailTables = {
  /**
   * Insert-only, so that writers never conflict. `from`/`to` make every event a delta of the queue counters;
   * the fold sets `folded`. Deleted by retention, and only once folded.
   */
  messageEvents: defineTable({
    messageId: v.string(),
    conversationId: v.string(),
    kind: vMessageEventKind,
    at: v.number(),
    workerId: v.optional(v.string()),
    detail: v.optional(v.string()),
    from: v.optional(vMessageStatus),
    to: v.optional(vMessageStatus),
    folded: v.optional(v.boolean()),
  })
    .index("by_messageId", ["messageId"])
    .index("by_conversationId", ["conversationId"])
    .index("by_folded_and_at", ["folded", "at"]),

  /** Insert-only. Deleted by retention. */
  machineEvents: defineTable({
    workerId: v.string(),
    machineId: v.optional(v.string()),
    kind: vMachineEventKind,
    at: v.number(),
    detail: v.optional(v.string()),
  })
    .index("by_workerId", ["workerId"])
    .index("by_at", ["at"]),

  /** One row per message status; written by the fold alone. */
  queueCounters: defineTable({ status: vMessageStatus, count: v.number() }).index("by_status", [
    "status",
  ]),
};

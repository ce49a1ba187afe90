import { defineTable } from "convex/server";
import { v } from "convex/values";
import {
  vBudgetLimits,
  vExhausted,
  vGranularity,
  vMeter,
  vSpendEvent,
  vSpendScope,
  vUsage,
} from "./validators.js";

export const spendTables = {
  /** One per worker that may cost something. Opened with its first creation, deleted when machine and volume are gone. */
  spendMeters: defineTable({
    workerId: v.string(),
    agentKey: v.optional(v.string()),
    companyId: v.optional(v.string()),
    /** The machine was in a list at this time. */
    seenAt: v.optional(v.number()),
    ...vMeter.fields,
  }).index("by_workerId", ["workerId"]),

  /** The ledger: one row per scope and UTC day or month. Written when meters are charged; deleted by retention. */
  spendBuckets: defineTable({
    scope: vSpendScope,
    key: v.string(),
    granularity: vGranularity,
    period: v.string(),
    ...vUsage.fields,
  })
    .index("by_scope_and_period_and_key", ["scope", "period", "key"])
    .index("by_granularity_and_period", ["granularity", "period"]),

  /** Written by operators, and by the judgement of a budget (what was notified). */
  spendBudgets: defineTable({
    scope: vSpendScope,
    key: v.string(),
    ...vBudgetLimits.fields,
    /** Periods in which an operator lets the scope go on although the budget is used up. */
    resumedPeriods: v.array(v.string()),
    /** `<kind>:<period>` of the events that were written. */
    notified: v.array(v.string()),
    updatedAt: v.number(),
  }).index("by_scope_and_key", ["scope", "key"]),

  /** One row: every budget that is used up, so that a pass reads one document however many budgets there are. */
  spendState: defineTable({ key: v.string(), exhausted: v.array(vExhausted) }).index("by_key", [
    "key",
  ]),

  /** Insert-only: a warning, an exhaustion, an operator's resume. Deleted by retention. */
  spendEvents: defineTable(vSpendEvent.fields).index("by_at", ["at"]),
};

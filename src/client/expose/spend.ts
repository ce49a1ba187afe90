import { v } from "convex/values";
import {
  vBudgetLimits,
  vBudgetOwner,
  vBudgetView,
  vSpendEvent,
  vSpendSummary,
} from "../../component/spend/validators.js";
import { mutation, query, type Lib } from "../define.js";

/** Costs by the ledger, and budgets. */
export function exposeSpend(lib: Lib) {
  return {
    /** What machines and volumes cost today and this month (UTC): in total, per agent, per company, beside the budgets. */
    spendSummary: query({
      sensitivity: "operator",
      args: {},
      returns: vSpendSummary,
      handler: async (ctx) => await ctx.runQuery(lib.spendSummary, {}),
    }),

    /** Cost per UTC day, newest first; `days` 1…92, default 30. */
    listDailyCosts: query({
      sensitivity: "operator",
      args: { days: v.optional(v.number()) },
      returns: v.array(v.object({ period: v.string(), usd: v.number() })),
      handler: async (ctx, args) => await ctx.runQuery(lib.listDailyCosts, args),
    }),

    /** Every budget beside what was spent of it. */
    listSpendBudgets: query({
      sensitivity: "operator",
      args: {},
      returns: v.array(vBudgetView),
      handler: async (ctx) => await ctx.runQuery(lib.listSpendBudgets, {}),
    }),

    /** Warnings, exhaustions and resumes, newest first; `limit` 1…200, default 50. */
    listSpendEvents: query({
      sensitivity: "operator",
      args: { limit: v.optional(v.number()) },
      returns: v.array(vSpendEvent),
      handler: async (ctx, args) => await ctx.runQuery(lib.listSpendEvents, args),
    }),

    /** The budget of an agent, a company or (neither key) the deployment, in USD per UTC day and month; without limits it is removed. */
    setSpendBudget: mutation({
      sensitivity: "operator",
      args: { ...vBudgetOwner.fields, ...vBudgetLimits.fields },
      returns: v.null(),
      handler: async (ctx, args) => await ctx.runMutation(lib.setSpendBudget, args),
    }),

    /** Lets a scope whose budget is used up go on until the period ends; null when nothing is used up. */
    resumeSpending: mutation({
      sensitivity: "operator",
      args: vBudgetOwner.fields,
      returns: v.union(v.null(), v.object({ until: v.number() })),
      handler: async (ctx, args) => await ctx.runMutation(lib.resumeSpending, args),
    }),
  };
}

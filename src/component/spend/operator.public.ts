/** Costs and budgets for operators. */
import { v } from "convex/values";
import { mutation, query, type Doc, type QueryCtx } from "../kit/functions.js";
import { accrue, addUsage, hourlyUsd } from "./accrual.js";
import { resume, saveBudget, scopeOf, viewBudget } from "./budgets.js";
import { createPosting } from "./ledger.js";
import { periodEnd, periodOf } from "./periods.js";
import { findBucket, listBuckets, usageOf } from "./store.js";
import {
  MAX_BUDGETS,
  MAX_METERS,
  SPLIT_LIMIT,
  vBudgetLimits,
  vBudgetOwner,
  vBudgetView,
  vSpendEvent,
  vSpendSummary,
  type Granularity,
  type SpendScope,
} from "./validators.js";

const DEFAULT_EVENTS = 50;
const MAX_EVENTS = 200;

/**
 * What machines and volumes cost today and this month (UTC), by the ledger: in total, per agent, per company, with
 * every budget beside what was spent of it. The first 200 agents and companies by their keys, the most expensive of the month first.
 * Costs of machines whose agent is unknown (orphans) are in the total only.
 */
export const spendSummary = query({
  args: { nowMs: v.optional(v.number()) },
  returns: vSpendSummary,
  handler: async (ctx, args) => {
    const now = args.nowMs ?? Date.now();
    const meters = await ctx.db.query("spendMeters").take(MAX_METERS);
    // What runs is charged by passes; what it cost since the last one belongs to the view.
    const pending = createPosting();
    for (const meter of meters) pending.add(meter, accrue(meter, now).charges);
    const rows = await ctx.db.query("spendBudgets").take(MAX_BUDGETS);
    const budgets = [];
    for (const row of rows) budgets.push(await viewBudget(ctx, row, now));
    return {
      today: await costOf(ctx, pending, "day", now),
      month: await costOf(ctx, pending, "month", now),
      usdPerHour: meters.reduce((sum, meter) => sum + hourlyUsd(meter), 0),
      agents: await splitBy(ctx, pending, "agent", now),
      companies: await splitBy(ctx, pending, "company", now),
      budgets,
    };
  },
});

type Posting = ReturnType<typeof createPosting>;

async function costOf(ctx: QueryCtx, pending: Posting, granularity: Granularity, now: number) {
  const ref = { scope: "deployment", key: "" } as const;
  const period = periodOf(granularity, now);
  const usage = addUsage(usageOf(await findBucket(ctx, ref, period)), pending.usageOf(ref, period));
  return { period, resetsAt: periodEnd(granularity, now), ...usage };
}

async function splitBy(ctx: QueryCtx, pending: Posting, scope: SpendScope, now: number) {
  const [day, month] = [periodOf("day", now), periodOf("month", now)];
  const months = await listBuckets(ctx, scope, month, SPLIT_LIMIT);
  const days = await listBuckets(ctx, scope, day, SPLIT_LIMIT);
  const today = new Map<string, Doc<"spendBuckets">>(days.map((row) => [row.key, row]));
  return months
    .map((row) => {
      const ref = { scope, key: row.key };
      const charged = usageOf(today.get(row.key) ?? null);
      return {
        key: row.key,
        today: addUsage(charged, pending.usageOf(ref, day)),
        month: addUsage(usageOf(row), pending.usageOf(ref, month)),
      };
    })
    .sort((a, b) => b.month.usd - a.month.usd);
}

/** The deployment's cost per UTC day, newest first; `days` 1…92, default 30. Days without cost are left out. */
export const listDailyCosts = query({
  args: { days: v.optional(v.number()) },
  returns: v.array(v.object({ period: v.string(), usd: v.number() })),
  handler: async (ctx, args) => {
    const days = Math.min(92, Math.max(1, Math.floor(args.days ?? 30)));
    const rows = await ctx.db
      .query("spendBuckets")
      .withIndex("by_scope_and_period_and_key", (q) => q.eq("scope", "deployment"))
      .order("desc")
      // Months (2026-11) sort between the days of their neighbours: room for three of them per quarter.
      .take(days + 5);
    return rows
      .filter(({ granularity }) => granularity === "day")
      .slice(0, days)
      .map(({ period, usd }) => ({ period, usd }));
  },
});

/**
 * Sets the budget of an agent, of a company, or with neither key of the deployment, in USD per UTC day and month; an
 * absent limit is none, and without both the budget is removed. There are none by default.
 * At 80 % one warning event is written. At 100 % the scope gets no new machines and its workers drain; messages wait.
 * A no-op for the past: what was spent counts.
 * @throws INVALID_ARGUMENT for an amount that is not above 0, a blank key or both keys; AGENT_NOT_FOUND
 */
export const setSpendBudget = mutation({
  args: { ...vBudgetOwner.fields, ...vBudgetLimits.fields },
  returns: v.null(),
  handler: async (ctx, { agentKey, companyId, ...limits }) => {
    await saveBudget(ctx, scopeOf({ agentKey, companyId }), limits, Date.now());
    return null;
  },
});

/** Lets a scope whose budget is used up go on until the period ends; returns when that is. Null when nothing is used up. */
export const resumeSpending = mutation({
  args: vBudgetOwner.fields,
  returns: v.union(v.null(), v.object({ until: v.number() })),
  handler: async (ctx, args) => await resume(ctx, scopeOf(args), Date.now()),
});

/** Every budget beside what was spent of it; at most 500. */
export const listSpendBudgets = query({
  args: { nowMs: v.optional(v.number()) },
  returns: v.array(vBudgetView),
  handler: async (ctx, args) => {
    const now = args.nowMs ?? Date.now();
    const views = [];
    for (const row of await ctx.db.query("spendBudgets").take(MAX_BUDGETS))
      views.push(await viewBudget(ctx, row, now));
    return views;
  },
});

/** Warnings, exhaustions and resumes, newest first; `limit` 1…200, default 50. */
export const listSpendEvents = query({
  args: { limit: v.optional(v.number()) },
  returns: v.array(vSpendEvent),
  handler: async (ctx, args) => {
    const limit = Math.min(MAX_EVENTS, Math.max(1, Math.floor(args.limit ?? DEFAULT_EVENTS)));
    const rows = await ctx.db.query("spendEvents").withIndex("by_at").order("desc").take(limit);
    return rows.map(({ _id, _creationTime, ...event }) => event);
  },
});

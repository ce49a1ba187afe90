/** The words of the ledger and of budgets. Amounts are USD by the prices in the provider config; days are UTC. */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";

export const vSpendScope = literals("deployment", "agent", "company");
export type SpendScope = Infer<typeof vSpendScope>;

/** Who pays: `key` is the agentKey or companyId, "" for the deployment. */
export const vScopeRef = v.object({ scope: vSpendScope, key: v.string() });
export type ScopeRef = Infer<typeof vScopeRef>;

export const vGranularity = literals("day", "month");
export type Granularity = Infer<typeof vGranularity>;

const usageFields = {
  /** Machine time while Fly bills the guest, boot and stop included. */
  runningMs: v.number(),
  /** Machine time while only the file system is billed. */
  stoppedMs: v.number(),
  /** Volume time, attached or not, whatever the size. */
  volumeMs: v.number(),
  usd: v.number(),
};
export const vUsage = v.object(usageFields);
export type Usage = Infer<typeof vUsage>;

/** USD per hour of one worker's machine and volume, fixed when they were ordered. */
export const vRates = v.object({ running: v.number(), stopped: v.number(), volume: v.number() });
export type Rates = Infer<typeof vRates>;

/** What Fly bills a machine for now. */
export const vMeteredPhase = literals("none", "running", "stopped");
export type MeteredPhase = Infer<typeof vMeteredPhase>;

export const vMeter = v.object({
  rates: vRates,
  phase: vMeteredPhase,
  /** When the phase began: a late discovery is charged back to here at most. */
  phaseSince: v.number(),
  /** The machine is charged up to here. */
  machineUntil: v.number(),
  hasVolume: v.boolean(),
  /** The volume is charged up to here. */
  volumeUntil: v.number(),
});
export type Meter = Infer<typeof vMeter>;

export const vBudgetLimits = v.object({
  usdPerDay: v.optional(v.number()),
  usdPerMonth: v.optional(v.number()),
});
export type BudgetLimits = Infer<typeof vBudgetLimits>;

/** Whose budget: one of the two, or neither for the deployment. */
export const vBudgetOwner = v.object({
  agentKey: v.optional(v.string()),
  companyId: v.optional(v.string()),
});
export type BudgetOwner = Infer<typeof vBudgetOwner>;

/** A budget that is used up: nothing new is created for its scope until then. */
export const vExhausted = v.object({
  scope: vSpendScope,
  key: v.string(),
  granularity: vGranularity,
  usd: v.number(),
  limitUsd: v.number(),
  /** The end of the period (epoch ms). */
  resetsAt: v.number(),
});
export type Exhausted = Infer<typeof vExhausted>;

export const vBudgetLevel = literals("ok", "warning", "exhausted", "resumed");

export const vSpendEventKind = literals("warning", "exhausted", "resumed");
export type SpendEventKind = Infer<typeof vSpendEventKind>;

export const vSpendEvent = v.object({
  scope: vSpendScope,
  key: v.string(),
  kind: vSpendEventKind,
  /** The day (2026-11-22) or month (2026-11). */
  period: v.string(),
  usd: v.number(),
  limitUsd: v.number(),
  at: v.number(),
});

export const vBudgetView = v.object({
  scope: vSpendScope,
  key: v.string(),
  usdPerDay: v.union(v.null(), v.number()),
  usdPerMonth: v.union(v.null(), v.number()),
  spentTodayUsd: v.number(),
  spentThisMonthUsd: v.number(),
  /** The worse of the two. */
  level: vBudgetLevel,
  /** When an exhausted or resumed period ends; null otherwise. */
  resetsAt: v.union(v.null(), v.number()),
});
export type BudgetView = Infer<typeof vBudgetView>;

export const vPeriodCost = v.object({ period: v.string(), resetsAt: v.number(), ...usageFields });
export const vSharedCost = v.object({
  key: v.string(),
  today: vUsage,
  month: vUsage,
});
export const vSpendSummary = v.object({
  today: vPeriodCost,
  month: vPeriodCost,
  /** USD per hour of what is metered now. */
  usdPerHour: v.number(),
  /** Most expensive this month first. */
  agents: v.array(vSharedCost),
  companies: v.array(vSharedCost),
  budgets: v.array(vBudgetView),
});

// ── Limits ──────────────────────────────────────────────────────────────────

/** A warning is written when this share of a budget is used. */
export const WARN_RATIO = 0.8;
export const MAX_BUDGETS = 500;
export const MAX_BUDGET_USD = 1_000_000;
/** Live workers at most, twice: those that just stopped are still to be closed. */
export const MAX_METERS = 600;
/** A phase that goes on is charged at most this often: writes stay few while nothing happens. */
export const ACCRUE_EVERY_MS = 30_000;
/** Agents or companies in a summary. */
export const SPLIT_LIMIT = 200;
export const DAYS_KEPT = 92;
export const MONTHS_KEPT = 25;

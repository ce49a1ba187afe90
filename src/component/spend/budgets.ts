/** Budgets as rows: judged after every charge, set and resumed by operators. */
import { refuse } from "../../shared/errors.js";
import { loadProfile } from "../agents/ops.js";
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { requestPass } from "../kit/wake.js";
import { dueEvents, judgeBudget, nameScope, noteOf, type Judgement } from "./budget.js";
import { findBudget, loadSpent, saveExhausted } from "./store.js";
import {
  MAX_BUDGETS,
  MAX_BUDGET_USD,
  type BudgetLimits,
  type BudgetOwner,
  type BudgetView,
  type Exhausted,
  type ScopeRef,
} from "./validators.js";

const MAX_KEY_LENGTH = 200;

type Budget = Doc<"spendBudgets">;

/** Brings events and the list of used-up budgets in line with what the scope has spent. A no-op without a budget. */
export async function judge(ctx: MutationCtx, ref: ScopeRef, now: number): Promise<void> {
  const budget = await findBudget(ctx, ref);
  if (budget === null) return;
  const judgements = judgeBudget(budget, await loadSpent(ctx, ref, now));
  const events = dueEvents(judgements, budget.notified);
  for (const event of events) {
    await ctx.db.insert("spendEvents", { ...ref, ...event, at: now });
    log("warn", `budget_${event.kind}`, { ...ref, period: event.period, usd: event.usd });
  }
  if (events.length > 0) {
    const current = new Set(judgements.map(({ period }) => period));
    const kept = budget.notified.filter((note) => current.has(note.slice(note.indexOf(":") + 1)));
    const added = events.map(({ kind, period }) => noteOf(kind, period));
    await ctx.db.patch("spendBudgets", budget._id, { notified: [...kept, ...added] });
  }
  if (await saveExhausted(ctx, ref, exhaustedOf(ref, judgements), now))
    await requestPass(ctx, now, now);
}

function exhaustedOf(ref: ScopeRef, judgements: readonly Judgement[]): Exhausted[] {
  return judgements
    .filter(({ level }) => level === "exhausted")
    .map(({ granularity, usd, limitUsd, resetsAt }) => ({
      ...ref,
      ...{ granularity, usd, limitUsd, resetsAt },
    }));
}

/** Replaces the scope's budget; without limits it is removed. What was spent stays spent. */
export async function saveBudget(
  ctx: MutationCtx,
  ref: ScopeRef,
  limits: BudgetLimits,
  now: number,
): Promise<void> {
  await checkScope(ctx, ref);
  for (const field of ["usdPerDay", "usdPerMonth"] as const) checkUsd(field, limits[field]);
  const known = await findBudget(ctx, ref);
  if (limits.usdPerDay === undefined && limits.usdPerMonth === undefined) {
    if (known !== null) await ctx.db.delete("spendBudgets", known._id);
    await saveExhausted(ctx, ref, [], now);
    return await requestPass(ctx, now, now);
  }
  // Another amount is another budget: it warns again, and an operator's resume was about the old one.
  const row = { ...ref, ...limits, resumedPeriods: [], notified: [], updatedAt: now };
  if (known !== null) await ctx.db.replace("spendBudgets", known._id, row);
  else {
    const count = (await ctx.db.query("spendBudgets").take(MAX_BUDGETS)).length;
    if (count === MAX_BUDGETS)
      refuse("INVALID_ARGUMENT", `There are ${MAX_BUDGETS} budgets already; remove one first.`);
    await ctx.db.insert("spendBudgets", row);
  }
  await judge(ctx, ref, now);
  await requestPass(ctx, now, now);
}

/** @throws INVALID_ARGUMENT when both are given */
export function scopeOf({ agentKey, companyId }: Given<BudgetOwner>): ScopeRef {
  if (agentKey !== undefined && companyId !== undefined)
    refuse("INVALID_ARGUMENT", "Give agentKey or companyId, not both: a budget has one owner.");
  if (agentKey !== undefined) return { scope: "agent", key: agentKey };
  if (companyId !== undefined) return { scope: "company", key: companyId };
  return { scope: "deployment", key: "" };
}
type Given<T> = { [K in keyof T]?: T[K] | undefined };

async function checkScope(ctx: QueryCtx, { scope, key }: ScopeRef): Promise<void> {
  if (scope === "deployment") return;
  if (key.trim() === "" || key.length > MAX_KEY_LENGTH)
    refuse(
      "INVALID_ARGUMENT",
      `The key of the ${scope} must have 1 to ${MAX_KEY_LENGTH} characters.`,
    );
  if (scope === "agent" && (await loadProfile(ctx, key)) === null)
    refuse("AGENT_NOT_FOUND", `Agent '${key}' does not exist: no budget was set.`, {
      agentKey: key,
    });
}

function checkUsd(field: string, usd: number | undefined): void {
  if (usd === undefined || (Number.isFinite(usd) && usd > 0 && usd <= MAX_BUDGET_USD)) return;
  refuse(
    "INVALID_ARGUMENT",
    `${field} must be above 0 and at most ${MAX_BUDGET_USD} USD, got ${usd}. Leave it out for no limit.`,
  );
}

/** Lets the scope go on until its used-up periods end. Null when nothing is used up. */
export async function resume(
  ctx: MutationCtx,
  ref: ScopeRef,
  now: number,
): Promise<{ until: number } | null> {
  await checkScope(ctx, ref);
  const budget = await findBudget(ctx, ref);
  if (budget === null) return null;
  const spent = await loadSpent(ctx, ref, now);
  const used = judgeBudget(budget, spent).filter(({ level }) => level === "exhausted");
  if (used.length === 0) return null;
  const current = new Set(spent.map(({ period }) => period));
  const kept = budget.resumedPeriods.filter((period) => current.has(period));
  await ctx.db.patch("spendBudgets", budget._id, {
    resumedPeriods: [...kept, ...used.map(({ period }) => period)],
  });
  for (const { period, usd, limitUsd } of used)
    await ctx.db.insert("spendEvents", { ...ref, kind: "resumed", period, usd, limitUsd, at: now });
  log("info", "budget_resumed", { scope: nameScope(ref) });
  await judge(ctx, ref, now);
  await requestPass(ctx, now, now);
  return { until: Math.max(...used.map(({ resetsAt }) => resetsAt)) };
}

const LEVELS = ["ok", "warning", "resumed", "exhausted"] as const;

export async function viewBudget(ctx: QueryCtx, budget: Budget, now: number): Promise<BudgetView> {
  const spent = await loadSpent(ctx, budget, now);
  const judgements = judgeBudget(budget, spent);
  const level = LEVELS.findLast((one) => judgements.some((j) => j.level === one)) ?? "ok";
  const ends = judgements.filter((j) => j.level === level).map(({ resetsAt }) => resetsAt);
  const usdOf = (granularity: string) =>
    spent.find((one) => one.granularity === granularity)?.usd ?? 0;
  return {
    scope: budget.scope,
    key: budget.key,
    usdPerDay: budget.usdPerDay ?? null,
    usdPerMonth: budget.usdPerMonth ?? null,
    spentTodayUsd: usdOf("day"),
    spentThisMonthUsd: usdOf("month"),
    level,
    resetsAt: level === "exhausted" || level === "resumed" ? Math.max(...ends) : null,
  };
}

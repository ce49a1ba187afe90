/** This room's rows by intent. */
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import { NO_USAGE } from "./accrual.js";
import type { Spent } from "./budget.js";
import { periodEnd, periodOf } from "./periods.js";
import type { Exhausted, ScopeRef, SpendScope, Usage } from "./validators.js";

const STATE_KEY = "main";
const GRANULARITIES = ["day", "month"] as const;

export async function findBucket(
  ctx: QueryCtx,
  { scope, key }: ScopeRef,
  period: string,
): Promise<Doc<"spendBuckets"> | null> {
  return await ctx.db
    .query("spendBuckets")
    .withIndex("by_scope_and_period_and_key", (q) =>
      q.eq("scope", scope).eq("period", period).eq("key", key),
    )
    .unique();
}

export async function listBuckets(
  ctx: QueryCtx,
  scope: SpendScope,
  period: string,
  limit: number,
): Promise<Doc<"spendBuckets">[]> {
  return await ctx.db
    .query("spendBuckets")
    .withIndex("by_scope_and_period_and_key", (q) => q.eq("scope", scope).eq("period", period))
    .take(limit);
}

export function usageOf(bucket: Doc<"spendBuckets"> | null): Usage {
  if (bucket === null) return NO_USAGE;
  const { runningMs, stoppedMs, volumeMs, usd } = bucket;
  return { runningMs, stoppedMs, volumeMs, usd };
}

/** What the scope spent on the day and in the month of `now`. */
export async function loadSpent(ctx: QueryCtx, ref: ScopeRef, now: number): Promise<Spent[]> {
  const spent: Spent[] = [];
  for (const granularity of GRANULARITIES) {
    const period = periodOf(granularity, now);
    const { usd } = usageOf(await findBucket(ctx, ref, period));
    spent.push({ granularity, period, usd, resetsAt: periodEnd(granularity, now) });
  }
  return spent;
}

export async function findBudget(
  ctx: QueryCtx,
  { scope, key }: ScopeRef,
): Promise<Doc<"spendBudgets"> | null> {
  return await ctx.db
    .query("spendBudgets")
    .withIndex("by_scope_and_key", (q) => q.eq("scope", scope).eq("key", key))
    .unique();
}

/** Every budget that was used up when it was judged last; some may be over by now. */
export async function loadExhausted(ctx: QueryCtx): Promise<Exhausted[]> {
  return (await findState(ctx))?.exhausted ?? [];
}

/** Replaces the entries of one scope. Writes only a difference: every pass depends on this row. */
export async function saveExhausted(
  ctx: MutationCtx,
  ref: ScopeRef,
  entries: readonly Exhausted[],
  now: number,
): Promise<boolean> {
  const state = await findState(ctx);
  const before = state?.exhausted ?? [];
  const others = before.filter(
    (one) => one.resetsAt > now && !(one.scope === ref.scope && one.key === ref.key),
  );
  const exhausted = [...others, ...entries];
  const signature = (list: readonly Exhausted[]) =>
    JSON.stringify(
      list
        .map((e) => [e.scope, e.key, e.granularity, e.limitUsd, e.resetsAt].join("|"))
        .sort((a, b) => (a < b ? -1 : 1)),
    );
  if (signature(before) === signature(exhausted)) return false;
  if (state === null) await ctx.db.insert("spendState", { key: STATE_KEY, exhausted });
  else await ctx.db.patch("spendState", state._id, { exhausted });
  return true;
}

async function findState(ctx: QueryCtx): Promise<Doc<"spendState"> | null> {
  return await ctx.db
    .query("spendState")
    .withIndex("by_key", (q) => q.eq("key", STATE_KEY))
    .unique();
}

/** Writing charges into the buckets: summed up first, so that a pass writes each bucket once, then judged. */
import type { MutationCtx } from "../kit/functions.js";
import { addUsage, NO_USAGE, usageByDay, type Charge } from "./accrual.js";
import { judge } from "./budgets.js";
import { periodOf } from "./periods.js";
import { findBucket, usageOf } from "./store.js";
import type { Granularity, Rates, ScopeRef, Usage } from "./validators.js";

type Payer = { rates: Rates; agentKey?: string; companyId?: string };
type Entry = { ref: ScopeRef; granularity: Granularity; period: string; usage: Usage };

/** Collects charges; `write` adds them to the ledger and judges every budget that they touch. */
export function createPosting() {
  const entries = new Map<string, Entry>();

  function addTo(ref: ScopeRef, granularity: Granularity, at: number, usage: Usage): void {
    const period = periodOf(granularity, at);
    const id = JSON.stringify([ref.scope, ref.key, period]);
    const before = entries.get(id)?.usage ?? NO_USAGE;
    entries.set(id, { ref, granularity, period, usage: addUsage(before, usage) });
  }

  return {
    add(payer: Payer, charges: readonly Charge[]): void {
      const refs: ScopeRef[] = [{ scope: "deployment", key: "" }];
      if (payer.agentKey !== undefined) refs.push({ scope: "agent", key: payer.agentKey });
      if (payer.companyId !== undefined) refs.push({ scope: "company", key: payer.companyId });
      for (const charge of charges)
        for (const { at, usage } of usageByDay(charge, payer.rates))
          for (const ref of refs) {
            addTo(ref, "day", at, usage);
            addTo(ref, "month", at, usage);
          }
    },

    /** What was added for one scope and period. */
    usageOf(ref: ScopeRef, period: string): Usage {
      return entries.get(JSON.stringify([ref.scope, ref.key, period]))?.usage ?? NO_USAGE;
    },

    async write(ctx: MutationCtx, now: number): Promise<void> {
      const touched = new Map<string, ScopeRef>();
      for (const { ref, granularity, period, usage } of entries.values()) {
        const row = await findBucket(ctx, ref, period);
        if (row === null)
          await ctx.db.insert("spendBuckets", { ...ref, granularity, period, ...usage });
        else await ctx.db.patch("spendBuckets", row._id, addUsage(usageOf(row), usage));
        touched.set(JSON.stringify(ref), ref);
      }
      for (const ref of touched.values()) await judge(ctx, ref, now);
    },
  };
}

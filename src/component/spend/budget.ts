/** What a budget means for its scope. Pure: amounts, limits and periods come in, a judgement goes out. */
import {
  WARN_RATIO,
  type BudgetLimits,
  type BudgetView,
  type Exhausted,
  type Granularity,
  type ScopeRef,
  type SpendEventKind,
} from "./validators.js";

export type Spent = { granularity: Granularity; period: string; usd: number; resetsAt: number };

export type Judgement = Spent & {
  limitUsd: number;
  /** `resumed`: used up, and an operator lets it go on until the period ends. */
  level: "ok" | "warning" | "exhausted" | "resumed";
};

/** One judgement for each limit that the budget has. */
export function judgeBudget(
  budget: BudgetLimits & { resumedPeriods: readonly string[] },
  spent: readonly Spent[],
): Judgement[] {
  return spent.flatMap((one) => {
    const limitUsd = one.granularity === "day" ? budget.usdPerDay : budget.usdPerMonth;
    if (limitUsd === undefined) return [];
    const resumed = budget.resumedPeriods.includes(one.period);
    const used = one.usd >= limitUsd ? (resumed ? "resumed" : "exhausted") : null;
    const level = used ?? (one.usd >= limitUsd * WARN_RATIO ? "warning" : "ok");
    return [{ ...one, limitUsd, level }];
  });
}

/** Events that these judgements call for and that were not written yet: one of a kind per period. */
export function dueEvents(
  judgements: readonly Judgement[],
  notified: readonly string[],
): { kind: SpendEventKind; period: string; usd: number; limitUsd: number }[] {
  return judgements.flatMap(({ level, period, usd, limitUsd }) => {
    if (level !== "warning" && level !== "exhausted") return [];
    // Who jumps from below 80 % past 100 % is warned by the exhaustion itself.
    return notified.includes(noteOf(level, period)) ? [] : [{ kind: level, period, usd, limitUsd }];
  });
}

export function noteOf(kind: SpendEventKind, period: string): string {
  return `${kind}:${period}`;
}

/** The used-up budget that keeps this agent from getting machines, the one that lasts longest; null when none does. */
export function findBlock(
  exhausted: readonly Exhausted[],
  payer: { agentKey: string | null; companyId: string | null },
  now: number,
): Exhausted | null {
  const applies = ({ scope, key, resetsAt }: Exhausted) =>
    resetsAt > now &&
    (scope === "deployment" || key === (scope === "agent" ? payer.agentKey : payer.companyId));
  return exhausted
    .filter(applies)
    .reduce<Exhausted | null>(
      (worst, one) => (worst === null || one.resetsAt > worst.resetsAt ? one : worst),
      null,
    );
}

/** For people: whose budget, how much, until when, and what to do. `resetsAt` as text is given by the caller. */
export function describeBlock(block: Exhausted, resetsAtText: string): string {
  const daily = block.granularity === "day" ? "daily" : "monthly";
  return (
    `the ${daily} budget of ${nameScope(block)} (${block.limitUsd.toFixed(2)} USD) is used up; ` +
    `it resets at ${resetsAtText}, or call resumeSpending`
  );
}

/** The budget and what was spent of it, in one sentence. */
export function describeBudget(view: BudgetView): string {
  const parts = [
    ...(view.usdPerDay === null ? [] : [share(view.spentTodayUsd, view.usdPerDay, "today")]),
    ...(view.usdPerMonth === null
      ? []
      : [share(view.spentThisMonthUsd, view.usdPerMonth, "this month")]),
  ];
  const end =
    view.level === "exhausted" ? ": no new machines until it resets or resumeSpending" : "";
  return `Budget of ${nameScope(view)}: ${parts.join(", ")} spent${end}.`;
}

function share(usd: number, limitUsd: number, when: string): string {
  return `${usd.toFixed(2)} of ${limitUsd.toFixed(2)} USD ${when}`;
}

export function nameScope({ scope, key }: ScopeRef): string {
  return scope === "deployment" ? "the deployment" : `${scope} '${key}'`;
}

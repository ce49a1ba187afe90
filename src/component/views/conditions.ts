/** What concerns the whole deployment: one list, the worst first. Pure. */
import type { Condition } from "./validators.js";

export type ConditionFacts = {
  now: number;
  configProblem: string | null;
  missingSecrets: readonly string[];
  /** Creating machines is off until `until`. */
  spawnBlock: { kind: string; message: string; since: number; until: number } | null;
  /** The pass's last errors, and when it began. */
  lastPass: { at: number; errors: readonly string[] } | null;
  /** A wake-up that should have come by now. */
  wakeAt: number | null;
  passRunning: boolean;
  budgets: readonly {
    level: "ok" | "warning" | "exhausted" | "resumed";
    /** Whose budget it is, in words. */
    name: string;
    detail: string;
    resetsAt: number | null;
  }[];
  /** Conversations that are ready and have no worker, up to a bound. */
  waiting: number;
};

/** A wake-up this late was lost. */
const WAKE_LATE_MS = 2 * 60_000;
const ORDER = { error: 0, warning: 1, info: 2 } as const;

export function findConditions(facts: ConditionFacts): Condition[] {
  const conditions: Condition[] = [];
  const add = (
    kind: Condition["kind"],
    severity: Condition["severity"],
    message: string,
    { since = null, until = null }: { since?: number | null; until?: number | null } = {},
  ) => conditions.push({ kind, severity, message, since, until });

  if (facts.configProblem !== null) add("config", "error", facts.configProblem);
  for (const ref of facts.missingSecrets)
    add("secret", "error", `The secret '${ref}' has no value: no machine can be created.`);
  const { spawnBlock: block, lastPass } = facts;
  if (block !== null) {
    const { kind, message, since, until } = block;
    if (kind === "cleanup") add("spawning_stopped", "info", message, { until });
    else
      add(kind === "circuit" ? "provider_down" : "spawning_stopped", "error", message, {
        since,
        until,
      });
  }
  for (const { level, detail, resetsAt } of facts.budgets) {
    if (level === "exhausted") add("budget_exhausted", "error", detail, { until: resetsAt });
    if (level === "warning") add("budget_warning", "warning", detail);
    if (level === "resumed") add("budget_resumed", "info", detail, { until: resetsAt });
  }
  const [firstError, ...more] = lastPass?.errors ?? [];
  if (lastPass !== null && firstError !== undefined) {
    const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
    add("pass_errors", "warning", `${firstError}${others}`, { since: lastPass.at });
  }
  if (!facts.passRunning && facts.wakeAt !== null && facts.wakeAt + WAKE_LATE_MS < facts.now)
    add("scheduler_late", "error", "The scheduler's wake-up is overdue: call startWorkers.", {
      since: facts.wakeAt,
    });
  if (facts.waiting > 0)
    add("waiting", "info", `${facts.waiting} conversations are ready and have no worker.`);
  return conditions.sort((a, b) => ORDER[a.severity] - ORDER[b.severity]);
}

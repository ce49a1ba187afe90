/** When the next pass is needed: the earliest thing that will change by itself. */
import { MIN_PASS_INTERVAL_MS } from "../kit/wake.js";
import { BOOT_DEADLINE_MS } from "../workers/validators.js";
import { countFree } from "./capacity.js";
import { idleSince, type PlanPolicy, type WorkerFacts } from "./facts.js";
import { BLOCKED_RETRY_MS, HEALTH_CHECK_ROUNDS } from "./validators.js";

export type WakeFacts = {
  workers: readonly WorkerFacts[];
  /** Ready conversations without owner. */
  demand: number;
  /** Why unmet demand cannot be met now; null when the next pass may go on. */
  blocked: "spawn_block" | "cap" | null;
  spawnNotBefore: number | null;
  nextWaitingAt: number | null;
  nextLeaseExpiryAt: number | null;
  /** In apps that this pass could list: of others nothing new is learnt by coming again. */
  orphansWatched: number;
  /** The end of the first budget period that demand waits for. */
  budgetResetsAt?: number | null;
  /** The provider, which is down or asked for a pause, may be asked again. */
  gateOpensAt?: number | null;
  /** A former app is due. */
  nextFormerLookAt?: number | null;
};

/** Epoch ms of the next pass, or null when nothing needs one: the deployment sleeps. */
export function nextWakeAt(facts: WakeFacts, policy: PlanPolicy, now: number): number | null {
  const soon = now + MIN_PASS_INTERVAL_MS;
  const again = now + policy.scaling.reconcileIntervalMs;
  const times: number[] = [];
  if (facts.nextWaitingAt !== null) times.push(facts.nextWaitingAt);
  if (facts.nextLeaseExpiryAt !== null) times.push(facts.nextLeaseExpiryAt + 1_000);
  if (typeof facts.budgetResetsAt === "number") times.push(facts.budgetResetsAt);
  if (facts.orphansWatched > 0) times.push(again);
  const hasWork = facts.workers.length > 0 || facts.demand > 0 || facts.orphansWatched > 0;
  if (typeof facts.gateOpensAt === "number" && hasWork) times.push(facts.gateOpensAt);
  // One that was due in this pass and not asked all the same waits like one that did not answer.
  if (typeof facts.nextFormerLookAt === "number")
    times.push(facts.nextFormerLookAt <= now ? again : facts.nextFormerLookAt);
  const blockedUntil =
    facts.spawnNotBefore !== null && facts.spawnNotBefore > now
      ? facts.spawnNotBefore
      : now + BLOCKED_RETRY_MS;
  const unmet = facts.demand - countFree(facts.workers, policy, now);
  if (unmet > 0) {
    if (facts.blocked === null) times.push(soon);
    else times.push(facts.blocked === "cap" ? again : blockedUntil);
  } else if (facts.demand > 0) times.push(again);
  const createAt = facts.blocked === "spawn_block" ? blockedUntil : null;
  for (const worker of facts.workers)
    times.push(...workerTimes(worker, policy, now, again, createAt));
  if (times.length === 0) return null;
  return Math.max(soon, Math.min(...times));
}

function workerTimes(
  worker: WorkerFacts,
  policy: PlanPolicy,
  now: number,
  again: number,
  /** When creating machines is off until. */
  createAt: number | null,
): number[] {
  const later = (at: number | null) => (at === null || at <= now ? again : at);
  switch (worker.status) {
    case "active": {
      // Reserved: only its creation is awaited.
      if (worker.machineId === null && worker.appName !== null)
        return [Math.max(later(worker.nextCreateAt), createAt ?? 0)];
      const deadline =
        worker.firstSeenAt === null
          ? (worker.machineCreatedAt ?? worker.createdAt) + BOOT_DEADLINE_MS
          : worker.heartbeatAt + policy.lease.staleAfterMs;
      const isIdle = worker.load === 0 && !worker.hasWork;
      return [
        later(deadline),
        now + HEALTH_CHECK_ROUNDS * policy.scaling.reconcileIntervalMs,
        ...(isIdle ? [later(idleSince(worker, policy))] : []),
      ];
    }
    case "draining":
      return [Math.min(again, later(worker.drainDeadlineAt))];
    case "stopping":
      return [later(worker.nextTeardownAt)];
    case "stopped":
      return [];
  }
}

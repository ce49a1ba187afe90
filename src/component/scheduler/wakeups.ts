/** When the next pass is needed: the earliest thing that will change by itself. */
import { MIN_PASS_INTERVAL_MS } from "../kit/wake.js";
import { BOOT_DEADLINE_MS } from "../workers/validators.js";
import { idleSince, type PlanPolicy, type WorkerFacts } from "./plan.js";
import { BLOCKED_RETRY_MS, HEALTH_CHECK_ROUNDS } from "./validators.js";

export type WakeFacts = {
  workers: readonly WorkerFacts[];
  /** Ready conversations without owner. */
  unmetDemand: number;
  /** Why unmet demand cannot be met now; null when the next pass may go on. */
  blocked: "spawn_block" | "cap" | null;
  spawnNotBefore: number | null;
  nextWaitingAt: number | null;
  nextLeaseExpiryAt: number | null;
  orphansWatched: number;
};

/** Epoch ms of the next pass, or null when nothing needs one: the deployment sleeps. */
export function nextWakeAt(facts: WakeFacts, policy: PlanPolicy, now: number): number | null {
  const soon = now + MIN_PASS_INTERVAL_MS;
  const again = now + policy.scaling.reconcileIntervalMs;
  const times: number[] = [];
  if (facts.nextWaitingAt !== null) times.push(facts.nextWaitingAt);
  if (facts.nextLeaseExpiryAt !== null) times.push(facts.nextLeaseExpiryAt + 1_000);
  if (facts.orphansWatched > 0) times.push(again);
  if (facts.unmetDemand > 0) {
    if (facts.blocked === null) times.push(soon);
    else if (facts.blocked === "cap") times.push(again);
    else times.push(facts.spawnNotBefore ?? now + BLOCKED_RETRY_MS);
  }
  for (const worker of facts.workers) times.push(...workerTimes(worker, policy, now, again));
  if (times.length === 0) return null;
  return Math.max(soon, Math.min(...times));
}

function workerTimes(
  worker: WorkerFacts,
  policy: PlanPolicy,
  now: number,
  again: number,
): number[] {
  const later = (at: number | null) => (at === null || at <= now ? again : at);
  switch (worker.status) {
    case "active": {
      const booting = worker.firstSeenAt === null;
      const deadline = booting
        ? (worker.machineCreatedAt ?? worker.createdAt) + BOOT_DEADLINE_MS
        : worker.heartbeatAt + policy.lease.staleAfterMs;
      const idle = worker.load === 0 && !worker.hasWork ? idleSince(worker, policy) : null;
      return [
        later(deadline),
        now + HEALTH_CHECK_ROUNDS * policy.scaling.reconcileIntervalMs,
        ...(idle !== null && Number.isFinite(idle) ? [later(idle)] : []),
        ...(worker.machineId === null && worker.appName !== null
          ? [later(worker.nextCreateAt)]
          : []),
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

/** The part of the plan that is about all workers together: who gets a machine, and who makes room. Pure. */
import { isFresh } from "../workers/machine.js";
import { countMachines, type PlanPolicy, type WorkerFacts, type World } from "./facts.js";
import type { Decision } from "./validators.js";

/** Workers without a conversation: each will claim one of the waiting ones by itself. */
export function countFree(
  workers: readonly WorkerFacts[],
  policy: PlanPolicy,
  now: number,
): number {
  return workers.filter(
    (w) =>
      w.status === "active" &&
      w.conversationId === null &&
      w.load === 0 &&
      isFresh(w, policy.lease.staleAfterMs, now),
  ).length;
}

export function planCapacity(
  world: World,
  perWorker: readonly Decision[],
  orphanCount: number,
  policy: PlanPolicy,
  now: number,
): Decision[] {
  const leaving = new Set(
    perWorker.flatMap((d) => (d.kind === "drain" || d.kind === "stop" ? [d.workerId] : [])),
  );
  const staying = world.workers.filter((w) => w.status === "active" && !leaving.has(w.workerId));
  const liveCount = countMachines(world.workers) + orphanCount;
  // What no budget pays for waits, and takes nobody's turn.
  const payable = world.demand.filter((one) => !one.overBudget);
  const unmet = payable.slice(countFree(staying, policy, now));
  const { decisions, capped } = planSpawns(world, unmet, liveCount, policy);
  for (const { conversationId, overBudget } of world.demand)
    if (overBudget) decisions.push({ kind: "hold", conversationId, reason: overBudget.message });

  // Capacity that is already on its way out counts first; then the longest idle workers make room.
  const surplus = Math.max(0, liveCount - policy.scaling.maxWorkers);
  const departing = liveCount - staying.length;
  const evictions = Math.max(0, Math.max(capped, surplus) - departing);
  const idle = staying
    .filter((w) => w.load === 0 && !w.hasWork && w.firstSeenAt !== null)
    .sort((a, b) => (a.lastClaimAt ?? a.createdAt) - (b.lastClaimAt ?? b.createdAt));
  for (const worker of idle.slice(0, evictions))
    decisions.push({
      kind: "drain",
      workerId: worker.workerId,
      drainReason: "evicted",
      reason:
        surplus > 0
          ? "more machines than maxWorkers are live and this one idles longest"
          : "another conversation waits and this worker idles longest",
    });
  return decisions;
}

/** A machine for each conversation as far as the cap, the step and the block allow; a reason for the others. */
function planSpawns(
  world: World,
  unmet: World["demand"],
  liveCount: number,
  { scaling }: PlanPolicy,
): { decisions: Decision[]; capped: number } {
  const room = Math.max(0, scaling.maxWorkers - liveCount);
  const decisions: Decision[] = [];
  let spawned = 0;
  let capped = 0;
  for (const { conversationId, agentKey } of unmet) {
    const hold = (reason: string) => decisions.push({ kind: "hold", conversationId, reason });
    if (world.appName === null) hold("no provider is configured: call setProviderRuntimeConfig");
    else if (world.spawnBlock !== null) hold(world.spawnBlock);
    else if (spawned >= room) {
      capped += 1;
      hold(`maxWorkers (${scaling.maxWorkers}) machines are live`);
    } else if (spawned >= scaling.spawnStep) {
      hold(`spawnStep (${scaling.spawnStep}) reached: the next pass continues`);
    } else {
      spawned += 1;
      const reason = "a message is ready and no worker has its conversation";
      decisions.push({ kind: "spawn", conversationId, agentKey, reason });
    }
  }
  return { decisions, capped };
}

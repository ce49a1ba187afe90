/**
 * What a pass does and why: a pure function of what was loaded and observed. The same function answers
 * `explainPass`. Decisions about one worker are independent of those about others; capacity is shared at the end.
 */
import type { LeasePolicy, ScalingPolicy } from "../config.js";
import { isFresh } from "../workers/machine.js";
import { BOOT_DEADLINE_MS, type WorkerStatus } from "../workers/validators.js";
import {
  MAX_CREATE_ATTEMPTS,
  ORPHAN_GRACE_MS,
  type Decision,
  type Observation,
  type ObservedMachine,
} from "./validators.js";

export type WorkerFacts = {
  workerId: string;
  status: WorkerStatus;
  load: number;
  heartbeatAt: number;
  createdAt: number;
  appName: string | null;
  machineId: string | null;
  machineCreatedAt: number | null;
  firstSeenAt: number | null;
  lastClaimAt: number | null;
  scheduledShutdownAt: number | null;
  drainDeadlineAt: number | null;
  finalSnapshot: boolean;
  createAttempts: number;
  nextCreateAt: number | null;
  nextTeardownAt: number | null;
  machineGone: boolean;
  conversationId: string | null;
  /** Its conversation has a message that is leased or due: it must not be drained for being idle. */
  hasWork: boolean;
};

export type Demand = { conversationId: string; agentKey: string };

export type World = {
  workers: readonly WorkerFacts[];
  /** Ready conversations without owner, most deserving first. */
  demand: readonly Demand[];
  observation: Observation | null;
  /** The configured app; null: no machine can be created. */
  appName: string | null;
  /** Why no machine may be created now, if so. */
  spawnBlock: string | null;
  /** First sight of tagged machines without a live row. */
  orphansSeen: Readonly<Record<string, number>>;
};

export type PlanPolicy = { scaling: ScalingPolicy; lease: LeasePolicy };

export function planPass(world: World, policy: PlanPolicy, now: number): Decision[] {
  const machines = indexMachines(world.observation);
  const perWorker = world.workers.flatMap((worker) =>
    planWorker(worker, machines, world, policy, now),
  );
  const orphans = planOrphans(world, machines, now);
  return [...perWorker, ...orphans, ...planCapacity(world, perWorker, orphans.length, policy, now)];
}

// ── Observation ─────────────────────────────────────────────────────────────

type MachineIndex = {
  listedApps: ReadonlySet<string>;
  byId: ReadonlyMap<string, ObservedMachine>;
  byWorker: ReadonlyMap<string, ObservedMachine>;
  ours: readonly (ObservedMachine & { appName: string })[];
};

function indexMachines(observation: Observation | null): MachineIndex {
  const all = (observation?.apps ?? []).flatMap(({ appName, machines }) =>
    machines.map((machine) => ({ ...machine, appName })),
  );
  const ours = all.filter((machine) => machine.workerTag !== null);
  return {
    listedApps: new Set((observation?.apps ?? []).map((app) => app.appName)),
    byId: new Map(all.map((machine) => [machine.machineId, machine])),
    byWorker: new Map(ours.map((machine) => [machine.workerTag ?? "", machine])),
    ours,
  };
}

/** Positive evidence only: a machine that is merely missing from a list is not "not running". */
function isNotRunning(machine: ObservedMachine | undefined): boolean {
  return (
    machine !== undefined &&
    ["stopped", "destroying", "destroyed", "failed"].includes(machine.phase)
  );
}

// ── One worker ──────────────────────────────────────────────────────────────

function planWorker(
  worker: WorkerFacts,
  machines: MachineIndex,
  world: World,
  policy: PlanPolicy,
  now: number,
): Decision[] {
  switch (worker.status) {
    case "active":
      return planActive(worker, machines, world, policy, now);
    case "draining":
      return planDraining(worker, machines, now);
    case "stopping":
      return worker.nextTeardownAt === null || worker.nextTeardownAt <= now
        ? [
            {
              kind: "teardown",
              workerId: worker.workerId,
              reason: "stopping: machine and volume must go",
            },
          ]
        : [];
    case "stopped":
      return [];
  }
}

function planActive(
  worker: WorkerFacts,
  machines: MachineIndex,
  world: World,
  policy: PlanPolicy,
  now: number,
): Decision[] {
  const { workerId } = worker;
  const drain = (
    drainReason: Extract<Decision, { kind: "drain" }>["drainReason"],
    reason: string,
  ) => [{ kind: "drain", workerId, drainReason, reason }] satisfies Decision[];

  if (worker.machineGone) return drain("machine_gone", "its machine is proven gone");
  if (worker.machineId === null && worker.appName !== null)
    return planReserved(worker, machines, world, now);
  if (worker.machineId !== null) {
    const machine = machines.byId.get(worker.machineId);
    if (isNotRunning(machine))
      return drain(
        "machine_gone",
        `its machine is ${machine?.phase ?? "gone"} while it should work`,
      );
    const listed = worker.appName !== null && machines.listedApps.has(worker.appName);
    if (listed && machine === undefined)
      return [
        {
          kind: "verify",
          workerId,
          machineId: worker.machineId,
          reason: "missing from the list: ask for it by id before concluding anything",
        },
      ];
  }
  if (worker.firstSeenAt === null) {
    const bootedBy = (worker.machineCreatedAt ?? worker.createdAt) + BOOT_DEADLINE_MS;
    return bootedBy <= now && worker.appName !== null
      ? drain("boot_timeout", "it never called home within the boot deadline")
      : [];
  }
  if (!isFresh(worker, policy.lease.staleAfterMs, now))
    return drain("stale", `no sign of life for ${policy.lease.staleAfterMs} ms`);
  if (worker.load === 0 && !worker.hasWork && idleSince(worker, policy) <= now)
    return drain("idle", `idle past its ${policy.scaling.idleTimeoutMs} ms`);
  return [];
}

/** When the worker counts as idle for too long. One that never claimed is measured from its first call. */
export function idleSince(worker: WorkerFacts, policy: PlanPolicy): number {
  const due = worker.scheduledShutdownAt ?? Number.POSITIVE_INFINITY;
  if (worker.lastClaimAt !== null || worker.firstSeenAt === null) return due;
  return Math.max(due, worker.firstSeenAt + policy.scaling.idleTimeoutMs);
}

function planReserved(
  worker: WorkerFacts,
  machines: MachineIndex,
  world: World,
  now: number,
): Decision[] {
  const { workerId } = worker;
  const machine = machines.byWorker.get(workerId);
  if (machine !== undefined && machine.phase !== "destroyed" && machine.phase !== "destroying")
    return [
      {
        kind: "adopt",
        workerId,
        machineId: machine.machineId,
        region: machine.region,
        volumeIds: machine.volumeIds,
        reason: "a machine with its tags exists: an earlier creation took effect",
      },
    ];
  if (worker.createAttempts >= MAX_CREATE_ATTEMPTS)
    return [
      {
        kind: "drain",
        workerId,
        drainReason: "boot_timeout",
        reason: `${worker.createAttempts} creation attempts failed`,
      },
    ];
  if ((worker.nextCreateAt ?? 0) > now || world.spawnBlock !== null) return [];
  return [{ kind: "create", workerId, reason: "reserved, no machine yet" }];
}

function planDraining(worker: WorkerFacts, machines: MachineIndex, now: number): Decision[] {
  const stop = (reason: string): Decision[] => [
    { kind: "stop", workerId: worker.workerId, reason },
  ];
  const machine = worker.machineId === null ? undefined : machines.byId.get(worker.machineId);
  if (worker.lastClaimAt === null) return stop("it never claimed anything: nothing to snapshot");
  if (worker.finalSnapshot && worker.load === 0) return stop("its final snapshot is stored");
  if (worker.machineGone || isNotRunning(machine))
    return stop("its machine does not run any more: no snapshot will come");
  if (worker.drainDeadlineAt !== null && worker.drainDeadlineAt <= now)
    return stop("it did not finish draining in time");
  return [];
}

// ── Machines without a row ──────────────────────────────────────────────────

function planOrphans(world: World, machines: MachineIndex, now: number): Decision[] {
  const live = new Set(world.workers.map((worker) => worker.workerId));
  return machines.ours
    .filter((machine) => machine.phase !== "destroyed" && machine.phase !== "destroying")
    .filter((machine) => !live.has(machine.workerTag ?? ""))
    .map((machine): Decision => {
      const { appName, machineId } = machine;
      const since = world.orphansSeen[machineId];
      return since !== undefined && since + ORPHAN_GRACE_MS <= now
        ? { kind: "destroy_orphan", appName, machineId, reason: "tagged as ours, no live worker" }
        : {
            kind: "watch_orphan",
            appName,
            machineId,
            reason: "tagged as ours, no live worker: look again",
          };
    });
}

// ── Capacity ────────────────────────────────────────────────────────────────

function planCapacity(
  world: World,
  perWorker: readonly Decision[],
  orphanCount: number,
  policy: PlanPolicy,
  now: number,
): Decision[] {
  const leaving = new Set(
    perWorker.flatMap((d) => (d.kind === "drain" || d.kind === "stop" ? [d.workerId] : [])),
  );
  const active = world.workers.filter((w) => w.status === "active" && !leaving.has(w.workerId));
  // A worker that is free will claim one of the waiting conversations by itself.
  const free = active.filter(
    (w) => w.conversationId === null && w.load === 0 && isFresh(w, policy.lease.staleAfterMs, now),
  ).length;
  const unmet = world.demand.slice(free);
  const liveCount = world.workers.length + orphanCount;
  const room = Math.max(0, policy.scaling.maxWorkers - liveCount);

  const decisions: Decision[] = [];
  const hold = (demand: Demand, reason: string) =>
    decisions.push({ kind: "hold", conversationId: demand.conversationId, reason });
  let spawned = 0;
  let capped = 0;
  for (const demand of unmet) {
    if (world.appName === null)
      hold(demand, "no provider is configured: call setProviderRuntimeConfig");
    else if (world.spawnBlock !== null) hold(demand, world.spawnBlock);
    else if (spawned >= room) {
      capped += 1;
      hold(demand, `maxWorkers (${policy.scaling.maxWorkers}) machines are live`);
    } else if (spawned >= policy.scaling.spawnStep) {
      hold(demand, `spawnStep (${policy.scaling.spawnStep}) reached: the next pass continues`);
    } else {
      spawned += 1;
      decisions.push({
        kind: "spawn",
        conversationId: demand.conversationId,
        agentKey: demand.agentKey,
        reason: "a message is ready and no worker has its conversation",
      });
    }
  }

  // Capacity that is already on its way out counts first; then the longest idle workers make room.
  const departing = world.workers.length - active.length;
  const surplus = Math.max(0, liveCount - policy.scaling.maxWorkers);
  const evictions = Math.max(0, Math.max(capped, surplus) - departing);
  const idle = active
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

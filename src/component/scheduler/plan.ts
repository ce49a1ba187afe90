/**
 * What a pass does and why: a pure function of what was loaded and observed. The same function answers
 * `explainPass`. Decisions about one worker are independent of those about others; capacity is shared at the end.
 */
import { isFresh } from "../workers/machine.js";
import { BOOT_DEADLINE_MS } from "../workers/validators.js";
import { planCapacity } from "./capacity.js";
import {
  idleSince,
  indexMachines,
  isNotRunning,
  type MachineIndex,
  type PlanPolicy,
  type WorkerFacts,
  type World,
} from "./facts.js";
import { planOrphans, planOrphanVolumes } from "./orphans.js";
import {
  MAX_CREATE_ATTEMPTS,
  type Decision,
  type DecisionOf,
  type ObservedMachine,
} from "./validators.js";

export type { Demand, PlanPolicy, WorkerFacts, World } from "./facts.js";

export function planPass(world: World, policy: PlanPolicy, now: number): Decision[] {
  const machines = indexMachines(world.observation);
  const perWorker = world.workers.flatMap((worker) =>
    planWorker(worker, machines, world, policy, now),
  );
  const orphans = planOrphans(world, machines, now);
  return [
    ...perWorker,
    ...orphans,
    ...planOrphanVolumes(world, now),
    ...planCapacity(world, perWorker, orphans.length, policy, now),
  ];
}

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
  const drain = (drainReason: DecisionOf<"drain">["drainReason"], reason: string): Decision[] => [
    { kind: "drain", workerId, drainReason, reason },
  ];

  if (worker.machineGone) return drain("machine_gone", "its machine is proven gone");
  if (typeof worker.overBudget === "string") return drain("budget", worker.overBudget);
  if (worker.machineId === null && worker.appName !== null)
    return planReserved(worker, machines, world, now);
  const machine = worker.machineId === null ? undefined : machines.byId.get(worker.machineId);
  if (isNotRunning(machine))
    return drain("machine_gone", `its machine is ${machine?.phase ?? "gone"} while it should work`);
  return [
    ...verifyMissing(worker, machine, machines),
    ...planLiveness(worker, policy, now).flatMap(([why, reason]) => drain(why, reason)),
  ];
}

function verifyMissing(
  { workerId, machineId, appName }: WorkerFacts,
  machine: ObservedMachine | undefined,
  machines: MachineIndex,
): Decision[] {
  const listed = appName !== null && machines.listedApps.has(appName);
  if (machineId === null || machine !== undefined || !listed) return [];
  const reason = "missing from the list: ask for it by id before concluding anything";
  return [{ kind: "verify", workerId, machineId, reason }];
}

/** Whether it gave a sign of life in time, and is of use. */
function planLiveness(
  worker: WorkerFacts,
  policy: PlanPolicy,
  now: number,
): [DecisionOf<"drain">["drainReason"], string][] {
  const { idleTimeoutMs } = policy.scaling;
  const { staleAfterMs } = policy.lease;
  if (worker.firstSeenAt === null) {
    const bootedBy = (worker.machineCreatedAt ?? worker.createdAt) + BOOT_DEADLINE_MS;
    return bootedBy <= now && worker.appName !== null
      ? [["boot_timeout", "it never called home within the boot deadline"]]
      : [];
  }
  if (!isFresh(worker, staleAfterMs, now))
    return [["stale", `no sign of life for ${staleAfterMs} ms`]];
  if (worker.load === 0 && !worker.hasWork && idleSince(worker, policy) <= now)
    return [["idle", `idle past its ${idleTimeoutMs} ms`]];
  return [];
}

function planReserved(
  worker: WorkerFacts,
  machines: MachineIndex,
  world: World,
  now: number,
): Decision[] {
  const { workerId } = worker;
  const machine = machines.byWorker.get(workerId);
  if (machine !== undefined)
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
  const stop = (reason: string, isMachineDead = false): Decision[] => [
    { kind: "stop", workerId: worker.workerId, isMachineDead, reason },
  ];
  const machine = worker.machineId === null ? undefined : machines.byId.get(worker.machineId);
  if (worker.lastClaimAt === null) return stop("it never claimed anything: nothing to snapshot");
  if (worker.finalSnapshot && worker.load === 0) return stop("its final snapshot is stored");
  if (worker.machineGone || isNotRunning(machine))
    return stop("its machine does not run any more: no snapshot will come", true);
  if (worker.drainDeadlineAt !== null && worker.drainDeadlineAt <= now)
    return stop("it did not finish draining in time");
  // Gone with its memory: its conversation need not wait for the deadline.
  return verifyMissing(worker, machine, machines);
}

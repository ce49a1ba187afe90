/** What a plan is made of: the rows as plain facts, and what was observed of the machines. */
import type { LeasePolicy, ScalingPolicy } from "../config.js";
import type { WorkerStatus } from "../workers/validators.js";
import type { Observation, ObservedMachine } from "./validators.js";

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
  /** Whose used-up budget it lives on, in a sentence. */
  overBudget?: string | null;
};

export type Demand = {
  conversationId: string;
  agentKey: string;
  /** The used-up budget that keeps it from getting a machine. */
  overBudget?: { message: string; resetsAt: number } | null;
};

export type World = {
  workers: readonly WorkerFacts[];
  /** Ready conversations without owner, most deserving first. */
  demand: readonly Demand[];
  observation: Observation | null;
  /** The configured app; null: no machine can be created. */
  appName: string | null;
  /** Why no machine may be created now, if so. */
  spawnBlock: string | null;
  /** Volumes named by rows of ours that are all stopped, and held by no machine that is there. */
  orphanVolumes: readonly { appName: string; volumeId: string; workerId: string }[];
  /** First sight of tagged machines and volumes without a live row. */
  orphansSeen: Readonly<Record<string, number>>;
};

export type PlanPolicy = { scaling: ScalingPolicy; lease: LeasePolicy };

export type MachineIndex = {
  listedApps: ReadonlySet<string>;
  byId: ReadonlyMap<string, ObservedMachine>;
  /** Those of ours that are not on their way out, by the worker they name. */
  byWorker: ReadonlyMap<string, ObservedMachine>;
  ours: readonly (ObservedMachine & { appName: string })[];
};

export function indexMachines(observation: Observation | null): MachineIndex {
  const all = (observation?.apps ?? []).flatMap(({ appName, machines }) =>
    machines.map((machine) => ({ ...machine, appName })),
  );
  const ours = all.filter((machine) => machine.workerTag !== null && !isLeaving(machine));
  return {
    listedApps: new Set((observation?.apps ?? []).map((app) => app.appName)),
    byId: new Map(all.map((machine) => [machine.machineId, machine])),
    byWorker: new Map(ours.map((machine) => [machine.workerTag ?? "", machine])),
    ours,
  };
}

function isLeaving(machine: ObservedMachine): boolean {
  return machine.phase === "destroying" || machine.phase === "destroyed";
}

/** Positive evidence only: a machine that is merely missing from a list is not "not running". */
export function isNotRunning(machine: ObservedMachine | undefined): boolean {
  return (
    machine !== undefined &&
    (isLeaving(machine) || machine.phase === "stopped" || machine.phase === "failed")
  );
}

/** Rows that may have a machine: all but those whose machine is proven gone and that only wait for a volume. */
export function countMachines(workers: readonly WorkerFacts[]): number {
  return workers.filter((worker) => !worker.machineGone).length;
}

/**
 * When the worker counts as idle for too long. One that never claimed is measured from its first call, one without
 * a deadline from its last claim.
 */
export function idleSince(worker: WorkerFacts, policy: PlanPolicy): number {
  const { idleTimeoutMs } = policy.scaling;
  const from = worker.lastClaimAt ?? worker.firstSeenAt ?? worker.createdAt;
  const due = worker.scheduledShutdownAt ?? from + idleTimeoutMs;
  if (worker.lastClaimAt !== null || worker.firstSeenAt === null) return due;
  return Math.max(due, worker.firstSeenAt + idleTimeoutMs);
}

/** The configured app, and those of live rows. */
export function appsInUse(world: Pick<World, "workers" | "appName">): ReadonlySet<string> {
  const apps = world.workers.flatMap((worker) => worker.appName ?? []);
  return new Set([...apps, ...(world.appName === null ? [] : [world.appName])]);
}

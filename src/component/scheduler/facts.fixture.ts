/** Worlds for tests of the plan: one line per fact that matters. */
import { DEFAULT_CONFIG } from "../config.js";
import type { PlanPolicy, WorkerFacts, World } from "./facts.js";
import type { Decision, ObservedMachine } from "./validators.js";

export const NOW = 1_800_000_000_000;
export const POLICY: PlanPolicy = { scaling: DEFAULT_CONFIG.scaling, lease: DEFAULT_CONFIG.lease };

export function policyOf(scaling: Partial<PlanPolicy["scaling"]>): PlanPolicy {
  return { ...POLICY, scaling: { ...POLICY.scaling, ...scaling } };
}

/** A worker that booted long ago, answered a minute ago and idles. */
export function workerFacts(more: Partial<WorkerFacts> = {}): WorkerFacts {
  return {
    workerId: "w1",
    status: "active",
    load: 0,
    heartbeatAt: NOW - 5_000,
    createdAt: NOW - 600_000,
    appName: "app",
    machineId: "m1",
    machineCreatedAt: NOW - 600_000,
    firstSeenAt: NOW - 590_000,
    lastClaimAt: NOW - 60_000,
    scheduledShutdownAt: NOW + 1_740_000,
    drainDeadlineAt: null,
    finalSnapshot: false,
    createAttempts: 1,
    nextCreateAt: null,
    nextTeardownAt: null,
    machineGone: false,
    conversationId: "c1",
    hasWork: false,
    ...more,
  };
}

/** Reserved a second ago, never created. */
export function reservedFacts(more: Partial<WorkerFacts> = {}): WorkerFacts {
  return workerFacts({
    createdAt: NOW - 1_000,
    heartbeatAt: NOW - 1_000,
    machineId: null,
    machineCreatedAt: null,
    firstSeenAt: null,
    lastClaimAt: null,
    createAttempts: 0,
    nextCreateAt: NOW - 1_000,
    hasWork: true,
    ...more,
  });
}

export function machine(more: Partial<ObservedMachine> = {}): ObservedMachine {
  return {
    machineId: "m1",
    name: "w1",
    phase: "running",
    workerTag: "w1",
    volumeIds: ["vol_1"],
    region: "fra",
    ...more,
  };
}

/** A world whose app was listed and holds exactly the machines given. */
export function world(
  more: Partial<Omit<World, "demand">> & {
    machines?: ObservedMachine[];
    demand?: string[];
  } = {},
): World {
  const { machines = [], demand = [], ...rest } = more;
  return {
    workers: [],
    observation: { apps: [{ appName: "app", machines }] },
    appName: "app",
    spawnBlock: null,
    orphansSeen: {},
    orphanVolumes: [],
    demand: demand.map((conversationId) => ({ conversationId, agentKey: "default" })),
    ...rest,
  };
}

/** A decision as "kind subject detail". */
export function brief(decision: Decision): string {
  const subject =
    "workerId" in decision
      ? decision.workerId
      : "conversationId" in decision
        ? decision.conversationId
        : decision.machineId;
  return [decision.kind, subject, "drainReason" in decision ? decision.drainReason : ""]
    .filter((part) => part !== "")
    .join(" ");
}

/** What a pass sees, decides and does. */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { MACHINE_PHASES } from "../providers/validators.js";
import { vDrainReason, vWorkerStatus } from "../workers/validators.js";

/** What the plan needs to know of a machine. */
export const vObservedMachine = v.object({
  machineId: v.string(),
  name: v.string(),
  phase: literals(...MACHINE_PHASES),
  /** The worker named by our tags; null when the machine is not ours, or cannot prove it. */
  workerTag: v.union(v.null(), v.string()),
  volumeIds: v.array(v.string()),
  region: v.string(),
  /** By the provider's clock: when it was created, when it came into its phase, and since when its guest does not run. */
  createdAt: v.optional(v.number()),
  changedAt: v.optional(v.number()),
  stoppedAt: v.optional(v.number()),
});
export type ObservedMachine = Infer<typeof vObservedMachine>;

/** A volume that still costs something. */
export const vObservedVolume = v.object({
  volumeId: v.string(),
  name: v.string(),
  attachedMachineId: v.union(v.null(), v.string()),
});
export type ObservedVolume = Infer<typeof vObservedVolume>;

/** One list per app; an app that could not be listed is absent: nothing is concluded about it. */
export const vObservation = v.object({
  /** Apps that the provider does not know. */
  missingApps: v.optional(v.array(v.string())),
  apps: v.array(
    v.object({
      appName: v.string(),
      machines: v.array(vObservedMachine),
      /** Absent when they were not listed. */
      volumes: v.optional(v.array(vObservedVolume)),
    }),
  ),
});
export type Observation = Infer<typeof vObservation>;

export const vDecision = v.union(
  v.object({
    kind: v.literal("spawn"),
    conversationId: v.string(),
    agentKey: v.string(),
    reason: v.string(),
  }),
  v.object({ kind: v.literal("create"), workerId: v.string(), reason: v.string() }),
  v.object({
    kind: v.literal("adopt"),
    workerId: v.string(),
    machineId: v.string(),
    region: v.string(),
    volumeIds: v.array(v.string()),
    reason: v.string(),
  }),
  v.object({
    kind: v.literal("verify"),
    workerId: v.string(),
    machineId: v.string(),
    reason: v.string(),
  }),
  v.object({
    kind: v.literal("drain"),
    workerId: v.string(),
    drainReason: vDrainReason,
    reason: v.string(),
  }),
  v.object({
    kind: v.literal("stop"),
    workerId: v.string(),
    /** Its machine died by itself; otherwise we end it, with whatever it still holds. */
    isMachineDead: v.boolean(),
    reason: v.string(),
  }),
  v.object({ kind: v.literal("teardown"), workerId: v.string(), reason: v.string() }),
  v.object({
    kind: v.literal("watch_orphan"),
    appName: v.string(),
    machineId: v.string(),
    reason: v.string(),
  }),
  v.object({
    kind: v.literal("destroy_orphan"),
    appName: v.string(),
    machineId: v.string(),
    reason: v.string(),
  }),
  v.object({
    kind: v.literal("watch_orphan_volume"),
    appName: v.string(),
    volumeId: v.string(),
    workerId: v.string(),
    reason: v.string(),
  }),
  v.object({
    kind: v.literal("destroy_orphan_volume"),
    appName: v.string(),
    volumeId: v.string(),
    workerId: v.string(),
    reason: v.string(),
  }),
  v.object({ kind: v.literal("hold"), conversationId: v.string(), reason: v.string() }),
);
export type Decision = Infer<typeof vDecision>;
export type DecisionOf<K extends Decision["kind"]> = Extract<Decision, { kind: K }>;

/** What the action does after the reservation. */
export const vEffect = v.union(
  v.object({ kind: v.literal("create"), workerId: v.string() }),
  v.object({ kind: v.literal("verify"), workerId: v.string(), machineId: v.string() }),
  v.object({ kind: v.literal("teardown"), workerId: v.string() }),
);
export type Effect = Infer<typeof vEffect>;

/** Something at the provider without a live row (`machine`, `volume`), or a live row without its machine (`row`). */
export const vLeak = v.object({
  kind: literals("machine", "volume", "row"),
  /** Of the machine, the volume or the worker. */
  id: v.string(),
  appName: v.union(v.null(), v.string()),
  workerId: v.union(v.null(), v.string()),
  reason: v.string(),
  /** First sight, epoch ms. */
  since: v.number(),
});
export type Leak = Infer<typeof vLeak>;

export const vPassReport = v.object({
  activeWorkers: v.number(),
  spawned: v.number(),
  terminated: v.number(),
});
export type PassReport = Infer<typeof vPassReport>;

export const vWorkerView = v.object({
  workerId: v.string(),
  status: vWorkerStatus,
  load: v.number(),
  conversationId: v.union(v.null(), v.string()),
  machineId: v.union(v.null(), v.string()),
  heartbeatAt: v.number(),
});

/** Ready conversations one pass looks at: more than maxWorkers can ever serve at once. */
export const DEMAND_LIMIT = 100;
/** Rows read to find them, behind those that wait for money. */
export const MAX_LOOKED_AT = 1_000;
/** Waiting heads that became due and are made ready in one pass. */
export const PROMOTE_LIMIT = 200;
/** Effects of one pass; at one call per second and action they stay well within a pass's lease. */
export const MAX_EFFECTS_PER_PASS = 30;
/** Workers that are told to go, or given up, in one commit. */
export const MAX_PARTINGS_PER_PASS = 60;
/** A tagged machine without a live row is destroyed when it was seen again after this time. */
export const ORPHAN_GRACE_MS = 90_000;
/** Creation attempts of one worker under the same name before it is given up. */
export const MAX_CREATE_ATTEMPTS = 6;
/**
 * A live fleet without any nearer deadline is looked at every so many reconcile intervals (a minute by default):
 * machines can die silently.
 */
export const HEALTH_CHECK_ROUNDS = 4;
/** With unmet demand and nothing to do about it now, look again this late. */
export const BLOCKED_RETRY_MS = 5 * 60_000;
/** Machines of one app that are kept as last seen: more than maxWorkers allows, and some that are not ours. */
export const MAX_SIGHTINGS = 500;

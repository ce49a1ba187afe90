import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { MINUTE_MS, SECOND_MS } from "../../shared/time.js";

export const WORKER_STATUSES = ["active", "draining", "stopping", "stopped"] as const;
export const vWorkerStatus = literals(...WORKER_STATUSES);
export type WorkerStatus = Infer<typeof vWorkerStatus>;

export const DRAIN_REASONS = [
  "idle",
  "stale",
  "boot_timeout",
  "machine_gone",
  "evicted",
  "operator",
  "budget",
  "exited",
] as const;
export const vDrainReason = literals(...DRAIN_REASONS);
export type DrainReason = Infer<typeof vDrainReason>;

export const vAssignment = v.object({
  conversationId: v.string(),
  agentKey: v.string(),
  leaseId: v.string(),
  assignedAt: v.number(),
});

/** What a worker said it loaded. */
export const vLoadedSkills = v.object({
  /** The hash over the loaded skills: that of the deployed manifest when none was refused. */
  manifestVersion: v.string(),
  skills: v.array(v.object({ slug: v.string(), version: v.string() })),
  /** Released for this worker, but damaged or not writable there. */
  refused: v.array(v.object({ slug: v.string(), reason: v.string() })),
  loadedAt: v.number(),
});
export type LoadedSkills = Infer<typeof vLoadedSkills>;

export const vMachineRef = v.object({
  appName: v.string(),
  machineId: v.string(),
  region: v.optional(v.string()),
});

export const vWorkerStatsRow = v.object({
  workerId: v.string(),
  status: vWorkerStatus,
  load: v.number(),
  heartbeatAt: v.number(),
  machineId: v.union(v.null(), v.string()),
  appName: v.union(v.null(), v.string()),
});

/** Live workers that one pass or listing reads; also the ceiling for scaling.maxWorkers. */
export const MAX_LIVE_WORKERS = 200;
/** A worker that never called home within this time is drained: 2 min of image pull is usual, hours have been seen. */
export const BOOT_DEADLINE_MS = 10 * MINUTE_MS;
/** A draining worker gets this long for its final snapshot, then its machine is destroyed by force. */
export const DRAIN_DEADLINE_MS = 3 * MINUTE_MS;
/** A busy worker whose budget is used up finishes its message; it takes no other one. */
export const BUDGET_DRAIN_DEADLINE_MS = 15 * MINUTE_MS;
/** An idle worker's polls refresh its heartbeat at most this often: bounded writes for any poll rate. */
export const IDLE_HEARTBEAT_MS = 60 * SECOND_MS;
/** After a provider answered, a machine missing from lists within this time may just not be visible yet. */
export const MACHINE_GRACE_MS = 90 * SECOND_MS;

/** The words of the provider boundary: what a machine looks like to us, and how a call can fail. */

import { v, type Infer } from "convex/values";

/** Tags on everything we create; `deployment` keeps two deployments in one app apart. */
export const MACHINE_TAGS = {
  managedBy: "managed_by",
  deployment: "agent_factory_deployment",
  worker: "agent_factory_worker",
} as const;
export const MANAGED_BY = "agent-factory";

/**
 * What a machine is doing, in our words. `unknown` is any state string we do not know: it is never
 * read as "stopped" or "gone".
 */
export const MACHINE_PHASES = [
  "booting",
  "running",
  "stopping",
  "stopped",
  "destroying",
  "destroyed",
  "failed",
  "unknown",
] as const;
export type MachinePhase = (typeof MACHINE_PHASES)[number];

export type ProviderMachine = {
  machineId: string;
  /** The name given at creation; equal to the workerId for machines of ours. */
  name: string;
  phase: MachinePhase;
  /** The provider's own word for the state, for people. */
  state: string;
  region: string;
  image: string | null;
  /** Tags, or null when the provider could not show them (host unreachable): ownership is then unproven. */
  tags: Record<string, string> | null;
  volumeIds: string[];
  /** Epoch ms by the provider's clock; null when unknown. */
  createdAt: number | null;
  /** When the machine came into its state, by the provider's clock; absent or null when unknown. */
  changedAt?: number | null;
  /** Since when its guest does not run, by the provider's clock; absent or null while it may run, and when unknown. */
  stoppedAt?: number | null;
  hostReachable: boolean;
};

/** How a machine ended, by the provider's clock; each is null when nobody knows. */
export const vMachineEnd = v.object({
  /** Its guest does not run since then. */
  stoppedAt: v.union(v.null(), v.number()),
  destroyedAt: v.union(v.null(), v.number()),
});
export type MachineEnd = Infer<typeof vMachineEnd>;

export type ProviderVolume = {
  volumeId: string;
  name: string;
  region: string;
  state: string;
  /** True once deletion is under way or done: nothing is billed any more. */
  dying: boolean;
  attachedMachineId: string | null;
  sizeGb: number;
};

export type MachineSpec = {
  /** Deterministic per worker: the name is our idempotency key. */
  name: string;
  region: string;
  image: string;
  env: Record<string, string>;
  tags: Record<string, string>;
  volume: { name: string; path: string; sizeGb: number } | null;
  guest: { cpuKind: "shared" | "performance"; cpus: number; memoryMb: number };
  /** Grace between the stop signal and the kill; the worker snapshots in it. At most 300 s on Fly. */
  stopTimeoutSeconds: number;
  /** Tried in this order when a region has no room, volume and machine together. */
  fallbackRegions?: readonly string[];
  /** Default "no". */
  restart?: { policy: "no" | "on-failure" | "always"; maxRetries?: number };
  /** Default true. */
  autoDestroy?: boolean;
};

/** Kinds of failure; see docs/ARCHITECTURE for what the scheduler does about each. */
export const PROVIDER_ERROR_KINDS = [
  "auth",
  "forbidden",
  "appMissing",
  "notFound",
  "nameConflict",
  "leaseHeld",
  "precondition",
  "volumeBound",
  "capacity",
  "quota",
  "rateLimited",
  "imageMissing",
  "invalid",
  "transient",
  "malformed",
] as const;
export type ProviderErrorKind = (typeof PROVIDER_ERROR_KINDS)[number];

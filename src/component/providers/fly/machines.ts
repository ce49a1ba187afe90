/** Translation between our words and Fly's JSON. Pure. */
import { ProviderError } from "../provider.js";
import type { MachinePhase, MachineSpec, ProviderMachine, ProviderVolume } from "../validators.js";
import type { FlyMachine, FlyVolume } from "./schemas.js";

/** Fly's maximum for the grace between the stop signal and the kill. */
export const MAX_STOP_SECONDS = 300;

/** Fly's states; every other word is `unknown`. (`replaced` and `migrated` end a version, not a machine.) */
const PHASES = new Map<string, MachinePhase>([
  ["created", "booting"],
  ["creating", "booting"],
  ["starting", "booting"],
  ["restarting", "booting"],
  ["updating", "booting"],
  ["replacing", "booting"],
  ["started", "running"],
  ["stopping", "stopping"],
  ["suspending", "stopping"],
  ["stopped", "stopped"],
  ["suspended", "stopped"],
  ["destroying", "destroying"],
  ["destroyed", "destroyed"],
  ["failed", "failed"],
  ["launch_failed", "failed"],
]);

const AT_REST: ReadonlySet<MachinePhase | undefined> = new Set<MachinePhase>([
  ...(["stopped", "failed", "destroying", "destroyed"] as const),
]);

/** Volume states on the way out: the list still shows them, nothing is billed any more. */
const DYING_VOLUME_STATES = new Set([
  "scheduling_destroy",
  "fork_cleanup",
  "waiting_for_detach",
  "pending_destroy",
  "destroying",
  "destroyed",
]);

/** Body of the create call for `spec`, with `volumeId` at the path that the spec names. */
export function machineBody(spec: MachineSpec, volumeId: string | null): unknown {
  return {
    name: spec.name,
    // Never left out: Fly would choose a region near the caller, which is a Convex data centre.
    region: spec.region,
    config: {
      image: spec.image,
      env: spec.env,
      metadata: spec.tags,
      guest: guestBody(spec),
      // Whether a worker is replaced is our decision: by default Fly neither restarts one nor keeps its remains.
      restart: restartBody(spec),
      auto_destroy: spec.autoDestroy ?? true,
      stop_config: { signal: "SIGTERM", timeout: stopTimeout(spec.stopTimeoutSeconds) },
      // No `services`: the proxy would wake a machine that we stopped.
      ...(spec.volume && volumeId
        ? { mounts: [{ volume: volumeId, path: spec.volume.path }] }
        : {}),
    },
  };
}

/** Body of the create call for the volume of `spec`. */
export function volumeBody(spec: MachineSpec, volume: NonNullable<MachineSpec["volume"]>): unknown {
  return {
    name: volume.name,
    region: spec.region,
    size_gb: volume.sizeGb,
    encrypted: true,
    // Snapshots outlive the volume, are billed, and cannot be deleted; our memory lives in Convex.
    auto_backup_enabled: false,
    snapshot_retention: 1,
    // Would make creation fail once every host of the region holds a volume of this name.
    require_unique_zone: false,
    // Places the volume on a host where the machine fits as well.
    compute: guestBody(spec),
  };
}

function restartBody({ restart }: MachineSpec) {
  const { policy, maxRetries } = restart ?? { policy: "no" as const };
  return { policy, ...(maxRetries === undefined ? {} : { max_retries: maxRetries }) };
}

function guestBody(spec: MachineSpec) {
  const { cpuKind, cpus, memoryMb } = spec.guest;
  return { cpu_kind: cpuKind, cpus, memory_mb: memoryMb };
}

/**
 * A number of seconds as Fly reads durations, at most 300 s.
 * @throws ProviderError `invalid` when it is not a positive number
 */
export function stopTimeout(seconds: number): string {
  if (Number.isFinite(seconds) && seconds > 0) {
    return `${Math.min(MAX_STOP_SECONDS, Math.ceil(seconds))}s`;
  }
  throw new ProviderError("invalid", `Not a stop timeout in seconds: ${String(seconds)}`);
}

export function toProviderMachine(machine: FlyMachine): ProviderMachine {
  const config = machine.config ?? machine.incomplete_config;
  const state = machine.state ?? "";
  return {
    machineId: machine.id,
    name: machine.name ?? "",
    phase: PHASES.get(state) ?? "unknown",
    state,
    region: machine.region ?? "",
    image: config?.image ?? null,
    tags: tagsOf(machine),
    volumeIds: (config?.mounts ?? []).flatMap((mount) => (mount.volume ? [mount.volume] : [])),
    createdAt: timestamp(machine.created_at),
    changedAt: timestamp(machine.updated_at),
    stoppedAt: stoppedAt(machine),
    hostReachable: (machine.host_status ?? (machine.config ? "ok" : "unknown")) === "ok",
  };
}

/** A machine that is being destroyed stopped before that: its events say when the last run ended. */
function stoppedAt({ state, updated_at, events }: FlyMachine): number | null {
  const isAtRest = (status: string | null | undefined) => AT_REST.has(PHASES.get(status ?? ""));
  if (!isAtRest(state)) return null;
  let since = timestamp(updated_at);
  for (const { status, timestamp: at } of events ?? []) {
    if (!isAtRest(status)) break;
    if (typeof at === "number") since = Math.min(since ?? at, at);
  }
  return since;
}

/** No metadata in a whole config means "no tags"; in a partial config, or in none, it means "not shown". */
function tagsOf(machine: FlyMachine): Record<string, string> | null {
  const metadata = (machine.config ?? machine.incomplete_config)?.metadata;
  if (!metadata) return machine.config ? {} : null;
  const strings = Object.entries(metadata).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return Object.fromEntries(strings);
}

export function toProviderVolume(volume: FlyVolume): ProviderVolume {
  const state = volume.state ?? "";
  return {
    volumeId: volume.id,
    name: volume.name ?? "",
    region: volume.region ?? "",
    state,
    dying: DYING_VOLUME_STATES.has(state),
    attachedMachineId: volume.attached_machine_id || null,
    sizeGb: volume.size_gb ?? 0,
  };
}

function timestamp(text: string | null | undefined): number | null {
  const ms = text ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

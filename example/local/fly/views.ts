import { isDying, type Machine, type ProcessMachine, type Volume } from "./types.js";
import type { World } from "./world.js";

/** RFC 3339 without fractions, as the real API writes it. */
export function timestamp(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

function imageRef(image: string) {
  const [, name = image, tag, digest] = /^(.*?)(?::([^:/@]+))?(?:@(.+))?$/.exec(image) ?? [];
  const slash = name.indexOf("/");
  const hasRegistry = slash > 0 && /[.:]/.test(name.slice(0, slash));
  return {
    registry: hasRegistry ? name.slice(0, slash) : "docker-hub-mirror.fly.io",
    repository: hasRegistry ? name.slice(slash + 1) : name,
    tag: tag ?? "latest",
    digest: digest ?? "",
    labels: null,
  };
}

export function machineView(machine: Machine, state: string = machine.state) {
  return {
    id: machine.id,
    name: machine.name,
    state: machine.shownState ?? state,
    region: machine.region,
    image_ref: imageRef(machine.config.image),
    instance_id: machine.instanceId,
    version: machine.instanceId,
    private_ip: machine.privateIp,
    created_at: timestamp(machine.createdAt),
    updated_at: timestamp(machine.updatedAt),
    config: machine.config,
    incomplete_config: null,
    events: machine.events,
    checks: [],
    cordoned: machine.cordoned,
    host_status: "ok",
    ...(machine.nonce !== null && { nonce: machine.nonce }),
  };
}

const SUMMARY_DROPS = [
  "config",
  "incomplete_config",
  "checks",
  "events",
  "host_status",
  "nonce",
] as const;

export function machineSummary(view: ReturnType<typeof machineView>) {
  const short: Partial<typeof view> = { ...view };
  for (const field of SUMMARY_DROPS) delete short[field];
  return short;
}

export function volumeView(volume: Volume) {
  return {
    id: volume.id,
    name: volume.name,
    state: volume.state as string,
    size_gb: volume.sizeGb,
    region: volume.region,
    zone: volume.zone,
    encrypted: volume.encrypted,
    attached_machine_id: volume.attachedMachineId,
    attached_alloc_id: null,
    created_at: timestamp(volume.createdAt),
    host_status: "ok",
    snapshot_retention: volume.snapshotRetention,
    auto_backup_enabled: volume.autoBackup,
    fstype: "ext4",
  };
}

/** The state that a list shows, which may be older than the one of a GET. */
export function listedState(world: World, machine: Machine): string {
  const seenAt = world.clock.now() - world.switches.listLagMs;
  return machine.history.findLast(({ at }) => at <= seenAt)?.state ?? "created";
}

export function listedVolume(world: World, volume: Volume) {
  const view = volumeView(volume);
  const deletedFor = world.clock.now() - (volume.deletedAt ?? 0);
  const stale = isDying(volume.state) && deletedFor < world.switches.volumeListLagMs;
  return stale ? { ...view, state: "created" } : view;
}

/** What runs on a machine sees its configured environment and who it is. */
export function runEnvironment(machine: Machine): ProcessMachine {
  const { id, name, region, config } = machine;
  const identity = {
    FLY_APP_NAME: machine.app,
    FLY_MACHINE_ID: id,
    FLY_REGION: region,
    FLY_IMAGE_REF: config.image,
  };
  const mounts = (config.mounts ?? []).map(({ volume, path }) => ({ volumeId: volume, path }));
  return { id, name, region, image: config.image, env: { ...config.env, ...identity }, mounts };
}

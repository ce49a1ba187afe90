import { parseBody, vCreateMachine, type MachineConfig } from "./bodies.js";
import { ok, type Call, type Reply } from "./call.js";
import { errors } from "./errors.js";
import { launch } from "./lifecycle.js";
import { newUsage, notePeak } from "./meter.js";
import { chooseRegion } from "./regions.js";
import { isDying, type Machine, type Volume } from "./types.js";
import { machineView } from "./views.js";
import type { World } from "./world.js";

const MEMORY_STEP_MB = { shared: 256, performance: 2048 };
const MAX_MEMORY_PER_CPU_MB = { shared: 2048, performance: 8192 };
const CPU_COUNTS = { shared: [1, 2, 4, 8], performance: [1, 2, 4, 8, 16] };
const NUL_ID = "\0".repeat(14);

export function createMachine(call: Call): Reply {
  const { world, app, request } = call;
  const body = parseBody(request, vCreateMachine, "main.createMachineRequest");
  const { config } = body;
  checkImage(world, config.image);
  checkGuest(config.guest);

  const name = body.name ?? world.ids.machineName();
  const holder = [...world.machines.values()].find(
    (machine) => machine.app === app.name && machine.name === name && holdsName(world, machine),
  );
  if (holder) throw errors.nameConflict(holder.id, name);

  const volume = findVolume(call, config);
  const region = volume?.region ?? chooseRegion(world, body.region);
  if (volume && body.region !== undefined && chooseRegion(world, body.region) !== region) {
    throw errors.volumeNotFound();
  }
  world.capacity.take(region, volume ? "createMachineWithVolume" : "createMachine");

  const machine = addMachine(world, { app: app.name, name, region, config, foreign: false });
  machine.cordoned = body.skip_service_registration ?? false;
  machine.nonce = body.lease_ttl === undefined ? null : machine.id.slice(0, 10);
  if (volume) volume.attachedMachineId = machine.id;
  if (body.skip_launch) machine.launchSkipped = true;
  else launch(world, machine);
  return ok(machineView(machine));
}

/** A row and its first event; nothing runs yet. */
export function addMachine(
  world: World,
  given: Pick<Machine, "app" | "name" | "region" | "config" | "foreign">,
): Machine {
  const now = world.clock.now();
  const id = world.ids.machine();
  const created = { type: "launch", status: "created", source: "user" } as const;
  const machine: Machine = {
    ...given,
    id,
    state: "created",
    shownState: null,
    history: [{ at: now, state: "created" }],
    instanceId: world.ids.ulid(now),
    privateIp: world.ids.privateIp(),
    cordoned: false,
    launchSkipped: false,
    nonce: null,
    createdAt: now,
    updatedAt: now,
    events: [{ id: world.ids.ulid(now), ...created, timestamp: now, request: null }],
    gone: false,
    startRefusedUntil: 0,
    restarts: [],
    run: null,
    cancelPending: () => {},
    usage: newUsage(now),
  };
  world.machines.set(id, machine);
  notePeak(world);
  return machine;
}

function holdsName(world: World, machine: Machine): boolean {
  if (machine.state === "destroying") return world.switches.destroyingHoldsName;
  return machine.state !== "destroyed";
}

function checkImage(world: World, image: string): void {
  if (image === "") throw errors.invalid("config.image: required");
  if (world.clock.now() < (world.missingImages.get(image) ?? 0)) throw errors.imageMissing(image);
}

function checkGuest({ cpu_kind: kind, cpus, memory_mb: memory }: MachineConfig["guest"]): void {
  const step = MEMORY_STEP_MB[kind];
  if (!CPU_COUNTS[kind].includes(cpus)) throw errors.invalidGuest(`${cpus} ${kind} CPUs`);
  if (memory % step !== 0) throw errors.invalidGuest(`memory must be a multiple of ${step} MB`);
  if (memory < cpus * step || memory > cpus * MAX_MEMORY_PER_CPU_MB[kind]) {
    throw errors.invalidGuest(`${memory} MB of memory do not go with ${cpus} ${kind} CPUs`);
  }
}

function findVolume({ world, app }: Call, config: MachineConfig): Volume | undefined {
  const [mount, ...others] = config.mounts ?? [];
  if (!mount) return undefined;
  if (others.length > 0) throw errors.invalid("config.mounts: only one volume per machine");
  const volume = world.volumes.get(mount.volume);
  if (!volume || volume.app !== app.name || volume.gone || isDying(volume.state)) {
    throw errors.volumeNotFound();
  }
  if (volume.attachedMachineId !== null) {
    throw errors.volumeClaimed(world.switches.claimedByNul ? NUL_ID : volume.attachedMachineId);
  }
  return volume;
}

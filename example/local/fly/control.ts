import type { Token } from "./access.js";
import { vMachineConfig } from "./bodies.js";
import { addMachine } from "./createMachine.js";
import type { FaultHandle, FaultRule } from "./faults.js";
import { destroy, exit, fail, launch, setState, stop } from "./lifecycle.js";
import { readBill, stillCosting, type Bill, type Owner } from "./meter.js";
import { SCENARIOS, type Scenario } from "./scenarios.js";
import type { Capacity } from "./capacity.js";
import type { RateLimits } from "./limits.js";
import type { Switches } from "./switches.js";
import type { Timings } from "./timings.js";
import type { Machine } from "./types.js";
import type { volumeView } from "./views.js";
import { listedVolume, machineView } from "./views.js";
import { addVolume } from "./volumeRoutes.js";
import type { LogEntry, World } from "./world.js";

export type MachineView = ReturnType<typeof machineView>;
export type VolumeView = ReturnType<typeof volumeView>;

export interface ForeignMachine {
  app?: string;
  name?: string;
  region?: string;
  metadata?: Record<string, string>;
  /** With a volume of its own. */
  volume?: boolean;
}

/** The hand behind the stage: what a test or the demo may do that no client of the API can. */
export interface LocalFlyControl {
  /** Moves a virtual clock and runs what falls due. */
  advance(ms: number): Promise<void>;
  setSpeed(factor: number): void;
  setTimings(timings: Partial<Timings>, region?: string): void;
  switches: Switches;
  limits: RateLimits;
  capacity: Capacity;

  machines(): MachineView[];
  volumes(): VolumeView[];
  log(): readonly LogEntry[];
  bill(): Bill;
  /** Throws, naming them, when machines or volumes still cost something. */
  expectNoCost(owner?: Owner): void;
  violations(): string[];

  fault(rule: FaultRule): FaultHandle;
  scenario(name: Scenario): FaultHandle;
  clearFaults(): void;

  addApp(name: string, org?: string): void;
  addToken(value: string, token: Token): void;
  revokeToken(value: string): void;
  addSecret(value: string): void;
  /** The registry lacks this image, for a while or for good. */
  missImage(image: string, forMs?: number): void;

  createForeignMachine(given?: ForeignMachine): { machineId: string; volumeId: string | null };
  /** The process ends with this code. */
  exit(machineId: string, code: number): void;
  oom(machineId: string): void;
  /** The machine ends in `failed`. */
  fail(machineId: string): void;
  /** Shows any string as the state, or the true one again. */
  showState(machineId: string, state: string | null): void;
  operatorDestroy(machineId: string): void;
  operatorStart(machineId: string): void;
  operatorStop(machineId: string): void;
}

const OPERATOR_STOP_MS = 5000;

export function createControl(world: World): LocalFlyControl {
  function machine(id: string): Machine {
    const found = world.machines.get(id);
    if (!found) throw new Error(`there is no machine ${id}`);
    return found;
  }

  return {
    async advance(ms) {
      if (!world.virtual) throw new Error("only a virtual clock can be advanced");
      await world.virtual.advance(ms);
    },
    setSpeed: (factor) => void (world.delays.speed = factor),
    setTimings: (timings, region) => world.delays.set(timings, region),
    switches: world.switches,
    limits: world.limits,
    capacity: world.capacity,

    machines: () => [...world.machines.values()].map((row) => machineView(row)),
    volumes: () => [...world.volumes.values()].map((row) => listedVolume(world, row)),
    log: () => world.log,
    bill: () => readBill(world),
    expectNoCost(owner) {
      const costing = stillCosting(world, owner);
      if (costing.length > 0) throw new Error(`still costing: ${costing.join("; ")}`);
    },
    violations: () => [...world.violations],

    fault: (rule) => world.faults.add(rule),
    scenario: (name) => world.faults.add(SCENARIOS[name]),
    clearFaults: () => world.faults.clear(),

    addApp: (name, org = "local") => void world.access.apps.set(name, { name, org }),
    addToken: (value, token) => world.access.addToken(value, token),
    revokeToken: (value) => world.access.revokeToken(value),
    addSecret: (value) => void world.secrets.add(value),
    missImage(image, forMs = Infinity) {
      world.missingImages.set(image, world.clock.now() + forMs);
    },

    createForeignMachine: (given = {}) => addForeignMachine(world, given),
    exit: (id, code) => exit(world, machine(id), code),
    oom: (id) => exit(world, machine(id), 0, true),
    fail: (id) => fail(world, machine(id)),
    showState: (id, state) => void (machine(id).shownState = state),
    operatorDestroy: (id) => destroy(world, machine(id), "user"),
    operatorStart: (id) => launch(world, machine(id)),
    operatorStop: (id) => stop(world, machine(id), "SIGINT", OPERATOR_STOP_MS),
  };
}

function addForeignMachine(world: World, given: ForeignMachine) {
  const app = given.app ?? [...world.access.apps.keys()][0] ?? "";
  const region = given.region ?? "fra";
  const volume = given.volume
    ? addVolume(world, {
        app,
        name: "foreign_data",
        region,
        sizeGb: 1,
        encrypted: true,
        autoBackup: true,
        snapshotRetention: 5,
        foreign: true,
      })
    : null;
  const config = vMachineConfig.parse({
    image: "registry.fly.io/someone-else:latest",
    metadata: given.metadata ?? {},
    ...(volume && { mounts: [{ volume: volume.id, path: "/data" }] }),
  });
  const name = given.name ?? world.ids.machineName();
  const machine = addMachine(world, { app, name, region, config, foreign: true });
  if (volume) volume.attachedMachineId = machine.id;
  machine.run = { process: null, requestedStop: false };
  setState(world, machine, "started", { type: "start", source: "flyd" });
  return { machineId: machine.id, volumeId: volume?.id ?? null };
}

import { isDying, type Machine, type Usage, type Volume } from "./types.js";
import type { World } from "./world.js";

const HOUR_MS = 3_600_000;
const MONTH_MS = 30 * 24 * HOUR_MS;
const VOLUME_MONTH_MS = 730 * HOUR_MS;

/** List prices in USD per month, rounded: the meter proves "nothing leaks", it is no invoice. */
export const PRICES = {
  sharedCpu: 1.94,
  performanceCpu: 31,
  /** For memory beyond what comes with each CPU. */
  extraGb: 5,
  rootfsGb: 0.15,
  volumeGb: 0.15,
};
const INCLUDED_MB = { shared: 256, performance: 2048 };
const ROOTFS_GB = 1;

export interface BillLine {
  id: string;
  name: string;
  app: string;
  state: string;
  foreign: boolean;
  /** Still costs something. */
  costing: boolean;
  runningMs: number;
  idleMs: number;
  usd: number;
}

export interface Bill {
  machines: BillLine[];
  volumes: BillLine[];
  totalUsd: number;
  /** USD per hour right now. */
  usdPerHour: number;
  runningNow: number;
  /** Most machines of ours that were neither destroyed nor on their way there at one time. */
  peakMachines: number;
}

export interface Owner {
  key: string;
  value: string;
}

export const newUsage = (at: number): Usage => ({ at, runningMs: 0, idleMs: 0, usd: 0 });

function isRunning(machine: Machine): boolean {
  return ["starting", "started", "stopping"].includes(machine.state);
}

function machineRate(machine: Machine): number {
  if (machine.state === "destroyed") return 0;
  if (!isRunning(machine)) return (ROOTFS_GB * PRICES.rootfsGb) / MONTH_MS;
  const { cpu_kind: kind, cpus, memory_mb: memory } = machine.config.guest;
  const cpuPrice = kind === "shared" ? PRICES.sharedCpu : PRICES.performanceCpu;
  const extraGb = Math.max(0, memory - cpus * INCLUDED_MB[kind]) / 1024;
  return (cpus * cpuPrice + extraGb * PRICES.extraGb) / MONTH_MS;
}

function volumeRate(volume: Volume): number {
  return isDying(volume.state) ? 0 : (volume.sizeGb * PRICES.volumeGb) / VOLUME_MONTH_MS;
}

/** Must run before a machine changes its state: what is past is charged at the old rate. */
export function chargeMachine(world: World, machine: Machine): void {
  const elapsed = charge(world, machine.usage, machineRate(machine));
  if (isRunning(machine)) machine.usage.runningMs += elapsed;
  else if (machine.state !== "destroyed") machine.usage.idleMs += elapsed;
}

export function chargeVolume(world: World, volume: Volume): void {
  const elapsed = charge(world, volume.usage, volumeRate(volume));
  if (!isDying(volume.state)) volume.usage.idleMs += elapsed;
}

function charge(world: World, usage: Usage, ratePerMs: number): number {
  const elapsed = world.clock.now() - usage.at;
  usage.at = world.clock.now();
  usage.usd += elapsed * ratePerMs;
  return elapsed;
}

export function notePeak(world: World): void {
  let live = 0;
  for (const { foreign, state } of world.machines.values()) {
    if (!foreign && state !== "destroying" && state !== "destroyed") live++;
  }
  world.peakMachines = Math.max(world.peakMachines, live);
}

export function readBill(world: World): Bill {
  const machines = [...world.machines.values()].map((machine) => {
    chargeMachine(world, machine);
    return line(machine, machineRate(machine));
  });
  const volumes = [...world.volumes.values()].map((volume) => {
    chargeVolume(world, volume);
    return line(volume, volumeRate(volume));
  });
  const all = [...machines, ...volumes];
  const rates = [...world.machines.values()].map(machineRate);
  const volumeRates = [...world.volumes.values()].map(volumeRate);
  return {
    machines,
    volumes,
    totalUsd: all.reduce((sum, { usd }) => sum + usd, 0),
    usdPerHour: [...rates, ...volumeRates].reduce((sum, rate) => sum + rate, 0) * HOUR_MS,
    runningNow: [...world.machines.values()].filter(isRunning).length,
    peakMachines: world.peakMachines,
  };
}

function line(subject: Machine | Volume, rate: number): BillLine {
  const { id, name, app, state, foreign } = subject;
  const { runningMs, idleMs, usd } = subject.usage;
  return { id, name, app, state, foreign, costing: rate > 0, runningMs, idleMs, usd };
}

/** What still costs: without an owner, everything that is not somebody else's. */
export function stillCosting(world: World, owner?: Owner): string[] {
  const owned = (machine: Machine | undefined) =>
    owner ? machine?.config.metadata?.[owner.key] === owner.value : machine?.foreign !== true;
  const machines = [...world.machines.values()]
    .filter((machine) => machineRate(machine) > 0 && owned(machine))
    .map(({ id, name, state }) => `machine ${id} (${name}) is ${state}`);
  // A volume carries no tags, so an owner is known only through the machine it is attached to.
  const volumes = [...world.volumes.values()]
    .filter((volume) => volumeRate(volume) > 0 && !volume.foreign)
    .filter((volume) => !owner || owned(world.machines.get(volume.attachedMachineId ?? "")))
    .map(({ id, name, state }) => `volume ${id} (${name}) is ${state}`);
  return [...machines, ...volumes];
}

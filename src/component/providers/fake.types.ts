/** The controls of the provider in memory, see `fake.fixture.ts`. */
import type { ProviderError, WorkerProvider } from "./provider.js";
import type { MachinePhase, MachineSpec, ProviderMachine, ProviderVolume } from "./validators.js";

export type ProviderCall = Exclude<keyof WorkerProvider, "kind">;

export type FakeTimes = {
  bootMs: number;
  stopMs: number;
  destroyMs: number;
  /** A volume stays bound this long after its machine is destroyed. */
  unbindMs: number;
  /** A destroyed machine can be read by id this long. */
  forgetMs: number;
};

export type FakeProvider = WorkerProvider & {
  /** Every machine that still exists in the truth of the fake, whatever the lists say. */
  machines(): ProviderMachine[];
  volumes(): ProviderVolume[];
  /** Volumes that still cost money. */
  billedVolumes(): ProviderVolume[];
  /** The spec a machine was created with. */
  specOf(machineId: string): MachineSpec | undefined;
  calls: { call: ProviderCall; args: readonly unknown[]; at: number; error?: ProviderError }[];
  /** The next `times` calls fail: before any effect, or (`after`) once the effect took place. */
  failNext(
    call: ProviderCall,
    error: ProviderError,
    how?: { after?: boolean; times?: number },
  ): void;
  /** While set, what `listMachines` answers instead of the truth it is given. */
  listOverride: ((machines: ProviderMachine[]) => ProviderMachine[]) | null;
  /** Moves the fake's clock ahead of the given one. */
  advance(ms: number): void;
  /** Completes every transition under way, except those of stuck machines. */
  settle(): void;
  /** From now on this machine changes its phase only by `setPhase`, `kill` and `unstick`. */
  stick(machineId: string): void;
  unstick(machineId: string): void;
  setPhase(machineId: string, phase: MachinePhase, state?: string): void;
  /** The machine is gone at once, as if an operator had destroyed it long ago. */
  kill(machineId: string): void;
  /** The process ends: the machine destroys itself, its volume stays. */
  exit(machineId: string): void;
  /** A machine or volume that somebody else made; returns its id. */
  addMachine(machine: Partial<ProviderMachine> & { name: string }): string;
  addVolume(volume: Partial<ProviderVolume> & { name: string }): string;
};

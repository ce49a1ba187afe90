import type { MachineConfig } from "./bodies.js";

export type MachineState =
  | "created"
  | "starting"
  | "started"
  | "stopping"
  | "stopped"
  | "suspended"
  | "failed"
  | "destroying"
  | "destroyed";

export type VolumeState = "creating" | "created" | "scheduling_destroy" | "pending_destroy";

/** States in which a volume costs nothing and cannot come back. */
export function isDying(state: VolumeState): boolean {
  return state === "scheduling_destroy" || state === "pending_destroy";
}

export interface MachineEvent {
  id: string;
  type: string;
  status: string;
  source: "user" | "flyd";
  timestamp: number;
  request: unknown;
}

/** What a process sees of the machine it runs on. */
export interface ProcessMachine {
  id: string;
  name: string;
  env: Record<string, string>;
  image: string;
  region: string;
  mounts: { volumeId: string; path: string }[];
}

export type ProcessSignal = "SIGTERM" | "SIGINT" | "SIGKILL";

export interface MachineProcess {
  kill(signal: ProcessSignal): void;
  /** Resolves with the exit code once nothing of the process is left. */
  exited: Promise<number>;
}

export type StartProcess = (machine: ProcessMachine) => MachineProcess;

/** One life of a machine between `started` and its exit. Without a hook there is no process. */
export interface Run {
  process: MachineProcess | null;
  requestedStop: boolean;
}

export interface Machine {
  id: string;
  app: string;
  name: string;
  region: string;
  state: MachineState;
  /** A state to show instead, to see what a client makes of one that it does not know. */
  shownState: string | null;
  history: { at: number; state: MachineState }[];
  instanceId: string;
  privateIp: string;
  config: MachineConfig;
  cordoned: boolean;
  /** Created with `skip_launch` and never started. */
  launchSkipped: boolean;
  nonce: string | null;
  /** Made by somebody else: never ours to count or to touch. */
  foreign: boolean;
  createdAt: number;
  updatedAt: number;
  /** Newest first. */
  events: MachineEvent[];
  /** Over: answered with 404 from now on. */
  gone: boolean;
  startRefusedUntil: number;
  restarts: number[];
  run: Run | null;
  cancelPending: () => void;
  usage: Usage;
}

export interface Volume {
  id: string;
  app: string;
  name: string;
  region: string;
  state: VolumeState;
  sizeGb: number;
  zone: string;
  encrypted: boolean;
  autoBackup: boolean;
  snapshotRetention: number;
  attachedMachineId: string | null;
  createdAt: number;
  deletedAt: number | null;
  foreign: boolean;
  gone: boolean;
  usage: Usage;
}

/** What has been used up to `at`; the meter adds the rest. */
export interface Usage {
  at: number;
  runningMs: number;
  idleMs: number;
  usd: number;
}

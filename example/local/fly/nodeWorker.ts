import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { constants } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { ProcessMachine } from "./types.js";
import type { LocalFlyOptions } from "./world.js";

export interface NodeWorkerOptions {
  /** The program and its arguments, e.g. `[process.execPath, "dist/worker/bin.js"]`. */
  command: readonly [string, ...string[]];
  /** Where volumes live, one directory each. */
  root: string;
  cwd?: string;
  onLine?: (machineId: string, line: string) => void;
}

export type NodeWorkerHooks = Required<
  Pick<LocalFlyOptions, "startProcess" | "onVolumeDying" | "onClose">
>;

const NOT_FOUND_EXIT = 127;
const SIGNAL_EXIT = 128;
/** How long the output may stay open after the end of the process. */
const OUTPUT_GRACE_MS = 500;

/** Hooks for a local Fly that run each machine as a child process, its volume as a directory. */
export function spawnNodeWorker(options: NodeWorkerOptions): NodeWorkerHooks {
  const root = resolve(options.root);
  const rootWasThere = existsSync(root);
  const directories = new Set<string>();
  const leaders = new Set<ChildProcess>();

  function directory(name: string): string {
    const path = join(root, name);
    mkdirSync(path, { recursive: true });
    directories.add(path);
    return path;
  }
  function remove(path: string): void {
    rmSync(path, { recursive: true, force: true });
    directories.delete(path);
  }
  // Children lead groups of their own, so they would outlive a parent that ends without closing.
  const killAll = () => leaders.forEach(killGroup);
  process.once("exit", killAll);

  return {
    startProcess(machine) {
      const mount = machine.mounts[0];
      const data = directory(mount ? mount.volumeId : `machine_${machine.id}`);
      const child = launch(options, machine, data);
      leaders.add(child);
      const exited = ended(child, machine.id, options.onLine).then((code) => {
        leaders.delete(child);
        if (!mount) remove(data);
        return code;
      });
      return { exited, kill: (signal) => void child.kill(signal) };
    },
    onVolumeDying: (volumeId) => remove(join(root, volumeId)),
    onClose() {
      process.removeListener("exit", killAll);
      for (const path of directories) remove(path);
      if (!rootWasThere) rmSync(root, { recursive: true, force: true });
    },
  };
}

function launch(options: NodeWorkerOptions, machine: ProcessMachine, data: string): ChildProcess {
  const [program, ...args] = options.command;
  const env = { ...localEnvironment(machine, data), PATH: process.env["PATH"] ?? "" };
  return spawn(program, args, {
    env,
    cwd: options.cwd ?? process.cwd(),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
}

/** The machine's environment with the paths below its mount moved to the local directory. */
export function localEnvironment(machine: ProcessMachine, data: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(machine.env)) {
    const mount = machine.mounts.find(
      ({ path }) => value === path || value.startsWith(`${path.replace(/\/$/, "")}/`),
    );
    env[name] = mount ? join(data, value.slice(mount.path.length)) : value;
  }
  return { ...env, AGENT_FACTORY_DATA_DIR: data };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group has gone already.
  }
}

function ended(
  child: ChildProcess,
  machineId: string,
  onLine: NodeWorkerOptions["onLine"],
): Promise<number> {
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on("line", (line) => onLine?.(machineId, line));
  }
  return new Promise((resolveCode) => {
    child.once("error", (error) => {
      onLine?.(machineId, error.message);
      resolveCode(NOT_FOUND_EXIT);
    });
    child.once("exit", (code, signal) => {
      // Signals go to the worker alone, as on a machine; what it started ends with it.
      killGroup(child);
      const exitCode = code ?? SIGNAL_EXIT + (signal ? constants.signals[signal] : 0);
      const timer = setTimeout(() => resolveCode(exitCode), OUTPUT_GRACE_MS);
      child.once("close", () => {
        clearTimeout(timer);
        resolveCode(exitCode);
      });
    });
  });
}

import { chargeMachine, notePeak } from "./meter.js";
import { runEnvironment } from "./views.js";
import type { StopSignal } from "./bodies.js";
import type { Machine, MachineProcess, MachineState, ProcessSignal, Run } from "./types.js";
import type { World } from "./world.js";

const RESTART_WINDOW_MS = 5 * 60_000;
const DEFAULT_RETRIES = 10;
const OUT_OF_MEMORY_EXIT = 137;

interface Transition {
  type: string;
  source: "user" | "flyd";
  request?: unknown;
}

export function setState(
  world: World,
  machine: Machine,
  state: MachineState,
  { type, source, request = null }: Transition,
): void {
  if (machine.state === "destroyed") {
    world.violations.add(`machine ${machine.id} left destroyed for ${state}`);
    return;
  }
  chargeMachine(world, machine);
  const now = world.clock.now();
  machine.state = state;
  machine.updatedAt = now;
  machine.history.push({ at: now, state });
  const id = world.ids.ulid(now);
  machine.events.unshift({ id, type, status: state, source, timestamp: now, request });
  notePeak(world);
  for (const wake of [...world.watchers]) wake();
}

function later(world: World, machine: Machine, delayMs: number, step: () => void): void {
  machine.cancelPending();
  machine.cancelPending = world.timers.after(delayMs, step);
}

/** From `created` or `stopped` to `started`, step by step. */
export function launch(world: World, machine: Machine): void {
  later(world, machine, world.delays.draw("launch", machine.region), () => boot(world, machine));
}

function boot(world: World, machine: Machine): void {
  setState(world, machine, "starting", { type: "start", source: "flyd" });
  later(world, machine, world.delays.draw("boot", machine.region), () => startRun(world, machine));
}

function startRun(world: World, machine: Machine): void {
  const run: Run = { process: null, requestedStop: false };
  machine.run = run;
  setState(world, machine, "started", { type: "start", source: "flyd" });
  if (!world.startProcess) return;
  try {
    attach(world, machine, run, world.startProcess(runEnvironment(machine)));
  } catch {
    return fail(world, machine);
  }
}

function attach(world: World, machine: Machine, run: Run, process: MachineProcess): void {
  run.process = process;
  world.processes.add(process);
  const end = (code: number) => {
    world.processes.delete(process);
    endRun(world, machine, run, code);
  };
  process.exited.then(end, () => end(1));
}

/** The process is over, by itself or because it was told to. */
export function endRun(
  world: World,
  machine: Machine,
  run: Run,
  exitCode: number,
  oomKilled = false,
): void {
  if (machine.run !== run) return;
  machine.run = null;
  machine.cancelPending();
  if (machine.state === "destroying") return destroyLater(world, machine);

  const restarting = !run.requestedStop && mayRestart(world, machine, exitCode);
  const request = {
    exit_event: {
      exit_code: exitCode,
      guest_exit_code: exitCode,
      oom_killed: oomKilled,
      requested_stop: run.requestedStop,
      restarting,
      exited_at: new Date(world.clock.now()).toISOString(),
    },
    restart_count: machine.restarts.length,
  };
  if (restarting) {
    machine.restarts.push(world.clock.now());
    setState(world, machine, "starting", { type: "exit", source: "flyd", request });
    const delay = world.delays.draw("boot", machine.region);
    later(world, machine, delay, () => startRun(world, machine));
    return;
  }
  rest(world, machine, { type: "exit", source: "flyd", request });
}

function mayRestart(world: World, machine: Machine, exitCode: number): boolean {
  const { policy, max_retries: retries = DEFAULT_RETRIES } = machine.config.restart;
  if (policy === "always") return true;
  if (policy !== "on-failure" || exitCode === 0) return false;
  const since = world.clock.now() - RESTART_WINDOW_MS;
  return machine.restarts.filter((at) => at >= since).length < retries;
}

function rest(world: World, machine: Machine, transition: Transition): void {
  if (machine.config.auto_destroy) return destroy(world, machine, "flyd", transition);
  const refusal = world.delays.draw("startRefusal", machine.region);
  machine.startRefusedUntil = world.clock.now() + refusal;
  setState(world, machine, "stopped", transition);
}

export function stop(
  world: World,
  machine: Machine,
  signal: StopSignal,
  timeoutMs: number,
  source: "user" | "flyd" = "user",
): void {
  const exitDelay = Math.min(timeoutMs, world.delays.draw("processExit", machine.region));
  machine.cancelPending();
  setState(world, machine, "stopping", { type: "stop", source });
  const run = machine.run;
  if (!run) {
    later(world, machine, exitDelay, () => rest(world, machine, { type: "exit", source: "flyd" }));
    return;
  }
  run.requestedStop = true;
  if (!run.process) {
    later(world, machine, exitDelay, () => endRun(world, machine, run, 0));
    return;
  }
  run.process.kill(processSignal(signal));
  later(world, machine, timeoutMs, () => run.process?.kill("SIGKILL"));
}

/** A process hook knows three signals; the others ask to end as SIGTERM does. */
function processSignal(signal: StopSignal): ProcessSignal {
  return signal === "SIGINT" || signal === "SIGKILL" ? signal : "SIGTERM";
}

/** The process ends by itself, with this code. */
export function exit(world: World, machine: Machine, code: number, oomKilled = false): void {
  const run = machine.run;
  if (!run) throw new Error(`machine ${machine.id} has no running process`);
  endRun(world, machine, run, oomKilled ? OUT_OF_MEMORY_EXIT : code, oomKilled);
  run.process?.kill("SIGKILL");
}

export function fail(world: World, machine: Machine): void {
  const process = machine.run?.process;
  machine.run = null;
  machine.cancelPending();
  setState(world, machine, "failed", { type: "launch", source: "flyd" });
  process?.kill("SIGKILL");
}

export function destroy(
  world: World,
  machine: Machine,
  source: "user" | "flyd",
  transition: Transition = { type: "destroy", source },
): void {
  machine.cancelPending();
  setState(world, machine, "destroying", transition);
  if (machine.run?.process) {
    // `destroyed` means that nothing runs any more: the end of the process goes on from here.
    machine.run.process.kill("SIGKILL");
    return;
  }
  machine.run = null;
  destroyLater(world, machine);
}

function destroyLater(world: World, machine: Machine): void {
  const delay = world.delays.draw("destroy", machine.region);
  later(world, machine, delay, () => {
    setState(world, machine, "destroyed", { type: "destroy", source: "flyd" });
    const unbind = world.delays.draw("volumeUnbind", machine.region);
    const retention = world.delays.draw("retention", machine.region);
    world.timers.after(unbind, () => {
      for (const volume of world.volumes.values()) {
        if (volume.attachedMachineId === machine.id) volume.attachedMachineId = null;
      }
    });
    later(world, machine, retention, () => void (machine.gone = true));
  });
}

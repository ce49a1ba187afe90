import { parseBody, parseDuration, vStopMachine } from "./bodies.js";
import { isSet, ok, type Call, type Reply } from "./call.js";
import { errors, FlyError } from "./errors.js";
import { destroy, launch, stop } from "./lifecycle.js";
import { listedState, machineSummary, machineView } from "./views.js";
import type { Machine } from "./types.js";

const DEFAULT_STOP_MS = 5000;
const MAX_STOP_MS = 300_000;
const DEFAULT_EVENTS = 20;
const MAX_EVENTS = 50;

/** The machine of the path, unless it is over or not visible yet. */
export function findMachine({ world, app, params }: Call): Machine {
  const machine = world.machines.get(params["machine"] ?? "");
  if (!machine || machine.app !== app.name || machine.gone) throw errors.machineNotFound();
  if (world.clock.now() < machine.createdAt + world.switches.readLagMs) {
    throw errors.machineNotFound();
  }
  return machine;
}

export function listMachines({ world, app, query }: Call): Reply {
  const states = query.get("state")?.split(",");
  const region = query.get("region");
  const tags = [...query].filter(([name]) => name.startsWith("metadata."));
  const visibleBefore = world.clock.now() - world.switches.readLagMs;
  const found = [...world.machines.values()].filter((machine) => {
    const state = listedState(world, machine);
    return (
      machine.app === app.name &&
      machine.createdAt <= visibleBefore &&
      !machine.gone &&
      (state !== "destroyed" || isSet(query, "include_deleted")) &&
      (!states || states.includes(state)) &&
      (region === null || machine.region === region) &&
      tags.every(([name, value]) => {
        return machine.config.metadata?.[name.slice("metadata.".length)] === value;
      })
    );
  });
  const views = found.map((machine) => machineView(machine, listedState(world, machine)));
  const shown = isSet(query, "summary") ? views.map(machineSummary) : views;
  if (shown.length === 0 && world.switches.nullList) return ok(null);
  // The real order is not promised, so nobody may rely on ours.
  return ok(world.random.shuffle(shown));
}

export function getMachine(call: Call): Reply {
  return ok(machineView(findMachine(call)));
}

export function listEvents(call: Call): Reply {
  const limit = Number(call.query.get("limit") ?? DEFAULT_EVENTS);
  if (!Number.isInteger(limit) || limit < 1) throw errors.invalid("limit: must be positive");
  return ok(findMachine(call).events.slice(0, Math.min(limit, MAX_EVENTS)));
}

export function stopMachine(call: Call): Reply {
  const machine = findMachine(call);
  const body = parseBody(call.request, vStopMachine, "main.stopRequest");
  const { signal: usualSignal = "SIGINT", timeout: usualTimeout } =
    machine.config.stop_config ?? {};
  const timeout = body.timeout ?? usualTimeout;
  const timeoutMs = timeout === undefined ? DEFAULT_STOP_MS : parseDuration(timeout);
  switch (machine.state) {
    case "destroyed":
      throw errors.machineNotFound();
    case "created":
    case "destroying":
      throw errors.wrongState("stop", machine.state);
    case "stopped":
    case "stopping":
      return ok({ ok: true });
    default: {
      const signal = body.signal ?? usualSignal;
      stop(call.world, machine, signal, Math.min(timeoutMs, MAX_STOP_MS));
      return ok({ ok: true });
    }
  }
}

export function startMachine(call: Call): Reply {
  const { world } = call;
  const machine = findMachine(call);
  const previous = machine.state;
  const reply = ok({ previous_state: previous, migrated: false, new_host: "" });
  if (previous === "destroyed") throw errors.machineNotFound();
  if (previous === "started" || previous === "starting") return reply;
  const neverLaunched = previous === "created" && machine.launchSkipped;
  if (!neverLaunched && !["stopped", "suspended", "failed"].includes(previous)) {
    throw errors.wrongState("start", previous);
  }
  if (world.clock.now() < machine.startRefusedUntil) throw errors.stillActive();
  world.capacity.take(machine.region, "startMachine");
  machine.launchSkipped = false;
  launch(world, machine);
  return reply;
}

export function setCordon(cordoned: boolean) {
  return (call: Call): Reply => {
    const machine = findMachine(call);
    if (machine.state === "destroyed") throw errors.machineNotFound();
    machine.cordoned = cordoned;
    return ok({ ok: true });
  };
}

export function destroyMachine(call: Call): Reply {
  const { world, query } = call;
  const machine = findMachine(call);
  const forced = isSet(query, "force") || isSet(query, "kill");
  if (machine.state === "destroyed") throw errors.machineNotFound();
  if (machine.state === "destroying") {
    const status = world.switches.destroyWhileDestroying;
    if (status === 200) return ok({ ok: true });
    throw new FlyError(status, "failed_precondition: machine is being destroyed");
  }
  const resting = ["stopped", "suspended", "failed"].includes(machine.state);
  const neverStarted = machine.state === "created" && world.switches.destroyFromCreated;
  if (!forced && !resting && !neverStarted) throw errors.notStopped();
  destroy(world, machine, "user");
  return ok({ ok: true });
}

import { ok, type Call, type Reply } from "./call.js";
import { errors } from "./errors.js";
import { findMachine } from "./machineRoutes.js";
import type { Machine } from "./types.js";

const WAITABLE = ["started", "stopped", "suspended", "destroyed", "failed", "settled"];
const SETTLED = ["created", "started", "stopped", "suspended", "failed", "destroyed"];
const DEFAULT_WAIT_S = 60;

/** A long poll: answers as soon as the machine is in one of the states, or at the end of its time. */
export async function waitForState(call: Call): Promise<Reply> {
  const { world, query, request } = call;
  const machine = findMachine(call);
  const wanted = wantedStates(query);
  const timeoutMs = waitTimeout(query) * 1000;
  const version = query.get("version") ?? query.get("instance_id");
  if (version !== null && version !== machine.instanceId) throw errors.machineNotFound();

  const reached = () => isReached(machine, wanted, world.switches.destroyedEarly);
  const settled = () => reached() || machine.state === "destroyed";
  if (!settled()) {
    const pause = world.timers.pause(timeoutMs, request.signal);
    let look = () => {};
    const changed = new Promise<void>((resolve) => {
      look = () => void (settled() && resolve());
    });
    world.watchers.add(look);
    try {
      await Promise.race([changed, pause.done]);
    } finally {
      world.watchers.delete(look);
      pause.cancel();
    }
  }
  if (reached()) {
    if (world.switches.terseWait) return ok({ ok: true });
    const { state, events, instanceId } = machine;
    return ok({ ok: true, state, event_id: events[0]?.id, version: instanceId });
  }
  if (machine.state === "destroyed") throw errors.machineNotFound();
  throw errors.waitTimedOut(wanted.join(","), machine.state);
}

function isReached(machine: Machine, wanted: string[], destroyedEarly: boolean): boolean {
  if (wanted.includes(machine.state)) return true;
  if (wanted.includes("settled") && SETTLED.includes(machine.state)) return true;
  return destroyedEarly && machine.state === "destroying" && wanted.includes("destroyed");
}

function wantedStates(query: URLSearchParams): string[] {
  const states = query.getAll("state").flatMap((value) => value.split(","));
  for (const state of states) {
    if (!WAITABLE.includes(state)) throw errors.invalid(`state: "${state}" cannot be waited for`);
  }
  return states.length > 0 ? states : ["started"];
}

function waitTimeout(query: URLSearchParams): number {
  const seconds = Number((query.get("timeout") ?? String(DEFAULT_WAIT_S)).replace(/s$/, ""));
  if (!(seconds >= 1 && seconds <= 60)) throw errors.waitRange();
  return seconds;
}

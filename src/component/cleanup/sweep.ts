/** Removing machines and volumes at the provider. Every step may be repeated, and a failure concerns its own subject only. */
import { errorMessage } from "../../shared/errors.js";
import { SECOND_MS } from "../../shared/time.js";
import { endOf, ProviderError, type WorkerProvider } from "../providers/ops.js";
import type {
  MachineEnd,
  MachinePhase,
  ProviderMachine,
  ProviderVolume,
} from "../providers/validators.js";
import type { Issue } from "./validators.js";

const POLL_MS = SECOND_MS;
/** A machine that was asked to stop is then destroyed by force. Workers have had their grace before. */
const STOP_WAIT_MS = 30 * SECOND_MS;
const DESTROY_WAIT_MS = 30 * SECOND_MS;
/** Unbinding lags behind the machine, by up to a minute. */
const UNBIND_WAIT_MS = 90 * SECOND_MS;
const UNBIND_PAUSE_MS = 3 * SECOND_MS;

export type Outcome = { gone: boolean; issues: Issue[] };
/** `end`: what was learned of it on the way. */
export type MachineOutcome = Outcome & { end: MachineEnd };
type Look = MachinePhase | "gone";

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs `work` for every item, at most `width` at a time, as long as `goOn` says so. */
export async function inLanes<T>(
  items: readonly T[],
  width: number,
  goOn: () => boolean,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      if (!goOn()) return;
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
}

/** Cordon, stop, wait, destroy (by force unless it stopped), and look until it is gone. */
export async function removeMachine(
  provider: WorkerProvider,
  machine: ProviderMachine,
): Promise<MachineOutcome> {
  const { machineId } = machine;
  const issues: Issue[] = [];
  let last = machine;
  let aliveAt: number | null = null;
  const outcome = (gone: boolean): MachineOutcome => {
    const end = endOf(last);
    if (gone) end.stoppedAt ??= aliveAt;
    return { gone, issues, end };
  };
  const tell = (level: Issue["level"], what: string, error: unknown) =>
    void issues.push({
      subject: machineId,
      level,
      text: `Machine ${machineId}: ${what} (${errorMessage(error)})`,
    });
  const ask = async (step: "cordon" | "stop", call: Promise<void>) => {
    try {
      await call;
      aliveAt = Date.now();
      return "done" as const;
    } catch (error) {
      if (isAbsent(error)) return "gone" as const;
      tell("warning", `${step} warning`, error);
      return "failed" as const;
    }
  };
  /** A look that fails says nothing: the next one, or the verification, does. */
  const look = async (): Promise<Look> => {
    try {
      const seen = await provider.getMachine(machineId);
      if (seen === null) return "gone";
      aliveAt = Date.now();
      last = seen;
      return seen.phase;
    } catch {
      return "unknown";
    }
  };

  let stopped = machine.phase === "stopped" || machine.phase === "failed";
  // Nothing can be asked of a machine whose host does not answer; its destruction is noted all the same.
  if (!stopped && machine.hostReachable && machine.phase !== "destroying") {
    if ((await ask("cordon", provider.cordonMachine(machineId))) === "gone") return outcome(true);
    const stop = await ask("stop", provider.stopMachine(machineId));
    if (stop === "gone") return outcome(true);
    const after = stop === "done" ? await waitForStop(look) : "running";
    if (after === "gone") return outcome(true);
    stopped = after === "stopped";
  }
  try {
    if ((await destroy(provider, machineId, stopped)) === "gone") return outcome(true);
    aliveAt = Date.now();
    return outcome(await waitUntilGone(look));
  } catch (error) {
    tell("error", "destroy failed", error);
    return outcome(false);
  }
}

/** Without force first where that may do: an operator's lease or a lock then says so. */
async function destroy(provider: WorkerProvider, machineId: string, stopped: boolean) {
  if (!stopped) return await provider.destroyMachine(machineId, { force: true });
  try {
    return await provider.destroyMachine(machineId);
  } catch (error) {
    if (!(error instanceof ProviderError) || error.kind !== "precondition") throw error;
    return await provider.destroyMachine(machineId, { force: true });
  }
}

async function waitForStop(look: () => Promise<Look>): Promise<"stopped" | "running" | "gone"> {
  for (const end = Date.now() + STOP_WAIT_MS; Date.now() < end; await pause(POLL_MS)) {
    const phase = await look();
    if (phase === "gone" || phase === "destroyed") return "gone";
    if (phase === "stopped" || phase === "failed") return "stopped";
    if (phase === "destroying") return "running";
  }
  return "running";
}

async function waitUntilGone(look: () => Promise<Look>): Promise<boolean> {
  for (const end = Date.now() + DESTROY_WAIT_MS; Date.now() < end; await pause(POLL_MS)) {
    const phase = await look();
    if (phase === "gone" || phase === "destroyed") return true;
  }
  return false;
}

/** Deletes a volume; while a machine that is gone still holds it, again and again for a while. */
export async function removeVolume(
  provider: WorkerProvider,
  volume: ProviderVolume,
  holderRemains: boolean,
): Promise<Outcome> {
  const { volumeId } = volume;
  const end = Date.now() + (holderRemains ? 0 : UNBIND_WAIT_MS);
  for (;;) {
    try {
      await provider.deleteVolume(volumeId);
      return { gone: true, issues: [] };
    } catch (error) {
      const bound = error instanceof ProviderError && error.kind === "volumeBound";
      if (!bound || Date.now() >= end) {
        const text = `Volume ${volumeId}: destroy failed (${errorMessage(error)})`;
        return { gone: false, issues: [{ subject: volumeId, level: "error", text }] };
      }
      await pause(UNBIND_PAUSE_MS);
    }
  }
}

export function isAbsent(error: unknown): boolean {
  return (
    error instanceof ProviderError && error.kind === "notFound" && error.details.status === 404
  );
}

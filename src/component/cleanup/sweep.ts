/** Removing machines and volumes at the provider. Every step may be repeated, and a failure concerns its own subject only. */
import { errorMessage } from "../../shared/errors.js";
import { SECOND_MS } from "../../shared/time.js";
import { ProviderError, type WorkerProvider } from "../providers/ops.js";
import type { ProviderMachine, ProviderVolume } from "../providers/validators.js";
import type { Issue } from "./validators.js";

const POLL_MS = SECOND_MS;
/** A machine that was asked to stop is then destroyed by force. Workers have had their grace before. */
const STOP_WAIT_MS = 30 * SECOND_MS;
const DESTROY_WAIT_MS = 30 * SECOND_MS;
/** Unbinding lags behind the machine, by up to a minute. */
const UNBIND_WAIT_MS = 90 * SECOND_MS;
const UNBIND_PAUSE_MS = 3 * SECOND_MS;

export type Outcome = { gone: boolean; issues: Issue[] };

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
): Promise<Outcome> {
  const { machineId } = machine;
  const issues: Issue[] = [];
  const gone = () => ({ gone: true, issues });
  const tell = (level: Issue["level"], what: string, error: unknown) =>
    void issues.push({
      subject: machineId,
      level,
      text: `Machine ${machineId}: ${what} (${errorMessage(error)})`,
    });
  const ask = async (step: "cordon" | "stop", call: Promise<void>) => {
    try {
      await call;
      return "done" as const;
    } catch (error) {
      if (isAbsent(error)) return "gone" as const;
      tell("warning", `${step} warning`, error);
      return "failed" as const;
    }
  };

  let stopped = machine.phase === "stopped" || machine.phase === "failed";
  // Nothing can be asked of a machine whose host does not answer; its destruction is noted all the same.
  if (!stopped && machine.hostReachable && machine.phase !== "destroying") {
    if ((await ask("cordon", provider.cordonMachine(machineId))) === "gone") return gone();
    const stop = await ask("stop", provider.stopMachine(machineId));
    if (stop === "gone") return gone();
    const after = stop === "done" ? await waitForStop(provider, machineId) : "running";
    if (after === "gone") return gone();
    stopped = after === "stopped";
  }
  try {
    if ((await destroy(provider, machineId, stopped)) === "gone") return gone();
    return { gone: await waitUntilGone(provider, machineId), issues };
  } catch (error) {
    tell("error", "destroy failed", error);
    return { gone: false, issues };
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

async function waitForStop(
  provider: WorkerProvider,
  machineId: string,
): Promise<"stopped" | "running" | "gone"> {
  for (const end = Date.now() + STOP_WAIT_MS; Date.now() < end; await pause(POLL_MS)) {
    const phase = await phaseOf(provider, machineId);
    if (phase === "gone" || phase === "destroyed") return "gone";
    if (phase === "stopped" || phase === "failed") return "stopped";
    if (phase === "destroying") return "running";
  }
  return "running";
}

async function waitUntilGone(provider: WorkerProvider, machineId: string): Promise<boolean> {
  for (const end = Date.now() + DESTROY_WAIT_MS; Date.now() < end; await pause(POLL_MS)) {
    const phase = await phaseOf(provider, machineId);
    if (phase === "gone" || phase === "destroyed") return true;
  }
  return false;
}

/** A look that fails says nothing: the next one, or the verification, does. */
async function phaseOf(provider: WorkerProvider, machineId: string) {
  try {
    return (await provider.getMachine(machineId))?.phase ?? "gone";
  } catch {
    return "unknown";
  }
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

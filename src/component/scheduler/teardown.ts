/**
 * One step of a teardown: the machine, then its volumes, each until proven gone. Nothing is remembered in between but
 * the row, so a step that dies is simply done again; what is not proven is left to the next one.
 */
import { errorMessage } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import type { ActionCtx, Doc } from "../kit/functions.js";
import { endOf, ProviderError, type WorkerProvider } from "../providers/ops.js";
import type { MachineEnd, ProviderMachine } from "../providers/validators.js";
import { MACHINE_GRACE_MS } from "../workers/validators.js";
import { toObserved, type PassContext } from "./effects.js";

/** Looks at a destroyed machine before leaving the rest to the next step. */
const DESTROY_CHECKS = 5;
const DESTROY_CHECK_PAUSE_MS = 1_000;

type Step = {
  machineGone: boolean;
  volumesGone: boolean;
  end: MachineEnd;
};

/** True when the worker's machine and volumes are proven gone. */
export async function tearDown(
  ctx: ActionCtx,
  workerId: string,
  pass: PassContext,
): Promise<boolean> {
  const worker: Doc<"workers"> | null = await ctx.runQuery(internal.scheduler.setup.worker, {
    workerId,
  });
  if (worker === null || worker.status !== "stopping") return false;
  const step: Step = { machineGone: false, volumesGone: false, end: endOf(null) };
  let error: string | null = null;
  try {
    await takeStep(worker, pass, step);
  } catch (thrown) {
    error = errorMessage(thrown);
  }
  return await ctx.runMutation(internal.scheduler.proofs.tornDown, { workerId, ...step, error });
}

async function takeStep(worker: Doc<"workers">, pass: PassContext, step: Step): Promise<void> {
  const appName = worker.machineRef?.appName ?? worker.appName;
  if (appName === undefined) {
    // Self-announced: there is no machine that we could see or remove.
    Object.assign(step, { machineGone: true, volumesGone: true } satisfies Partial<Step>);
    return;
  }
  const provider = pass.provider(appName);
  const machine = await findMachine(provider, worker, pass.deploymentId);
  if (machine === null && !absenceCounts(worker, Date.now())) return;
  // "destroyed" is the provider's own word: a proof at any age, unlike absence.
  const destroyed = machine?.phase === "destroyed";
  const volumeIds = new Set(worker.volumeId === undefined ? [] : [worker.volumeId]);
  for (const volumeId of machine?.volumeIds ?? []) volumeIds.add(volumeId);
  const { isGone, last } =
    machine === null || destroyed
      ? { isGone: true, last: machine }
      : await destroyUntilGone(provider, machine);
  step.machineGone = isGone;
  step.end = endOf(last);
  // It ran a moment ago, and nobody shows it any more.
  if (isGone && last !== null) step.end.stoppedAt ??= Date.now();
  if (step.machineGone)
    step.volumesGone = await removeVolumes(provider, volumeIds, worker.volumeName);
}

/** The worker's machine by id, or, when a creation's answer was lost, by its tags. */
async function findMachine(
  provider: WorkerProvider,
  worker: Doc<"workers">,
  deploymentId: string,
): Promise<ProviderMachine | null> {
  const id = worker.machineRef?.machineId;
  if (id !== undefined) return await provider.getMachine(id);
  const listed = await provider.listMachines();
  return listed.find((m) => toObserved(m, deploymentId).workerTag === worker.workerId) ?? null;
}

/** Right after its creation a machine may be there and not be visible yet. */
function absenceCounts(worker: Doc<"workers">, now: number): boolean {
  const createdBy = worker.machineCreatedAt ?? worker.unsureCreateAt;
  return createdBy === undefined || createdBy + MACHINE_GRACE_MS <= now;
}

/** Whether it is gone now, and how it was shown last. */
async function destroyUntilGone(
  provider: WorkerProvider,
  machine: ProviderMachine,
): Promise<{ isGone: boolean; last: ProviderMachine }> {
  const { machineId } = machine;
  let last = machine;
  if ((await provider.destroyMachine(machineId, { force: true })) === "gone")
    return { isGone: true, last };
  for (let check = 0; check < DESTROY_CHECKS; check++) {
    const seen = await provider.getMachine(machineId);
    last = seen ?? last;
    if (seen === null || seen.phase === "destroyed") return { isGone: true, last };
    await new Promise((resolve) => setTimeout(resolve, DESTROY_CHECK_PAUSE_MS));
  }
  return { isGone: false, last };
}

/** Deletes the worker's volumes, the known ones and those of its name; true when none is left to pay for. */
async function removeVolumes(
  provider: WorkerProvider,
  known: ReadonlySet<string>,
  volumeName: string | undefined,
): Promise<boolean> {
  const listed = await provider.listVolumes();
  const own = listed.filter((one) => known.has(one.volumeId) || one.name === volumeName);
  // A list can be wrongly empty: what we know by id is asked for by id.
  const unlisted = [...known].filter((id) => !listed.some((one) => one.volumeId === id));
  for (const id of unlisted) {
    const volume = await provider.getVolume(id);
    if (volume !== null) own.push(volume);
  }
  let gone = true;
  for (const volume of own) {
    if (volume.dying) continue;
    try {
      await provider.deleteVolume(volume.volumeId);
    } catch (error) {
      // Unbinding lags behind the machine by up to a minute: the next step of the teardown tries again.
      if (!(error instanceof ProviderError) || error.kind !== "volumeBound") throw error;
      gone = false;
    }
  }
  return gone;
}

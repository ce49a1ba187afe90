/**
 * The outside half of a pass, run by its action: observe, then carry out effects with bounded concurrency. Each
 * effect ends in its own record; one that fails stops no other.
 */
import { errorMessage } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import type { ActionCtx, Doc } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { endOf, ProviderError, type WorkerProvider } from "../providers/ops.js";
import { MACHINE_TAGS, MANAGED_BY, type ProviderMachine } from "../providers/validators.js";
import { createWorkerMachine } from "./creating.js";
import { tearDown } from "./teardown.js";
import type { AppToLook } from "./apps.js";
import type { Effect, Observation, ObservedMachine, ObservedVolume } from "./validators.js";

const EFFECT_CONCURRENCY = 4;

export type PassContext = {
  deploymentId: string;
  convexUrl: string;
  workspaceId: string;
  /** One provider per app and pass: its calls share one rate limit. */
  provider: (appName: string) => WorkerProvider;
  /** False: every call of `provider` throws. */
  hasToken: boolean;
  /** No effect begins after this time: the pass must end within its lease. What is left comes with the next pass. */
  noEffectAfter: number;
};

/** Lists every app once. An app whose list fails is left out, so that nothing is concluded about it. */
export async function observe(
  apps: readonly AppToLook[],
  pass: PassContext,
  errors: string[],
): Promise<Observation> {
  const listed: Observation["apps"] = [];
  const missingApps: string[] = [];
  for (const { appName, volumes } of apps) {
    try {
      const provider = pass.provider(appName);
      const machines = (await provider.listMachines()).map((m) => toObserved(m, pass.deploymentId));
      const found = volumes ? await listVolumes(provider, appName, errors) : null;
      listed.push({ appName, machines, ...(found === null ? {} : { volumes: found }) });
    } catch (error) {
      if (error instanceof ProviderError && error.kind === "appMissing") missingApps.push(appName);
      errors.push(`list machines of '${appName}': ${errorMessage(error)}`);
    }
  }
  return { apps: listed, missingApps };
}

/** Those that still cost something. What machines say counts even when the volumes cannot be listed. */
async function listVolumes(
  provider: WorkerProvider,
  appName: string,
  errors: string[],
): Promise<ObservedVolume[] | null> {
  try {
    const volumes = (await provider.listVolumes()).filter((volume) => !volume.dying);
    return volumes.map(({ volumeId, name, attachedMachineId }) => ({
      ...{ volumeId, name, attachedMachineId },
    }));
  } catch (error) {
    errors.push(`list volumes of '${appName}': ${errorMessage(error)}`);
    return null;
  }
}

export function toObserved(machine: ProviderMachine, deploymentId: string): ObservedMachine {
  const tags = machine.tags ?? {};
  const ours =
    tags[MACHINE_TAGS.managedBy] === MANAGED_BY && tags[MACHINE_TAGS.deployment] === deploymentId;
  return {
    machineId: machine.machineId,
    name: machine.name,
    phase: machine.phase,
    workerTag: ours ? (tags[MACHINE_TAGS.worker] ?? null) : null,
    volumeIds: machine.volumeIds,
    region: machine.region,
    ...(machine.createdAt === null ? {} : { createdAt: machine.createdAt }),
    ...(typeof machine.changedAt === "number" ? { changedAt: machine.changedAt } : {}),
    ...(typeof machine.stoppedAt === "number" ? { stoppedAt: machine.stoppedAt } : {}),
  };
}

/** Runs the effects; returns how many workers were proven gone, and collects errors. */
export async function runEffects(
  ctx: ActionCtx,
  effects: readonly Effect[],
  pass: PassContext,
  errors: string[],
): Promise<{ terminated: number }> {
  const queue = [...effects];
  let terminated = 0;
  const lane = async () => {
    for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
      if (Date.now() >= pass.noEffectAfter) return;
      try {
        if (await runEffect(ctx, effect, pass)) terminated += 1;
      } catch (error) {
        const subject = effect.workerId;
        errors.push(`${effect.kind} ${subject}: ${errorMessage(error)}`);
        log("warn", "effect_failed", { kind: effect.kind, subject, error: errorMessage(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: EFFECT_CONCURRENCY }, lane));
  return { terminated };
}

/** True when the effect proved a worker gone. */
async function runEffect(ctx: ActionCtx, effect: Effect, pass: PassContext): Promise<boolean> {
  switch (effect.kind) {
    case "create":
      await createWorkerMachine(ctx, effect.workerId, pass);
      return false;
    case "verify":
      await verify(ctx, effect.workerId, effect.machineId, pass);
      return false;
    case "teardown":
      return await tearDown(ctx, effect.workerId, pass);
  }
}

/** Asks for a machine by id that a list did not show. */
async function verify(
  ctx: ActionCtx,
  workerId: string,
  machineId: string,
  pass: PassContext,
): Promise<void> {
  const worker: Doc<"workers"> | null = await ctx.runQuery(internal.scheduler.setup.worker, {
    workerId,
  });
  const appName = worker?.machineRef?.appName;
  if (appName === undefined) return;
  const machine = await pass.provider(appName).getMachine(machineId);
  const seen =
    machine === null ? "missing" : machine.phase === "destroyed" ? "destroyed" : "present";
  const end = endOf(machine);
  await ctx.runMutation(internal.scheduler.proofs.verified, { workerId, machineId, seen, end });
}

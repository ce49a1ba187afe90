/**
 * The outside half of a pass, run by its action: observe, then carry out effects with bounded concurrency. Each
 * effect ends in its own record; one that fails stops no other.
 */
import { errorMessage } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import type { ActionCtx, Doc } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { randomBase64Url, sha256Hex } from "../kit/random.js";
import { ProviderError, type WorkerProvider } from "../providers/ops.js";
import { MACHINE_TAGS, MANAGED_BY, type ProviderMachine } from "../providers/validators.js";
import { machineEnvironment } from "./environment.js";
import type { Effect, Observation, ObservedMachine } from "./validators.js";

const EFFECT_CONCURRENCY = 4;
/** Looks at a destroyed machine before leaving the rest to the next pass. */
const DESTROY_CHECKS = 5;
const DESTROY_CHECK_PAUSE_MS = 1_000;

export type PassContext = {
  deploymentId: string;
  convexUrl: string;
  workspaceId: string;
  /** One provider per app and pass: its calls share one rate limit. */
  provider: (appName: string) => WorkerProvider;
};

/** Lists every app once. An app whose list fails is left out, so that nothing is concluded about it. */
export async function observe(
  apps: readonly string[],
  pass: PassContext,
  errors: string[],
): Promise<Observation> {
  const listed: Observation["apps"] = [];
  for (const appName of apps) {
    try {
      const machines = await pass.provider(appName).listMachines();
      listed.push({ appName, machines: machines.map((m) => toObserved(m, pass.deploymentId)) });
    } catch (error) {
      errors.push(`list machines of '${appName}': ${errorMessage(error)}`);
    }
  }
  return { apps: listed };
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
      try {
        if (await runEffect(ctx, effect, pass)) terminated += 1;
      } catch (error) {
        const subject = "workerId" in effect ? effect.workerId : effect.machineId;
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
    case "verify": {
      const worker: Doc<"workers"> | null = await ctx.runQuery(internal.scheduler.setup.worker, {
        workerId: effect.workerId,
      });
      const appName = worker?.machineRef?.appName;
      if (appName === undefined) return false;
      const machine = await pass.provider(appName).getMachine(effect.machineId);
      const seen =
        machine === null ? "missing" : machine.phase === "destroyed" ? "destroyed" : "present";
      await ctx.runMutation(internal.scheduler.records.verified, {
        workerId: effect.workerId,
        machineId: effect.machineId,
        seen,
      });
      return false;
    }
    case "teardown":
      return await tearDown(ctx, effect.workerId, pass);
    case "destroy_orphan":
      await pass.provider(effect.appName).destroyMachine(effect.machineId, { force: true });
      await ctx.runMutation(internal.scheduler.records.orphanDestroyed, {
        machineId: effect.machineId,
      });
      return false;
  }
}

/** The token exists in plaintext only here and in the machine's environment. */
async function createWorkerMachine(
  ctx: ActionCtx,
  workerId: string,
  pass: PassContext,
): Promise<void> {
  const token = `afw_${randomBase64Url(32)}`;
  const order = await ctx.runMutation(internal.scheduler.records.openCreate, {
    workerId,
    tokenHash: await sha256Hex(token),
  });
  if (order === null) return;
  const bridge =
    order.agentKey === null
      ? {}
      : await ctx.runQuery(internal.scheduler.setup.bridgeEnvironment, {
          agentKey: order.agentKey,
        });
  const { provider: shape } = order;
  try {
    const machine = await pass.provider(order.appName).createMachine({
      name: workerId,
      region: shape.region,
      image: shape.image,
      guest: shape.guest,
      stopTimeoutSeconds: shape.stopTimeoutSeconds,
      volume: { name: order.volumeName, path: shape.volumePath, sizeGb: shape.volumeSizeGb },
      tags: {
        [MACHINE_TAGS.managedBy]: MANAGED_BY,
        [MACHINE_TAGS.deployment]: order.deploymentId,
        [MACHINE_TAGS.worker]: workerId,
      },
      env: machineEnvironment({
        convexUrl: pass.convexUrl,
        transport: order.transport,
        pathPrefix: order.pathPrefix,
        workerId,
        workspaceId: pass.workspaceId,
        idleTimeoutMs: order.idleTimeoutMs,
        stopTimeoutSeconds: shape.stopTimeoutSeconds,
        conversationId: order.conversationId,
        agentKey: order.agentKey,
        token,
        bridge,
        extra: order.env,
      }),
    });
    await ctx.runMutation(internal.scheduler.records.created, {
      workerId,
      machineId: machine.machineId,
      region: machine.region,
      volumeIds: machine.volumeIds,
    });
  } catch (error) {
    const kind = error instanceof ProviderError ? error.kind : "transient";
    await ctx.runMutation(internal.scheduler.records.createFailed, {
      workerId,
      errorKind: kind,
      message: errorMessage(error),
    });
    throw error;
  }
}

/** Machine, then volumes, each until proven gone; what is not proven is left to the next pass. */
async function tearDown(ctx: ActionCtx, workerId: string, pass: PassContext): Promise<boolean> {
  const worker: Doc<"workers"> | null = await ctx.runQuery(internal.scheduler.setup.worker, {
    workerId,
  });
  if (worker === null || worker.status !== "stopping") return false;
  const report = { machineGone: false, volumesGone: false, error: null as string | null };
  const appName = worker.machineRef?.appName ?? worker.appName;
  if (appName === undefined) {
    // Self-announced: there is no machine that we could see or remove.
    report.machineGone = true;
    report.volumesGone = true;
  } else {
    const provider = pass.provider(appName);
    try {
      const volumeIds = new Set(worker.volumeId === undefined ? [] : [worker.volumeId]);
      const machine = await findMachine(provider, worker, pass.deploymentId);
      for (const volumeId of machine?.volumeIds ?? []) volumeIds.add(volumeId);
      report.machineGone =
        machine === null || (await destroyUntilGone(provider, machine.machineId));
      if (report.machineGone)
        report.volumesGone = await removeVolumes(provider, volumeIds, worker.volumeName);
    } catch (error) {
      report.error = errorMessage(error);
    }
  }
  return await ctx.runMutation(internal.scheduler.records.tornDown, { workerId, ...report });
}

/** The worker's machine by id, or, when a creation's answer was lost, by name and tags. Null: proven absent. */
async function findMachine(
  provider: WorkerProvider,
  worker: Doc<"workers">,
  deploymentId: string,
): Promise<ProviderMachine | null> {
  const id = worker.machineRef?.machineId;
  const machine =
    id !== undefined
      ? await provider.getMachine(id)
      : ((await provider.listMachines()).find(
          (m) => toObserved(m, deploymentId).workerTag === worker.workerId,
        ) ?? null);
  return machine?.phase === "destroyed" ? null : machine;
}

async function destroyUntilGone(provider: WorkerProvider, machineId: string): Promise<boolean> {
  if ((await provider.destroyMachine(machineId, { force: true })) === "gone") return true;
  for (let check = 0; check < DESTROY_CHECKS; check++) {
    const machine = await provider.getMachine(machineId);
    if (machine === null || machine.phase === "destroyed") return true;
    await new Promise((resolve) => setTimeout(resolve, DESTROY_CHECK_PAUSE_MS));
  }
  return false;
}

/** Deletes the worker's volumes, the known ones and those of its name; true when none is left to pay for. */
async function removeVolumes(
  provider: WorkerProvider,
  known: ReadonlySet<string>,
  volumeName: string | undefined,
): Promise<boolean> {
  const volumes = (await provider.listVolumes()).filter(
    (volume) => known.has(volume.volumeId) || volume.name === volumeName,
  );
  let gone = true;
  for (const volume of volumes) {
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

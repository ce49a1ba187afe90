/** What creations report back: one small transaction each, so that one failure touches nothing else. */
import { v } from "convex/values";
import { redact } from "../../shared/redact.js";
import { DEFAULT_GUEST, DEFAULT_STOP_TIMEOUT_SECONDS, type ProviderConfig } from "../config.js";
import { internalMutation } from "../kit/functions.js";
import { isCleanupRunning, loadSchedulerState, requestPass } from "../kit/wake.js";
import { PROVIDER_ERROR_KINDS } from "../providers/validators.js";
import { literals } from "convex-helpers/validators";
import { loadPolicy, loadProviderConfig, loadWorkerRuntimeConfig } from "../settings/ops.js";
import { noteMachine, openMeter } from "../spend/ops.js";
import { recordMachineEvent } from "../trail/ops.js";
import { addToken, beginDrain, loadWorker, noteReplaced } from "../workers/ops.js";
import { backoffMs, CREATE_BACKOFF_MS, forgetCreateFailures, holdSpawns } from "./backoff.js";

const vProviderErrorKind = literals(...PROVIDER_ERROR_KINDS);

/** Errors that a retry of the same call cannot cure: an operator, or another machine, must. */
const HOPELESS: ReadonlySet<string> = new Set([
  "auth",
  "forbidden",
  "appMissing",
  "quota",
  "imageMissing",
  "invalid",
  "nameConflict",
]);
/**
 * Opens one creation attempt: stores the token's hash and returns what the machine is made of. Null when the worker
 * needs no machine any more. The next attempt is not before the back-off, whatever becomes of this one.
 */
export const openCreate = internalMutation({
  args: { workerId: v.string(), tokenHash: v.string() },
  handler: async (ctx, args) => {
    const now = Date.now();
    const worker = await loadWorker(ctx, args.workerId);
    const config = await loadProviderConfig(ctx);
    if (worker?.status !== "active" || worker.machineRef !== undefined || config === null)
      return null;
    const state = await loadSchedulerState(ctx);
    if (isCleanupRunning(state, now)) return null;
    if (worker.appName === undefined || worker.volumeName === undefined) return null;
    const createAttempts = (worker.createAttempts ?? 0) + 1;
    await ctx.db.patch("workers", worker._id, {
      createAttempts,
      unsureCreateAt: now,
      nextCreateAt: now + backoffMs(CREATE_BACKOFF_MS, createAttempts),
    });
    await addToken(ctx, args.workerId, args.tokenHash, now);
    await noteReplaced(ctx, worker, now);
    const agentKey = worker.assignment?.agentKey ?? null;
    await openMeter(ctx, { workerId: args.workerId, agentKey }, config, now);
    const { scaling } = await loadPolicy(ctx);
    const runtime = await loadWorkerRuntimeConfig(ctx);
    return {
      unsureBefore: worker.unsureCreateAt ?? null,
      deploymentId: state.deploymentId,
      appName: worker.appName,
      volumeName: worker.volumeName,
      conversationId: worker.assignment?.conversationId ?? null,
      agentKey,
      idleTimeoutMs: scaling.idleTimeoutMs,
      transport: runtime.transport,
      pathPrefix: runtime.pathPrefix,
      env: runtime.env,
      provider: machineShape(config),
    };
  },
});

function machineShape(config: ProviderConfig) {
  return {
    image: config.image,
    region: config.region,
    volumePath: config.volumePath,
    volumeSizeGb: config.volumeSizeGb,
    guest: config.guest ?? DEFAULT_GUEST,
    stopTimeoutSeconds: config.stopTimeoutSeconds ?? DEFAULT_STOP_TIMEOUT_SECONDS,
    fallbackRegions: config.fallbackRegions ?? [],
    autoDestroy: config.autoDestroy ?? true,
    restart: {
      policy: config.restartPolicy ?? ("no" as const),
      ...(config.restartMaxRetries === undefined ? {} : { maxRetries: config.restartMaxRetries }),
    },
  };
}

/** The machine exists. Recorded whatever the worker's status became meanwhile: teardown must find it. */
export const created = internalMutation({
  args: {
    workerId: v.string(),
    machineId: v.string(),
    region: v.string(),
    volumeIds: v.array(v.string()),
    /** By the provider's clock: one that an earlier attempt made is older than its discovery. */
    createdAt: v.union(v.null(), v.number()),
  },
  returns: v.null(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const worker = await loadWorker(ctx, args.workerId);
    if (worker?.machineRef?.machineId === args.machineId) return null;
    if (worker?.appName === undefined || worker.machineRef || worker.status === "stopped") {
      // Nobody waits for it any more. A pass must see it, so that it does not stay for ever.
      await requestPass(ctx, now, now);
      return null;
    }
    const volumeId = args.volumeIds[0];
    await ctx.db.patch("workers", worker._id, {
      machineRef: { appName: worker.appName, machineId: args.machineId, region: args.region },
      machineCreatedAt: now,
      nextCreateAt: undefined,
      unsureCreateAt: undefined,
      lastProviderError: undefined,
      ...(volumeId === undefined ? {} : { volumeId }),
    });
    await noteMachine(ctx, args.workerId, "running", args.createdAt ?? now, now);
    await recordMachineEvent(ctx, {
      workerId: args.workerId,
      machineId: args.machineId,
      kind: "created",
      at: now,
    });
    await forgetCreateFailures(ctx);
    return null;
  },
});

/** A creation failed: the next attempt keeps the name; a hopeless one gives the worker up and stops spawning. */
export const createFailed = internalMutation({
  args: {
    workerId: v.string(),
    errorKind: vProviderErrorKind,
    message: v.string(),
    /** An attempt that may have taken effect all the same, this one or an earlier one. */
    unsureCreateAt: v.union(v.null(), v.number()),
  },
  returns: v.null(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const message = redact(args.message, 500);
    const worker = await loadWorker(ctx, args.workerId);
    if (worker !== null) {
      const unsureCreateAt = args.unsureCreateAt ?? undefined;
      await ctx.db.patch("workers", worker._id, { lastProviderError: message, unsureCreateAt });
      await recordMachineEvent(ctx, {
        workerId: args.workerId,
        kind: "create_failed",
        at: now,
        detail: `${args.errorKind}: ${message}`,
      });
    }
    const state = await loadSchedulerState(ctx);
    const failures = (state.spawnFailures ?? 0) + 1;
    await ctx.db.patch("schedulerState", state._id, { spawnFailures: failures });
    const hopeless = HOPELESS.has(args.errorKind);
    // A name conflict concerns this worker only; its successor has another name.
    if (args.errorKind !== "nameConflict") {
      const pauseMs = hopeless ? null : backoffMs(CREATE_BACKOFF_MS, failures);
      const text = `the provider refused to create a machine (${args.errorKind}): ${message}`;
      await holdSpawns(ctx, { kind: args.errorKind, message: text, pauseMs }, now);
    }
    if (hopeless && worker?.status === "active") await beginDrain(ctx, worker, "boot_timeout", now);
    return null;
  },
});

/** Creating is off for a reason that is not about one worker and that an operator must mend. */
export const blockSpawns = internalMutation({
  args: { kind: v.string(), message: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    await holdSpawns(ctx, { ...args, pauseMs: null }, Date.now());
    return null;
  },
});

/** What the effects report back: one small transaction each, so that one failure touches nothing else. */
import { v } from "convex/values";
import { SECOND_MS } from "../../shared/time.js";
import { redact } from "../../shared/redact.js";
import { DEFAULT_GUEST, DEFAULT_STOP_TIMEOUT_SECONDS, type ProviderConfig } from "../config.js";
import { internalMutation } from "../kit/functions.js";
import { loadSchedulerState, requestPass } from "../kit/wake.js";
import { PROVIDER_ERROR_KINDS } from "../providers/validators.js";
import { literals } from "convex-helpers/validators";
import { loadPolicy, loadProviderConfig, loadWorkerRuntimeConfig } from "../settings/ops.js";
import { recordMachineEvent } from "../trail/ops.js";
import { addToken, beginDrain, finishStop, lastHeartbeat, loadWorker } from "../workers/ops.js";
import { MACHINE_GRACE_MS } from "../workers/validators.js";
import { BLOCKED_RETRY_MS } from "./validators.js";

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
const CREATE_BACKOFF_MS = 5 * SECOND_MS;
const TEARDOWN_BACKOFF_MS = 3 * SECOND_MS;
/** Between the two proofs that a machine is gone; a working worker heartbeats within it. */
const SECOND_PROOF_AFTER_MS = 20 * SECOND_MS;
const MAX_BACKOFF_MS = 120 * SECOND_MS;

function backoffMs(baseMs: number, attempts: number): number {
  return Math.min(MAX_BACKOFF_MS, baseMs * 2 ** Math.max(0, attempts - 1));
}

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
    if (worker.appName === undefined || worker.volumeName === undefined) return null;
    const createAttempts = (worker.createAttempts ?? 0) + 1;
    await ctx.db.patch("workers", worker._id, {
      createAttempts,
      nextCreateAt: now + backoffMs(CREATE_BACKOFF_MS, createAttempts),
    });
    await addToken(ctx, args.workerId, args.tokenHash, now);
    const { scaling } = await loadPolicy(ctx);
    const runtime = await loadWorkerRuntimeConfig(ctx);
    const state = await loadSchedulerState(ctx);
    return {
      deploymentId: state.deploymentId,
      appName: worker.appName,
      volumeName: worker.volumeName,
      conversationId: worker.assignment?.conversationId ?? null,
      agentKey: worker.assignment?.agentKey ?? null,
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
  };
}

/** The machine exists. Recorded whatever the worker's status became meanwhile: teardown must find it. */
export const created = internalMutation({
  args: {
    workerId: v.string(),
    machineId: v.string(),
    region: v.string(),
    volumeIds: v.array(v.string()),
  },
  returns: v.null(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const worker = await loadWorker(ctx, args.workerId);
    if (worker === null || worker.machineRef !== undefined || worker.appName === undefined)
      return null;
    const volumeId = args.volumeIds[0];
    await ctx.db.patch("workers", worker._id, {
      machineRef: { appName: worker.appName, machineId: args.machineId, region: args.region },
      machineCreatedAt: now,
      nextCreateAt: undefined,
      lastProviderError: undefined,
      ...(volumeId === undefined ? {} : { volumeId }),
    });
    await recordMachineEvent(ctx, {
      workerId: args.workerId,
      machineId: args.machineId,
      kind: "created",
      at: now,
    });
    const state = await loadSchedulerState(ctx);
    if (state.spawnFailures !== undefined)
      await ctx.db.patch("schedulerState", state._id, {
        spawnFailures: undefined,
        spawnNotBefore: undefined,
        spawnBlock: undefined,
      });
    return null;
  },
});

/** A creation failed: the next attempt keeps the name; a hopeless one gives the worker up and stops spawning. */
export const createFailed = internalMutation({
  args: { workerId: v.string(), errorKind: vProviderErrorKind, message: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const message = redact(args.message, 500);
    const worker = await loadWorker(ctx, args.workerId);
    if (worker !== null) {
      await ctx.db.patch("workers", worker._id, { lastProviderError: message });
      await recordMachineEvent(ctx, {
        workerId: args.workerId,
        kind: "create_failed",
        at: now,
        detail: `${args.errorKind}: ${message}`,
      });
    }
    const state = await loadSchedulerState(ctx);
    const failures = (state.spawnFailures ?? 0) + 1;
    const hopeless = HOPELESS.has(args.errorKind);
    // A name conflict concerns this worker only; its successor has another name.
    const pauseMs =
      args.errorKind === "nameConflict"
        ? 0
        : hopeless
          ? BLOCKED_RETRY_MS
          : backoffMs(CREATE_BACKOFF_MS, failures);
    await ctx.db.patch("schedulerState", state._id, {
      spawnFailures: failures,
      ...(pauseMs === 0
        ? {}
        : {
            spawnNotBefore: now + pauseMs,
            spawnBlock: {
              kind: args.errorKind,
              message: `the provider refused to create a machine (${args.errorKind}): ${message}`,
              at: now,
            },
          }),
    });
    if (hopeless && worker?.status === "active") await beginDrain(ctx, worker, "boot_timeout", now);
    return null;
  },
});

/** Creating is off until `retryAfterMs` from now, for a reason that is not about one worker. */
export const blockSpawns = internalMutation({
  args: { kind: v.string(), message: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const state = await loadSchedulerState(ctx);
    await ctx.db.patch("schedulerState", state._id, {
      spawnFailures: (state.spawnFailures ?? 0) + 1,
      spawnNotBefore: now + BLOCKED_RETRY_MS,
      spawnBlock: { kind: args.kind, message: redact(args.message, 500), at: now },
    });
    return null;
  },
});

/**
 * The result of asking for a missing machine by its id. `destroyed` is the provider's own word and enough; `missing`
 * (a proven 404) counts only when the machine is old enough to be visible, twice, and while nothing was heard of it.
 */
export const verified = internalMutation({
  args: {
    workerId: v.string(),
    machineId: v.string(),
    seen: literals("present", "destroyed", "missing"),
  },
  returns: v.null(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const worker = await loadWorker(ctx, args.workerId);
    if (worker === null || worker.machineRef?.machineId !== args.machineId) return null;
    if (args.seen === "present") {
      if (worker.missingSince !== undefined)
        await ctx.db.patch("workers", worker._id, { missingSince: undefined });
      return null;
    }
    const createdAt = worker.machineCreatedAt ?? worker.createdAt ?? worker._creationTime;
    if (args.seen === "missing") {
      if (createdAt + MACHINE_GRACE_MS > now) return null;
      const heardAt = await lastHeartbeat(ctx, worker);
      if (worker.missingSince === undefined || heardAt > worker.missingSince) {
        await ctx.db.patch("workers", worker._id, { missingSince: now });
        await recordMachineEvent(ctx, { ...eventOf(args), kind: "missing", at: now });
        await requestPass(ctx, now + SECOND_PROOF_AFTER_MS, now);
        return null;
      }
      if (worker.missingSince + SECOND_PROOF_AFTER_MS > now) return null;
    }
    await ctx.db.patch("workers", worker._id, { machineGoneAt: now });
    await recordMachineEvent(ctx, { ...eventOf(args), kind: "gone", at: now });
    await requestPass(ctx, now, now);
    return null;
  },
});

/** One step of a teardown. `machineGone` and `volumesGone` are proofs; the worker stops when both are there. */
export const tornDown = internalMutation({
  args: {
    workerId: v.string(),
    machineGone: v.boolean(),
    volumesGone: v.boolean(),
    error: v.union(v.null(), v.string()),
  },
  returns: v.boolean(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const worker = await loadWorker(ctx, args.workerId);
    if (worker?.status !== "stopping") return false;
    const machineId = worker.machineRef?.machineId;
    if (args.machineGone && worker.machineGoneAt === undefined) {
      await ctx.db.patch("workers", worker._id, { machineGoneAt: now });
      await recordMachineEvent(ctx, {
        workerId: args.workerId,
        machineId,
        kind: "destroyed",
        at: now,
      });
    }
    if (args.machineGone && args.volumesGone) {
      await finishStop(ctx, worker, now);
      return true;
    }
    const teardownAttempts = (worker.teardownAttempts ?? 0) + 1;
    await ctx.db.patch("workers", worker._id, {
      teardownAttempts,
      nextTeardownAt: now + backoffMs(TEARDOWN_BACKOFF_MS, teardownAttempts),
      ...(args.error === null ? {} : { lastProviderError: redact(args.error, 500) }),
    });
    if (args.error !== null)
      await recordMachineEvent(ctx, {
        workerId: args.workerId,
        machineId,
        kind: "teardown_failed",
        at: now,
        detail: args.error,
      });
    return false;
  },
});

export const orphanDestroyed = internalMutation({
  args: { machineId: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    await recordMachineEvent(ctx, {
      workerId: "-",
      machineId: args.machineId,
      kind: "orphan_destroyed",
      at: Date.now(),
    });
    return null;
  },
});

function eventOf(args: { workerId: string; machineId: string }) {
  return { workerId: args.workerId, machineId: args.machineId };
}

/** Our rows during a cleanup: workers drain, give back their messages, and follow their machines. */
import { literals } from "convex-helpers/validators";
import { v } from "convex/values";
import { loadConversation } from "../conversations/ops.js";
import {
  internalMutation,
  internalQuery,
  type MutationCtx,
  type QueryCtx,
} from "../kit/functions.js";
import { MACHINE_PHASES, vMachineEnd } from "../providers/validators.js";
import { returnMessage } from "../queue/ops.js";
import { loadLiveWorkers, takeOverOrphan } from "../scheduler/ops.js";
import { noteSeen } from "../spend/ops.js";
import { loadProviderConfig } from "../settings/ops.js";
import {
  beginDrain,
  beginStop,
  findVolumeOwners,
  finishStop,
  loadOrphanRow,
  loadWorker,
  noteGone,
  type Worker,
} from "../workers/ops.js";
import { MACHINE_GRACE_MS } from "../workers/validators.js";
import { heldRun } from "./runs.js";
import { DRAIN_GRACE_MS } from "./validators.js";

const HANDED_BACK = "a Fly cleanup destroys the machine";

const appOf = (worker: Worker) => worker.machineRef?.appName ?? worker.appName;

async function liveWorkersOf(ctx: QueryCtx, appName: string): Promise<Worker[]> {
  return (await loadLiveWorkers(ctx)).filter((worker) => appOf(worker) === appName);
}

/** Machines and volumes that our rows know by id: a list can be wrongly empty. */
export const known = internalQuery({
  args: { appName: v.string() },
  returns: v.object({ machineIds: v.array(v.string()), volumeIds: v.array(v.string()) }),
  handler: async (ctx, { appName }) => {
    const workers = await liveWorkersOf(ctx, appName);
    return {
      machineIds: workers.flatMap((worker) => worker.machineRef?.machineId ?? []),
      volumeIds: workers.flatMap((worker) => worker.volumeId ?? []),
    };
  },
});

/** Of these volumes, the ids of those that a row of ours names, whatever became of the worker. */
export const ownVolumes = internalQuery({
  args: {
    appName: v.string(),
    volumes: v.array(v.object({ volumeId: v.string(), name: v.string() })),
  },
  returns: v.array(v.string()),
  handler: async (ctx, { appName, volumes }) => {
    const byId = new Set(
      (await liveWorkersOf(ctx, appName)).flatMap((worker) => worker.volumeId ?? []),
    );
    const own: string[] = [];
    for (const { volumeId, name } of volumes) {
      const owners = byId.has(volumeId) ? [] : await findVolumeOwners(ctx, name);
      const isOwn = byId.has(volumeId) || owners.some((owner) => appOf(owner) === appName);
      if (isOwn) own.push(volumeId);
    }
    return own;
  },
});

const vHold = { runId: v.id("cleanupRuns"), chunk: v.number() };

/**
 * Tells every live worker of the app to stop. Returns how many may still store a snapshot (they had work, and their
 * machine is alive) and until when they are waited for; null when the run is in other hands.
 */
export const drainAll = internalMutation({
  args: { ...vHold, aliveMachineIds: v.array(v.string()) },
  returns: v.union(v.null(), v.object({ waiting: v.number(), graceUntil: v.number() })),
  handler: async (ctx, args) => {
    const now = Date.now();
    const run = await heldRun(ctx, args);
    if (run === null) return null;
    const graceUntil = run.graceUntil ?? now + DRAIN_GRACE_MS;
    const isFirst = run.graceUntil === undefined;
    if (isFirst) await ctx.db.patch("cleanupRuns", run._id, { graceUntil });
    const alive = new Set(args.aliveMachineIds);
    let waiting = 0;
    for (const worker of await liveWorkersOf(ctx, run.appName)) {
      await beginDrain(ctx, worker, "operator", now);
      const mayAnswer = alive.has(worker.machineRef?.machineId ?? "");
      if (isFirst && mayAnswer) await noteSeen(ctx, worker.workerId, now);
      const hasMemory = worker.lastClaimAt !== undefined;
      if (worker.status !== "stopping" && mayAnswer && hasMemory) waiting += 1;
    }
    return { waiting, graceUntil };
  },
});

/** The grace is over: what is still held goes back without a charge, and the machines may be destroyed. */
export const stopAll = internalMutation({
  args: vHold,
  returns: v.boolean(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const run = await heldRun(ctx, args);
    if (run === null) return false;
    for (const { workerId } of await liveWorkersOf(ctx, run.appName)) {
      const worker = await loadWorker(ctx, workerId);
      if (worker === null || worker.status === "stopping") continue;
      await beginDrain(ctx, worker, "operator", now);
      await handBack(ctx, worker, now);
      const drained = await loadWorker(ctx, workerId);
      if (drained?.status === "draining") await beginStop(ctx, drained, "Fly cleanup", now);
    }
    return true;
  },
});

async function handBack(ctx: MutationCtx, worker: Worker, now: number): Promise<void> {
  if (worker.assignment === undefined) return;
  const conversation = await loadConversation(ctx, worker.assignment.conversationId);
  const lock = conversation?.processingLock;
  if (lock === undefined || lock.workerId !== worker.workerId) return;
  const message = await ctx.db.get("messageQueue", lock.claimedMessageId);
  if (message?.status !== "processing") return;
  await returnMessage(ctx, message, conversation, HANDED_BACK, now);
  await ctx.db.patch("workers", worker._id, { load: 0 });
}

/**
 * Machines with our tags that no row knows get one before they are touched: their volumes carry no tags, and would be
 * nobody's if the machine went and this action died. From here on a pass can end what the cleanup does not.
 */
export const adopt = internalMutation({
  args: {
    ...vHold,
    machines: v.array(
      v.object({
        machineId: v.string(),
        name: v.string(),
        region: v.string(),
        workerTag: v.union(v.null(), v.string()),
        volumeIds: v.array(v.string()),
        phase: literals(...MACHINE_PHASES),
        createdAt: v.optional(v.number()),
        stoppedAt: v.optional(v.number()),
      }),
    ),
  },
  returns: v.null(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const run = await heldRun(ctx, args);
    if (run === null) return null;
    const { appName } = run;
    const workers = await liveWorkersOf(ctx, appName);
    const known = new Set(workers.map((worker) => worker.machineRef?.machineId));
    const config = await loadProviderConfig(ctx);
    for (const machine of args.machines) {
      const { machineId, workerTag } = machine;
      // The teardown of a row that does not know its machine yet finds it by its tags.
      const isAwaited = workers.some((w) => w.workerId === workerTag && w.machineRef === undefined);
      if (known.has(machineId) || isAwaited) continue;
      // A list lags behind what was proven by id: it is asked again soon enough.
      const ends = [await loadOrphanRow(ctx, machineId)];
      if (workerTag !== null) ends.push(await loadWorker(ctx, workerTag));
      if (ends.some((row) => (row?.machineGoneAt ?? 0) + MACHINE_GRACE_MS > now)) continue;
      await takeOverOrphan(
        ctx,
        { appName, reason: "a Fly cleanup found it" },
        machine,
        config,
        now,
      );
    }
    return null;
  },
});

/**
 * Rows follow what was proven gone by id. Those that a proof is missing for (a volume whose id nobody knows) are left to
 * the scheduler's teardown, which looks for it by name.
 */
export const follow = internalMutation({
  args: {
    ...vHold,
    goneMachines: v.array(v.object({ machineId: v.string(), end: vMachineEnd })),
    goneVolumeIds: v.array(v.string()),
  },
  returns: v.null(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const run = await heldRun(ctx, args);
    if (run === null) return null;
    const ends = new Map(args.goneMachines.map(({ machineId, end }) => [machineId, end]));
    const volumes = new Set(args.goneVolumeIds);
    for (const worker of await liveWorkersOf(ctx, run.appName)) {
      const end = ends.get(worker.machineRef?.machineId ?? "");
      if (worker.status !== "stopping" || end === undefined) continue;
      if (worker.machineGoneAt === undefined) await noteGone(ctx, worker, end, now);
      if (worker.volumeId !== undefined && volumes.has(worker.volumeId))
        await finishStop(ctx, worker, now);
    }
    return null;
  },
});

/**
 * The transactions of a pass. `prepare` ends what expired, `commit` plans and writes every row before anything
 * is done outside, `finish` sets the next wake-up. All of them check that the pass is still the running one.
 */
import { v } from "convex/values";
import { loadProfile } from "../agents/ops.js";
import { loadConversation } from "../conversations/ops.js";
import { internalMutation, type Doc, type MutationCtx } from "../kit/functions.js";
import { randomBase36 } from "../kit/random.js";
import { loadSchedulerState } from "../kit/wake.js";
import { workerVolumeName } from "../providers/ops.js";
import { expireLeases, loseLease, returnMessage, settle } from "../queue/ops.js";
import { foldCounters, recordMachineEvent } from "../trail/ops.js";
import {
  beginDrain,
  beginStop,
  loadWorker,
  releaseConversation,
  type Worker,
} from "../workers/ops.js";
import { planPass } from "./plan.js";
import { loadWorld, type LoadedWorld } from "./world.js";
import {
  MAX_EFFECTS_PER_PASS,
  PROMOTE_LIMIT,
  vEffect,
  vObservation,
  type Decision,
  type DecisionOf,
  type Effect,
} from "./validators.js";

export async function requireRunning(
  ctx: MutationCtx,
  passId: string,
): Promise<Doc<"schedulerState"> | null> {
  const state = await loadSchedulerState(ctx);
  return state.passId === passId ? state : null;
}

/** Ends expired leases, makes due conversations ready, folds counters. False when the pass was superseded. */
export const prepare = internalMutation({
  args: { passId: v.string() },
  returns: v.boolean(),
  handler: async (ctx, args) => {
    const now = Date.now();
    if ((await requireRunning(ctx, args.passId)) === null) return false;
    await expireLeases(ctx, now);
    await promoteDue(ctx, now);
    await foldCounters(ctx);
    return true;
  },
});

/** waiting → ready for heads that became due; conversations of agents that may not run are blocked instead. */
async function promoteDue(ctx: MutationCtx, now: number): Promise<void> {
  const due = await ctx.db
    .query("conversations")
    .withIndex("by_state_and_readyAt", (q) => q.eq("state", "waiting").lte("readyAt", now))
    .take(PROMOTE_LIMIT);
  for (const conversation of due) await settle(ctx, conversation, 0, {}, now);
}

/** Plans on the rows as they are now and writes all reservations. Returns what the action has to do. */
export const commit = internalMutation({
  args: { passId: v.string(), observation: vObservation },
  returns: v.object({ effects: v.array(vEffect), spawned: v.number(), drained: v.number() }),
  handler: async (ctx, args) => {
    const now = Date.now();
    const state = await requireRunning(ctx, args.passId);
    if (state === null) return { effects: [], spawned: 0, drained: 0 };
    const loaded = await loadWorld(ctx, state, args.observation, now);
    const decisions = planPass(loaded.world, loaded.policy, now);
    const effects: Effect[] = [];
    for (const decision of decisions) effects.push(...(await apply(ctx, decision, loaded, now)));
    await rememberOrphans(ctx, state, decisions, now);
    return {
      effects: effects.slice(0, MAX_EFFECTS_PER_PASS),
      spawned: decisions.filter((d) => d.kind === "spawn").length,
      drained: decisions.filter((d) => d.kind === "drain").length,
    };
  },
});

async function apply(
  ctx: MutationCtx,
  decision: Decision,
  loaded: LoadedWorld,
  now: number,
): Promise<Effect[]> {
  switch (decision.kind) {
    case "spawn":
      return await reserve(ctx, decision, loaded, now);
    case "create":
      return [{ kind: "create", workerId: decision.workerId }];
    case "adopt":
      await adoptMachine(ctx, decision, now);
      return [];
    case "verify":
      return [{ kind: "verify", workerId: decision.workerId, machineId: decision.machineId }];
    case "drain":
      await drain(ctx, decision, now);
      return [];
    case "stop":
      await stop(ctx, decision, now);
      return [{ kind: "teardown", workerId: decision.workerId }];
    case "teardown":
      return [{ kind: "teardown", workerId: decision.workerId }];
    case "destroy_orphan":
      return [{ kind: "destroy_orphan", appName: decision.appName, machineId: decision.machineId }];
    case "watch_orphan":
    case "hold":
      return [];
  }
}

/** The row, the name and the ownership exist before the machine does. */
async function reserve(
  ctx: MutationCtx,
  decision: DecisionOf<"spawn">,
  { providerConfig, policy }: LoadedWorld,
  now: number,
): Promise<Effect[]> {
  if (providerConfig === null) return [];
  const conversation = await loadConversation(ctx, decision.conversationId);
  if (conversation === null || conversation.ownerWorkerId !== undefined) return [];
  const profile = await loadProfile(ctx, conversation.agentKey);
  if (profile === null || !profile.enabled || profile.pausedAt !== undefined) {
    const blockedReason = profile?.pausedAt === undefined ? "agent_disabled" : "agent_paused";
    await settle(ctx, conversation, 0, { blockedReason }, now);
    return [];
  }
  const workerId = `afw-${now}-${randomBase36(8)}`;
  await ctx.db.insert("workers", {
    workerId,
    provider: providerConfig.kind,
    status: "active",
    load: 0,
    heartbeatAt: now,
    scheduledShutdownAt: now + policy.scaling.idleTimeoutMs,
    assignment: {
      conversationId: conversation.conversationId,
      agentKey: conversation.agentKey,
      leaseId: `spawn:${workerId}`,
      assignedAt: now,
    },
    capabilities: [],
    appName: providerConfig.appName,
    machineName: workerId,
    volumeName: workerVolumeName(providerConfig.volumeName, workerId),
    createdAt: now,
    createAttempts: 0,
    nextCreateAt: now,
  });
  await ctx.db.patch("conversations", conversation._id, {
    ownerWorkerId: workerId,
    generation: (conversation.generation ?? 0) + 1,
  });
  await recordMachineEvent(ctx, { workerId, kind: "reserved", at: now, detail: decision.reason });
  return [{ kind: "create", workerId }];
}

async function adoptMachine(
  ctx: MutationCtx,
  decision: DecisionOf<"adopt">,
  now: number,
): Promise<void> {
  const worker = await loadWorker(ctx, decision.workerId);
  if (worker === null || worker.machineRef !== undefined || worker.appName === undefined) return;
  const volumeId = decision.volumeIds[0];
  await ctx.db.patch("workers", worker._id, {
    machineRef: {
      appName: worker.appName,
      machineId: decision.machineId,
      region: decision.region,
    },
    machineCreatedAt: now,
    ...(volumeId === undefined ? {} : { volumeId }),
  });
  await recordMachineEvent(ctx, {
    workerId: worker.workerId,
    machineId: decision.machineId,
    kind: "adopted",
    at: now,
    detail: decision.reason,
  });
}

async function drain(ctx: MutationCtx, decision: DecisionOf<"drain">, now: number): Promise<void> {
  const worker = await loadWorker(ctx, decision.workerId);
  if (worker === null) return;
  // The plan is made in this transaction, so the worker cannot have claimed in between.
  await beginDrain(ctx, worker, decision.drainReason, now);
  if (decision.drainReason !== "machine_gone") return;
  // A dead machine holds no message: its lease need not run out first.
  await endLeaseOf(ctx, worker, "The machine stopped while processing", now);
  await releaseConversation(ctx, worker, now);
}

async function stop(ctx: MutationCtx, decision: DecisionOf<"stop">, now: number): Promise<void> {
  const worker = await loadWorker(ctx, decision.workerId);
  if (worker?.status !== "draining") return;
  if (worker.load > 0)
    await endLeaseOf(ctx, worker, "The worker did not finish before its drain deadline", now);
  const current = await loadWorker(ctx, decision.workerId);
  if (current?.status === "draining") await beginStop(ctx, current, decision.reason, now);
}

/** Charges and returns what a worker still holds; an operator's drain is not the message's fault. */
async function endLeaseOf(
  ctx: MutationCtx,
  worker: Worker,
  error: string,
  now: number,
): Promise<void> {
  if (worker.assignment === undefined) return;
  const conversation = await loadConversation(ctx, worker.assignment.conversationId);
  const lock = conversation?.processingLock;
  if (lock === undefined || lock.workerId !== worker.workerId) return;
  const message = await ctx.db.get("messageQueue", lock.claimedMessageId);
  if (message?.status !== "processing") return;
  if (worker.drainReason === "operator") {
    await returnMessage(ctx, message, conversation, error, now);
    await ctx.db.patch("workers", worker._id, { load: 0 });
  } else await loseLease(ctx, message, error, now);
}

async function rememberOrphans(
  ctx: MutationCtx,
  state: Doc<"schedulerState">,
  decisions: readonly Decision[],
  now: number,
): Promise<void> {
  const seen = state.orphansSeen ?? {};
  const current = Object.fromEntries(
    decisions.flatMap((d) =>
      d.kind === "watch_orphan" || d.kind === "destroy_orphan"
        ? [[d.machineId, seen[d.machineId] ?? now] as const]
        : [],
    ),
  );
  const same =
    Object.keys(seen).length === Object.keys(current).length &&
    Object.keys(current).every((id) => id in seen);
  if (!same) await ctx.db.patch("schedulerState", state._id, { orphansSeen: current });
}

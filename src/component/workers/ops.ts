/** The workers room's verbs. Every lifecycle move is a compare-and-set inside the caller's transaction. */
import { agentFactoryError } from "../../shared/errors.js";
import { loadConversation } from "../conversations/ops.js";
import { requestPass } from "../kit/wake.js";
import type { MutationCtx, Patch } from "../kit/functions.js";
import type { MachineEnd } from "../providers/validators.js";
import { closeMeter, noteMachine, noteMachineEnd } from "../spend/ops.js";
import { recordMachineEvent } from "../trail/ops.js";
import { canTransition } from "./machine.js";
import { forgetHeartbeat, lastHeartbeat, revokeTokens, type Worker } from "./store.js";
import {
  BUDGET_DRAIN_DEADLINE_MS,
  DRAIN_DEADLINE_MS,
  IDLE_HEARTBEAT_MS,
  type DrainReason,
  type WorkerStatus,
} from "./validators.js";

export {
  addToken,
  findVolumeOwners,
  lastHeartbeat,
  loadOrphanRow,
  loadWorker,
  revokeTokens,
  touchWorker,
  workerByTokenHash,
  workersAssignedTo,
  type Worker,
} from "./store.js";

/** Reasons for which a worker is alive and can be expected to take its final snapshot. */
const RESPONSIVE: ReadonlySet<DrainReason> = new Set([
  "idle",
  "evicted",
  "operator",
  "budget",
  "exited",
]);
/** A worker that is not expected to answer any more gets only this long for a final snapshot. */
const UNRESPONSIVE_DRAIN_MS = 30_000;

/**
 * Moves the worker to `to` with `changes`.
 * @throws WORKER_TRANSITION when the move is not in TRANSITIONS
 */
export async function transition(
  ctx: MutationCtx,
  worker: Worker,
  to: WorkerStatus,
  changes: Patch<Omit<Worker, "_id" | "_creationTime" | "status">> = {},
): Promise<void> {
  if (!canTransition(worker.status, to))
    throw agentFactoryError(
      "WORKER_TRANSITION",
      `Worker '${worker.workerId}' cannot transition from '${worker.status}' to '${to}'.`,
      { workerId: worker.workerId, from: worker.status, to },
    );
  await ctx.db.patch("workers", worker._id, { ...changes, status: to });
}

/**
 * Tells a worker to stop: it takes no more work, snapshots and exits. A no-op unless it is active. Its
 * conversation stays its own until the final snapshot arrived or the deadline passed.
 */
export async function beginDrain(
  ctx: MutationCtx,
  worker: Worker,
  reason: DrainReason,
  now: number,
): Promise<void> {
  if (worker.status !== "active") return;
  const responsive = RESPONSIVE.has(reason);
  const patience =
    reason === "budget" && worker.load > 0 ? BUDGET_DRAIN_DEADLINE_MS : DRAIN_DEADLINE_MS;
  const drainDeadlineAt = now + (responsive ? patience : UNRESPONSIVE_DRAIN_MS);
  await transition(ctx, worker, "draining", {
    drainingSince: now,
    drainDeadlineAt,
    drainReason: reason,
    scheduledShutdownAt: worker.scheduledShutdownAt ?? now,
  });
  await recordMachineEvent(ctx, {
    workerId: worker.workerId,
    machineId: worker.machineRef?.machineId,
    kind: "drain",
    at: now,
    detail: reason,
  });
  await requestPass(ctx, now, now);
}

/**
 * Gives the worker's conversation free, so that the next worker may have it. A no-op when the conversation
 * already belongs to another one.
 */
export async function releaseConversation(
  ctx: MutationCtx,
  worker: Pick<Worker, "workerId" | "assignment">,
  now: number,
): Promise<void> {
  if (worker.assignment === undefined) return;
  const conversation = await loadConversation(ctx, worker.assignment.conversationId);
  if (conversation === null || conversation.ownerWorkerId !== worker.workerId) return;
  await ctx.db.patch("conversations", conversation._id, {
    ownerWorkerId: undefined,
    generation: (conversation.generation ?? 0) + 1,
  });
  await recordMachineEvent(ctx, {
    workerId: worker.workerId,
    kind: "released",
    at: now,
    detail: conversation.conversationId,
  });
  if (conversation.readyAt !== undefined)
    await requestPass(ctx, Math.max(now, conversation.readyAt), now);
}

/** draining → stopping: the memory is safe (or given up), the machine may go. */
export async function beginStop(
  ctx: MutationCtx,
  worker: Worker,
  detail: string,
  now: number,
): Promise<void> {
  await transition(ctx, worker, "stopping", { stoppedAt: now, nextTeardownAt: now });
  await releaseConversation(ctx, worker, now);
  await recordMachineEvent(ctx, {
    workerId: worker.workerId,
    machineId: worker.machineRef?.machineId,
    kind: "stopping",
    at: now,
    detail,
  });
  await requestPass(ctx, now, now);
}

/** The machine is proven gone: the ledger learns when it ended. The row's status is for others to change. */
export async function noteGone(
  ctx: MutationCtx,
  worker: Worker,
  end: MachineEnd,
  now: number,
): Promise<void> {
  await bookEnd(ctx, worker, end, now);
  await ctx.db.patch("workers", worker._id, { machineGoneAt: now });
}

async function bookEnd(
  ctx: MutationCtx,
  worker: Worker,
  end: MachineEnd,
  now: number,
): Promise<void> {
  const traces = {
    heardAt: Math.max(await lastHeartbeat(ctx, worker), worker.machineCreatedAt ?? 0),
    silenceMs: IDLE_HEARTBEAT_MS,
    orderedAt: worker.status === "stopping" ? (worker.stoppedAt ?? null) : null,
    missingAt: worker.missingSince ?? now,
  };
  await noteMachineEnd(ctx, worker.workerId, end, traces, now);
}

/**
 * The worker called for the first time, so its machine runs, even if nobody was told that it was created. Returns what
 * the caller is to write into its row.
 */
export async function noteFirstCall(
  ctx: MutationCtx,
  worker: Worker,
  now: number,
): Promise<{ firstSeenAt?: number }> {
  if (worker.firstSeenAt !== undefined) return {};
  if (worker.machineRef === undefined && worker.unsureCreateAt !== undefined)
    await noteMachine(ctx, worker.workerId, "running", worker.unsureCreateAt, now);
  return { firstSeenAt: now };
}

/** The worker gets another machine: one that called home, and that nobody knows, has ended. */
export async function noteReplaced(ctx: MutationCtx, worker: Worker, now: number): Promise<void> {
  if (worker.machineRef !== undefined || worker.firstSeenAt === undefined) return;
  await bookEnd(ctx, worker, { stoppedAt: null, destroyedAt: null }, now);
  await ctx.db.patch("workers", worker._id, { firstSeenAt: undefined });
}

/** stopping → stopped: machine and volume are proven gone. The tokens die here. */
export async function finishStop(ctx: MutationCtx, worker: Worker, now: number): Promise<void> {
  await transition(ctx, worker, "stopped", {
    machineRef: undefined,
    volumeId: undefined,
    nextTeardownAt: undefined,
    stoppedAt: worker.stoppedAt ?? now,
  });
  await revokeTokens(ctx, worker.workerId);
  await closeMeter(ctx, worker.workerId, worker.machineGoneAt ?? now, now);
  await forgetHeartbeat(ctx, worker.workerId);
  await recordMachineEvent(ctx, { workerId: worker.workerId, kind: "stopped", at: now });
}

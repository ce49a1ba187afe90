/** A worker's snapshots: which conversation they are of, and what a finished one does to its lifecycle. */
import { refuse } from "../../shared/errors.js";
import { loadConversation } from "../conversations/ops.js";
import type { Id, MutationCtx } from "../kit/functions.js";
import {
  failUpload,
  finalizeUpload,
  findHead,
  prepareUpload,
  type NewUpload,
  type RestoreKey,
} from "../snapshots/ops.js";
import { recordMachineEvent } from "../trail/ops.js";
import { beginDrain, beginStop, loadWorker, type Worker } from "./ops.js";

/**
 * Begins an upload. The worker must have had the conversation; the parent is what it names, else its own last
 * snapshot, else what it restored or, when its image never says, what it must have restored.
 * @throws WORKER_NOT_FOUND, SNAPSHOT_REFUSED
 */
export async function prepareWorkerSnapshot(
  ctx: MutationCtx,
  args: Omit<NewUpload, "parentSnapshotId" | "nowMs"> & {
    parentSnapshotId?: Id<"dataSnapshots"> | undefined;
    nowMs?: number | undefined;
  },
): Promise<{ snapshotId: Id<"dataSnapshots">; uploadUrl: string; expiresAt: number }> {
  const worker = await loadWorker(ctx, args.workerId);
  if (worker === null)
    refuse("WORKER_NOT_FOUND", `Worker '${args.workerId}' does not exist.`, {
      workerId: args.workerId,
    });
  if (worker.assignment?.conversationId !== args.conversationId)
    refuse(
      "SNAPSHOT_REFUSED",
      `Worker '${args.workerId}' does not have conversation '${args.conversationId}'.`,
      { workerId: args.workerId, conversationId: args.conversationId },
    );
  // A worker that snapshots because it is going away takes no more work, whether it was told to stop or not.
  if (args.reason !== "manual") await beginDrain(ctx, worker, "exited", args.nowMs ?? Date.now());
  const { parentSnapshotId: named, nowMs, ...upload } = args;
  const parentSnapshotId =
    named ?? worker.lastSnapshotId ?? (await restoredBy(ctx, worker, upload));
  return await prepareUpload(ctx, {
    ...upload,
    ...(nowMs === undefined ? {} : { nowMs }),
    ...(parentSnapshotId === undefined ? {} : { parentSnapshotId }),
  });
}

/** What an image that does not say so restored: the head of the time, as far as it still is the head. */
async function restoredBy(
  ctx: MutationCtx,
  worker: Worker,
  key: RestoreKey,
): Promise<Id<"dataSnapshots"> | undefined> {
  if (worker.restoredSnapshotId !== undefined) return worker.restoredSnapshotId ?? undefined;
  const head = await findHead(ctx, key);
  const startedAt = worker.createdAt ?? worker._creationTime;
  return head !== null && head.createdAt <= startedAt ? head._id : undefined;
}

export type UploadResult = {
  workerId: string;
  snapshotId: Id<"dataSnapshots">;
  storageId: Id<"_storage">;
  sha256: string;
  sizeBytes: number;
};

/**
 * Ends an upload. Of a draining worker that holds no message it is the final one: the worker may go. A worker whose
 * conversation already belongs to another one adds its snapshot beside the chain, never onto it.
 */
export async function finalizeWorkerSnapshot(
  ctx: MutationCtx,
  args: UploadResult,
  now: number,
): Promise<boolean> {
  const worker = await loadWorker(ctx, args.workerId);
  const result = await finalizeUpload(ctx, {
    ...args,
    nowMs: now,
    mayLead: worker === null || (await stillOwns(ctx, worker)),
  });
  if (worker === null) return result.ok;
  await recordMachineEvent(ctx, {
    workerId: args.workerId,
    machineId: worker.machineRef?.machineId,
    kind: result.ok ? "snapshot_ready" : "snapshot_failed",
    at: now,
    detail: result.ok
      ? `${result.snapshot.reason}, ${args.sizeBytes} bytes, ${result.lineage}`
      : result.reason,
  });
  if (!result.ok) return false;
  const final =
    worker.status === "draining" && result.snapshot.createdAt >= (worker.drainingSince ?? 0);
  await ctx.db.patch("workers", worker._id, {
    lastSnapshotId: args.snapshotId,
    ...(final ? { finalSnapshotId: args.snapshotId } : {}),
  });
  if (final && worker.load === 0) await beginStop(ctx, worker, "final snapshot stored", now);
  return true;
}

/** True unless the conversation was given to another worker meanwhile. */
async function stillOwns(ctx: MutationCtx, worker: Worker): Promise<boolean> {
  if (worker.assignment === undefined) return false;
  const conversation = await loadConversation(ctx, worker.assignment.conversationId);
  return (
    conversation?.ownerWorkerId === undefined || conversation.ownerWorkerId === worker.workerId
  );
}

export async function failWorkerSnapshot(
  ctx: MutationCtx,
  args: { workerId: string; snapshotId: Id<"dataSnapshots">; error: string },
  now: number,
): Promise<boolean> {
  const failed = await failUpload(ctx, { ...args, nowMs: now });
  if (failed)
    await recordMachineEvent(ctx, {
      workerId: args.workerId,
      kind: "snapshot_failed",
      at: now,
      detail: args.error,
    });
  return failed;
}

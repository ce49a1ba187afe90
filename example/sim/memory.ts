/** A conversation's memory, as workers store and restore it, and the promise that it is not lost. */
import { storeArchive } from "./archive.js";
import type { Row, Write } from "./database.js";
import type { WorkerProcess } from "./process.js";

type Conversation = Row & { conversationId: string; ownerWorkerId?: string };

export async function saveMemory(
  process: WorkerProcess,
  reason: "drain" | "signal" | "manual",
): Promise<void> {
  const { world } = process;
  const { conversationId } = process.restoreKey;
  const { snapshotId } = (await process.call("workerPrepareSnapshotUpload", {
    ...process.restoreKey,
    reason,
  })) as { snapshotId: string };
  const archive = await storeArchive(world, `memory of ${process.workerId}, ${snapshotId}`);
  await process.danger("uploaded");
  const at = world.clock.now() + process.skewMs;
  world.trace(`${process.workerId} uploaded ${snapshotId}, its clock says ${at - world.startedAt}`);
  await process.call(
    "workerFinalizeSnapshotUpload",
    { snapshotId, ...archive },
    undefined,
    (done) => {
      if (done.value === true && ownedBefore(process, done.writes))
        world.model.memory.set(conversationId, snapshotId);
    },
  );
}

/** Its final snapshot takes its conversation from a worker in the same transaction: what counts is who had it then. */
function ownedBefore(process: WorkerProcess, writes: readonly Write[]): boolean {
  const { conversationId } = process.restoreKey;
  const isOurs = (row: object | null | undefined) =>
    (row as Conversation | null | undefined)?.conversationId === conversationId;
  const written = writes.find(({ table, before }) => table === "conversations" && isOurs(before));
  const before =
    written === undefined
      ? process.world.database.rows<Conversation>("conversations").find(isOurs)
      : (written.before as Conversation | null);
  return before?.ownerWorkerId === process.workerId;
}

/** What the last owner stored while it was the owner is what its successor gets. */
export function checkMemory(process: WorkerProcess, restored: string | null): void {
  const { world } = process;
  const expected = world.model.memory.get(process.restoreKey.conversationId);
  if (expected === undefined) return;
  const at = (id: string | null) =>
    id === null ? -1 : (world.database.get(id)?._creationTime ?? -1);
  if (at(restored) < at(expected))
    world.violate(
      "memory survives the hand-over",
      `${process.workerId} restored ${restored}, not ${expected}`,
    );
}

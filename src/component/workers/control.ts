/** Whether a worker should go on. */
import { loadConversation } from "../conversations/ops.js";
import type { QueryCtx } from "../kit/functions.js";
import { loadPolicy } from "../settings/ops.js";
import { isFresh } from "./machine.js";
import { lastHeartbeat, loadWorker } from "./ops.js";

/** The clock of a query stands still for its subscribers; workers poll, so they see time pass. */
export async function readControlState(
  ctx: QueryCtx,
  workerId: string,
  now: number,
): Promise<{ shouldStop: boolean; reason: string | null }> {
  const stop = (reason: string) => ({ shouldStop: true, reason });
  const worker = await loadWorker(ctx, workerId);
  if (worker === null) return stop("unknown worker");
  if (worker.status !== "active") return stop(worker.drainReason ?? worker.status);
  const { lease } = await loadPolicy(ctx);
  if (!isFresh({ heartbeatAt: await lastHeartbeat(ctx, worker) }, lease.staleAfterMs, now))
    return stop("stale");
  const due = worker.scheduledShutdownAt;
  if (due === undefined || due > now || worker.load > 0) return { shouldStop: false, reason: null };
  // Past its idle deadline, but a message may have arrived in time; and one that boots has not idled yet.
  if (worker.lastClaimAt === undefined) return { shouldStop: false, reason: null };
  const conversation =
    worker.assignment === undefined
      ? null
      : await loadConversation(ctx, worker.assignment.conversationId);
  const hasWork =
    conversation?.ownerWorkerId === workerId &&
    (conversation.readyAt ?? Number.POSITIVE_INFINITY) <= now &&
    (conversation.state === "ready" || conversation.state === "waiting");
  return hasWork ? { shouldStop: false, reason: null } : stop("idle");
}

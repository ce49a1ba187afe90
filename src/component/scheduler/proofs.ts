/** What passes prove of machines that are missing or being torn down: one small transaction each. */
import { literals } from "convex-helpers/validators";
import { v } from "convex/values";
import { redact } from "../../shared/redact.js";
import { SECOND_MS } from "../../shared/time.js";
import { internalMutation } from "../kit/functions.js";
import { vMachineEnd } from "../providers/validators.js";
import { requestPass } from "../kit/wake.js";
import { noteMachine } from "../spend/ops.js";
import { recordMachineEvent } from "../trail/ops.js";
import { finishStop, lastHeartbeat, loadWorker, noteGone } from "../workers/ops.js";
import { MACHINE_GRACE_MS } from "../workers/validators.js";
import { backoffMs, TEARDOWN_BACKOFF_MS } from "./backoff.js";

/** Between the two proofs that a machine is gone; a working worker heartbeats within it. */
const SECOND_PROOF_AFTER_MS = 20 * SECOND_MS;

/**
 * The result of asking for a missing machine by its id. `destroyed` is the provider's own word and enough; `missing`
 * (a proven 404) counts only when the machine is old enough to be visible, twice, and while nothing was heard of it.
 */
export const verified = internalMutation({
  args: {
    workerId: v.string(),
    machineId: v.string(),
    seen: literals("present", "destroyed", "missing"),
    end: vMachineEnd,
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
    await noteGone(ctx, worker, args.end, now);
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
    /** As the provider showed it last. */
    end: vMachineEnd,
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
      await noteGone(ctx, worker, args.end, now);
      await recordMachineEvent(ctx, {
        workerId: args.workerId,
        machineId,
        kind: "destroyed",
        at: now,
      });
    }
    // It may be gone unseen before the next step.
    if (!args.machineGone && args.end.stoppedAt !== null)
      await noteMachine(ctx, args.workerId, "stopped", args.end.stoppedAt, now);
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

function eventOf(args: { workerId: string; machineId: string }) {
  return { workerId: args.workerId, machineId: args.machineId };
}

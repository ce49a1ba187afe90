/**
 * The sweep of snapshots: expires what is due and deletes its file, fails uploads that nobody finished, and forgets
 * failed and expired rows. Run by a cron; the head of a conversation is never touched by it.
 */
import { v } from "convex/values";
import { assertNever } from "../../shared/assert.js";
import { internal } from "../_generated/api.js";
import { internalMutation, type MutationCtx } from "../kit/functions.js";
import { abandonBound, decideRetention, forgetBound } from "./lineage.js";
import { deleteFile, findExpiredBy, findHead, type SnapshotRow } from "./store.js";
import { SWEEP_BATCH } from "./validators.js";

/** One bounded batch of each kind; goes on by itself while there is `more` to do. */
export const sweep = internalMutation({
  args: { nowMs: v.optional(v.number()) },
  returns: v.object({ processed: v.number(), more: v.boolean() }),
  handler: async (ctx, { nowMs }) => {
    const now = nowMs ?? Date.now();
    const batches = [
      await findExpiredBy(ctx, "ready", now, SWEEP_BATCH),
      await findExpiredBy(ctx, "uploading", abandonBound(now), SWEEP_BATCH),
      await findExpiredBy(ctx, "failed", forgetBound(now), SWEEP_BATCH),
      await findExpiredBy(ctx, "expired", forgetBound(now), SWEEP_BATCH),
    ];
    let processed = 0;
    for (const row of batches.flat()) processed += await sweepRow(ctx, row, now);
    // Progress is the condition: a full batch of rows that are all kept must not run for ever.
    const more = processed > 0 && batches.some((batch) => batch.length === SWEEP_BATCH);
    if (more) await ctx.scheduler.runAfter(0, internal.snapshots.retention.sweep, {});
    return { processed, more };
  },
});

/** Applies the decision about one row; 1 when it changed something. */
async function sweepRow(ctx: MutationCtx, row: SnapshotRow, now: number): Promise<0 | 1> {
  const isHead = row.status === "ready" && (await findHead(ctx, row))?._id === row._id;
  const decision = decideRetention(row, isHead, now);
  switch (decision.kind) {
    case "keep":
      return 0;
    case "renew":
      await ctx.db.patch("dataSnapshots", row._id, { expiresAt: decision.expiresAt });
      return 1;
    case "abandon":
      await ctx.db.patch("dataSnapshots", row._id, {
        status: "failed",
        error: "The upload was not finished within an hour.",
        completedAt: now,
      });
      return 1;
    case "expire":
      if (row.archiveFileId !== undefined) await deleteFile(ctx, row.archiveFileId);
      await ctx.db.patch("dataSnapshots", row._id, { status: "expired", archiveFileId: undefined });
      return 1;
    case "forget":
      // Expired rows of 3.x still have their file.
      if (row.archiveFileId !== undefined) await deleteFile(ctx, row.archiveFileId);
      await ctx.db.delete("dataSnapshots", row._id);
      return 1;
    default:
      return assertNever(decision, "retention decision");
  }
}

/**
 * Deletes what nobody needs any more: one bounded batch of each kind per transaction, again at once while more is
 * due. Started by a cron. Rows that something still refers to go together (a message with its answer and files).
 */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { RETENTION } from "../config.js";
import { internalMutation, type MutationCtx } from "../kit/functions.js";
import { DISPATCH_RETENTION_MS } from "../push/validators.js";
import { deleteSpending } from "../spend/ops.js";
import { foldCounters } from "../trail/ops.js";
import { advanceUpgrade } from "../upgrade/ops.js";
import { deleteAttachmentFile, deleteUnusedFiles, expireAttachments } from "./files.js";

/** Rows of one kind per transaction; a message takes up to 25 writes with its answer and attachments. */
const BATCH_SIZE = 50;
/** Attachments of one message at most, see MAX_ATTACHMENTS. */
const ATTACHMENTS_PER_MESSAGE = 20;

export const run = internalMutation({
  args: { nowMs: v.optional(v.number()) },
  returns: v.object({ more: v.boolean() }),
  handler: async (ctx, args) => {
    const now = args.nowMs ?? Date.now();
    const counts = [
      await expireAttachments(ctx, now, BATCH_SIZE),
      await deleteUnusedFiles(ctx, now, BATCH_SIZE),
      await deleteEndedMessages(ctx, "done", now),
      await deleteEndedMessages(ctx, "failed", now),
      await deleteEvents(ctx, now),
      await deleteIngressKeys(ctx, now),
      await deleteStoppedWorkers(ctx, now),
      await deletePushRuns(ctx, now),
      await deletePairing(ctx, now),
      await deleteQuarantine(ctx, now),
      await deleteSpending(ctx, now, BATCH_SIZE),
    ];
    await advanceUpgrade(ctx, now);
    const folding = await foldCounters(ctx);
    const more = folding || counts.some((count) => count === BATCH_SIZE);
    await ctx.scheduler.runAfter(0, internal.snapshots.retention.sweep, {});
    if (more) await ctx.scheduler.runAfter(0, internal.retention.sweeper.run, {});
    return { more };
  },
});

async function deleteEndedMessages(
  ctx: MutationCtx,
  status: "done" | "failed",
  now: number,
): Promise<number> {
  const ended = await ctx.db
    .query("messageQueue")
    .withIndex("by_status_and_completedAt", (q) =>
      // Messages of 3.x have no completedAt: an absent field sorts before every number.
      q
        .eq("status", status)
        .gt("completedAt", 0)
        .lte("completedAt", now - RETENTION.doneMessageMs),
    )
    .take(BATCH_SIZE);
  for (const message of ended) {
    const attachments = await ctx.db
      .query("messageAttachments")
      .withIndex("by_messageId", (q) => q.eq("messageId", message._id))
      .take(ATTACHMENTS_PER_MESSAGE);
    for (const attachment of attachments) {
      await deleteAttachmentFile(ctx, attachment);
      await ctx.db.delete("messageAttachments", attachment._id);
    }
    const answer = await ctx.db
      .query("messageAnswers")
      .withIndex("by_messageId", (q) => q.eq("messageId", message._id))
      .first();
    if (answer !== null) await ctx.db.delete("messageAnswers", answer._id);
    await ctx.db.delete("messageQueue", message._id);
    // The counters follow the row: an event with `from` alone takes it off.
    await ctx.db.insert("messageEvents", {
      messageId: message._id,
      conversationId: message.conversationId,
      kind: "expired",
      at: now,
      from: status,
    });
  }
  return ended.length;
}

async function deleteEvents(ctx: MutationCtx, now: number): Promise<number> {
  const before = now - RETENTION.eventMs;
  const messages = await ctx.db
    .query("messageEvents")
    .withIndex("by_folded_and_at", (q) => q.eq("folded", true).lte("at", before))
    .take(BATCH_SIZE);
  for (const event of messages) await ctx.db.delete("messageEvents", event._id);
  const machines = await ctx.db
    .query("machineEvents")
    .withIndex("by_at", (q) => q.lte("at", before))
    .take(BATCH_SIZE);
  for (const event of machines) await ctx.db.delete("machineEvents", event._id);
  return Math.max(messages.length, machines.length);
}

async function deleteIngressKeys(ctx: MutationCtx, now: number): Promise<number> {
  const due = await ctx.db
    .query("ingressUpdates")
    .withIndex("by_expiresAt", (q) => q.lte("expiresAt", now))
    .take(BATCH_SIZE);
  for (const key of due) await ctx.db.delete("ingressUpdates", key._id);
  return due.length;
}

/** Codes long past their time, and counts of wrong ones whose window is over. */
async function deletePairing(ctx: MutationCtx, now: number): Promise<number> {
  const codes = await ctx.db
    .query("pairingCodes")
    .withIndex("by_expiresAt", (q) => q.lte("expiresAt", now - RETENTION.pairingCodeMs))
    .take(BATCH_SIZE);
  for (const code of codes) await ctx.db.delete("pairingCodes", code._id);
  const attempts = await ctx.db
    .query("pairingAttempts")
    .withIndex("by_windowEndsAt", (q) => q.lte("windowEndsAt", now))
    .take(BATCH_SIZE);
  for (const attempt of attempts) await ctx.db.delete("pairingAttempts", attempt._id);
  return Math.max(codes.length, attempts.length);
}

async function deleteQuarantine(ctx: MutationCtx, now: number): Promise<number> {
  const due = await ctx.db
    .query("telegramQuarantine")
    .withIndex("by_at", (q) => q.lte("at", now - RETENTION.quarantineMs))
    .take(BATCH_SIZE);
  for (const row of due) await ctx.db.delete("telegramQuarantine", row._id);
  return due.length;
}

async function deleteStoppedWorkers(ctx: MutationCtx, now: number): Promise<number> {
  const due = await ctx.db
    .query("workers")
    .withIndex("by_status_and_stoppedAt", (q) =>
      q.eq("status", "stopped").lte("stoppedAt", now - RETENTION.stoppedWorkerMs),
    )
    .take(BATCH_SIZE);
  for (const worker of due) await ctx.db.delete("workers", worker._id);
  return due.length;
}

/** Runs of push jobs and receipts of broadcasts. */
async function deletePushRuns(ctx: MutationCtx, now: number): Promise<number> {
  const before = now - DISPATCH_RETENTION_MS;
  const runs = await ctx.db
    .query("messagePushDispatches")
    .withIndex("by_createdAt", (q) => q.lte("createdAt", before))
    .take(BATCH_SIZE);
  for (const run of runs) await ctx.db.delete("messagePushDispatches", run._id);
  const receipts = await ctx.db
    .query("messagePushBroadcastDispatches")
    .withIndex("by_createdAt", (q) => q.lte("createdAt", before))
    .take(BATCH_SIZE);
  for (const receipt of receipts)
    await ctx.db.delete("messagePushBroadcastDispatches", receipt._id);
  return Math.max(runs.length, receipts.length);
}

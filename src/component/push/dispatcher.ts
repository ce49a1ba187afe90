/**
 * Dispatches what is due: a batch of jobs per transaction, each job in a transaction of its own inside it, then the
 * next batch, until nothing is due; then it sleeps until the next slot. It is woken by its one wake-up (see wake.ts),
 * by the component's hourly cron and by the app's; whoever comes first does the work.
 */
import { v } from "convex/values";
import { errorMessage } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import { vProviderConfig, type ProviderConfig } from "../config.js";
import { internalMutation, type Id, type MutationCtx } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { dispatchSlot, failSlot } from "./dispatching.js";
import { findDueJobs, findNextRunAt } from "./store.js";
import {
  FAN_OUT_BATCH_SIZE,
  vDispatchReport,
  vDispatchStatus,
  type DispatchReport,
  type DispatchStatus,
} from "./validators.js";
import { rearm } from "./wake.js";

export const run = internalMutation({
  args: { nowMs: v.optional(v.number()) },
  returns: vDispatchReport,
  handler: async (ctx, args): Promise<DispatchReport> =>
    await dispatchBatch(ctx, args.nowMs ?? Date.now(), {
      limit: FAN_OUT_BATCH_SIZE,
      nowMs: args.nowMs,
    }),
});

/** Dispatches up to `limit` due jobs here, and sees to it that the others follow. */
export async function dispatchBatch(
  ctx: MutationCtx,
  now: number,
  options: {
    limit: number;
    nowMs?: number | undefined;
    providerConfig?: ProviderConfig | undefined;
  },
): Promise<DispatchReport> {
  const due = await findDueJobs(ctx, now, options.limit);
  const report = { scanned: due.length, enqueued: 0, skipped: 0, failed: 0 };
  for (const { _id } of due) {
    const status = await dispatchIsolated(ctx, _id, now, options.providerConfig);
    if (status !== null) report[status] += 1;
  }
  await rearm(ctx, await findNextRunAt(ctx), now, options.nowMs);
  return report;
}

/** Whatever goes wrong with a job is undone and recorded, and touches no other one. */
async function dispatchIsolated(
  ctx: MutationCtx,
  jobId: Id<"messagePushJobs">,
  nowMs: number,
  providerConfig: ProviderConfig | undefined,
): Promise<DispatchStatus | null> {
  try {
    return await ctx.runMutation(internal.push.dispatcher.one, {
      jobId,
      nowMs,
      ...(providerConfig === undefined ? {} : { providerConfig }),
    });
  } catch (error) {
    await ctx.runMutation(internal.push.dispatcher.fail, {
      jobId,
      nowMs,
      error: errorMessage(error),
    });
    log("warn", "push_dispatch_failed", { jobId, error: errorMessage(error) });
    return "failed";
  }
}

export const one = internalMutation({
  args: {
    jobId: v.id("messagePushJobs"),
    nowMs: v.number(),
    providerConfig: v.optional(vProviderConfig),
  },
  returns: v.union(v.null(), vDispatchStatus),
  handler: async (ctx, args): Promise<DispatchStatus | null> =>
    await dispatchSlot(ctx, args.jobId, args.nowMs, args.providerConfig),
});

export const fail = internalMutation({
  args: { jobId: v.id("messagePushJobs"), nowMs: v.number(), error: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    await failSlot(ctx, args.jobId, args.error, args.nowMs);
    return null;
  },
});

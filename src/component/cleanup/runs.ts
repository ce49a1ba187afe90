/** The row of a cleanup: taken by one action at a time, written as it goes, watched over when its action dies. */
import { v } from "convex/values";
import { redact } from "../../shared/redact.js";
import { SECOND_MS } from "../../shared/time.js";
import { internal } from "../_generated/api.js";
import { internalMutation, type Id, type MutationCtx, type QueryCtx } from "../kit/functions.js";
import { loadSchedulerState } from "../kit/wake.js";
import { holdForCleanup } from "../scheduler/ops.js";
import { extendIssues, extendTally } from "./policy.js";
import type { CleanupRun } from "./reports.js";
import {
  MAX_RUNS,
  NOTHING,
  RUN_LEASE_MS,
  vCleanupPhase,
  vCleanupScope,
  vIssue,
  vTally,
} from "./validators.js";

const WATCH_SLACK_MS = SECOND_MS;
const MAX_RUNNING = 10;

const vRequest = {
  appName: v.string(),
  apiBaseUrl: v.optional(v.string()),
  scope: vCleanupScope,
  machineConcurrency: v.number(),
  volumeConcurrency: v.number(),
  tokenGiven: v.boolean(),
};

/** Opens a run, or takes over one of this app whose action died. Null while another action works on one. */
export const begin = internalMutation({
  args: vRequest,
  handler: async (ctx, args): Promise<CleanupRun | null> => {
    const now = Date.now();
    const open = await ctx.db
      .query("cleanupRuns")
      .withIndex("by_state", (q) => q.eq("state", "running"))
      .take(MAX_RUNNING);
    const same = open.find((run) => run.appName === args.appName);
    if (same !== undefined && same.leaseUntil > now) return null;
    await loadSchedulerState(ctx);
    if (same !== undefined) {
      await ctx.db.patch("cleanupRuns", same._id, args);
      return await takeOver(ctx, same, now);
    }
    const id = await ctx.db.insert("cleanupRuns", { ...args, ...fresh(now), state: "running" });
    await forgetOldRuns(ctx);
    const run = await ctx.db.get("cleanupRuns", id);
    return run === null ? null : await takeOver(ctx, run, now);
  },
});

const fresh = (now: number) => ({
  phase: "draining" as const,
  startedAt: now,
  updatedAt: now,
  chunk: 0,
  leaseUntil: now,
  machines: NOTHING,
  volumes: NOTHING,
  issues: [],
});

async function takeOver(ctx: MutationCtx, run: CleanupRun, now: number): Promise<CleanupRun> {
  const leaseUntil = now + RUN_LEASE_MS;
  const changes = { chunk: run.chunk + 1, leaseUntil, updatedAt: now };
  await ctx.db.patch("cleanupRuns", run._id, changes);
  await holdForCleanup(ctx, leaseUntil, now);
  await ctx.scheduler.runAfter(RUN_LEASE_MS + WATCH_SLACK_MS, internal.cleanup.runs.watch, {
    runId: run._id,
  });
  return (await ctx.db.get("cleanupRuns", run._id)) ?? run;
}

async function forgetOldRuns(ctx: MutationCtx): Promise<void> {
  const runs = await ctx.db
    .query("cleanupRuns")
    .order("desc")
    .take(MAX_RUNS + MAX_RUNNING);
  for (const run of runs.slice(MAX_RUNS))
    if (run.state !== "running") await ctx.db.delete("cleanupRuns", run._id);
}

/** Goes on with a run: its next action, by the stored token. Null when it is over or in other hands. */
export const resume = internalMutation({
  args: { runId: v.id("cleanupRuns"), afterChunk: v.number() },
  handler: async (ctx, args): Promise<CleanupRun | null> => {
    const run = await ctx.db.get("cleanupRuns", args.runId);
    if (run?.state !== "running" || run.chunk !== args.afterChunk) return null;
    return await takeOver(ctx, run, Date.now());
  },
});

/** Behind every action of a run: when nobody renewed its lease, the action died. */
export const watch = internalMutation({
  args: { runId: v.id("cleanupRuns") },
  returns: v.null(),
  handler: async (ctx, { runId }) => {
    const run = await ctx.db.get("cleanupRuns", runId);
    if (run?.state !== "running") return null;
    const leftMs = run.leaseUntil - Date.now();
    if (leftMs > 0)
      await ctx.scheduler.runAfter(leftMs + WATCH_SLACK_MS, internal.cleanup.runs.watch, { runId });
    else
      await ctx.scheduler.runAfter(0, internal.cleanup.cleaner.goOn, {
        runId,
        afterChunk: run.chunk,
      });
    return null;
  },
});

const vHold = { runId: v.id("cleanupRuns"), chunk: v.number() };

/** The run, while `chunk` is the one that works on it. */
export async function heldRun(
  ctx: QueryCtx,
  { runId, chunk }: { runId: Id<"cleanupRuns">; chunk: number },
): Promise<CleanupRun | null> {
  const run = await ctx.db.get("cleanupRuns", runId);
  return run?.state === "running" && run.chunk === chunk ? run : null;
}

/** What was learnt; renews the lease. False: the run is in other hands, stop. */
export const note = internalMutation({
  args: {
    ...vHold,
    phase: v.optional(vCleanupPhase),
    machines: v.optional(vTally.partial()),
    volumes: v.optional(vTally.partial()),
    issues: v.optional(v.array(vIssue)),
  },
  returns: v.boolean(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const run = await heldRun(ctx, args);
    if (run === null) return false;
    const issues = (args.issues ?? []).map((one) => ({ ...one, text: redact(one.text, 600) }));
    const leaseUntil = now + RUN_LEASE_MS;
    await ctx.db.patch("cleanupRuns", run._id, {
      phase: args.phase ?? run.phase,
      machines: extendTally(run.machines, args.machines ?? {}),
      volumes: extendTally(run.volumes, args.volumes ?? {}),
      issues: extendIssues(run.issues, issues),
      updatedAt: now,
      leaseUntil,
    });
    await holdForCleanup(ctx, leaseUntil, now);
    return true;
  },
});

/** Ends the run; messages that waited for its end get their machines now. */
export const end = internalMutation({
  args: { ...vHold, error: v.union(v.null(), v.string()) },
  returns: v.null(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const run = await heldRun(ctx, args);
    if (run === null) return null;
    const error = args.error === null ? {} : { error: redact(args.error, 600) };
    await ctx.db.patch("cleanupRuns", run._id, {
      ...error,
      state: args.error === null ? "finished" : "failed",
      ...(args.error === null ? { phase: "done" as const } : {}),
      updatedAt: now,
      finishedAt: now,
    });
    await holdForCleanup(ctx, await latestLease(ctx), now);
    return null;
  },
});

/** Of the cleanups of other apps that are under way; null when there is none. */
async function latestLease(ctx: QueryCtx): Promise<number | null> {
  const others = await ctx.db
    .query("cleanupRuns")
    .withIndex("by_state", (q) => q.eq("state", "running"))
    .take(MAX_RUNNING);
  return others.length === 0 ? null : Math.max(...others.map(({ leaseUntil }) => leaseUntil));
}

/** A cleanup that could not even begin: a cron's failure must be seen as well. */
export const refused = internalMutation({
  args: { ...vRequest, error: v.string() },
  returns: v.null(),
  handler: async (ctx, { error, ...request }) => {
    const now = Date.now();
    await ctx.db.insert("cleanupRuns", {
      ...request,
      ...fresh(now),
      state: "failed",
      finishedAt: now,
      error: redact(error, 600),
    });
    await forgetOldRuns(ctx);
    return null;
  },
});

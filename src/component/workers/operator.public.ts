/** The fleet for operators. */
import { v } from "convex/values";
import { mutation, query } from "../kit/functions.js";
import { listMachineEvents } from "../trail/ops.js";
import { beginDrain, lastHeartbeat, loadWorker } from "./ops.js";
import { MAX_LIVE_WORKERS, vDrainReason, vLoadedSkills, vWorkerStatus } from "./validators.js";

const DEFAULT_LIST_LIMIT = 50;

/** Tells a worker to snapshot and stop; its message is finished or handed back without a charge. False unless it is active. */
export const drainWorker = mutation({
  args: { workerId: v.string() },
  returns: v.boolean(),
  handler: async (ctx, args) => {
    const worker = await loadWorker(ctx, args.workerId);
    if (worker?.status !== "active") return false;
    await beginDrain(ctx, worker, "operator", Date.now());
    return true;
  },
});

/** Workers of one status (default active), newest first; `limit` 1…200, default 50. */
export const listWorkers = query({
  args: { status: v.optional(vWorkerStatus), limit: v.optional(v.number()) },
  returns: v.array(
    v.object({
      workerId: v.string(),
      status: vWorkerStatus,
      load: v.number(),
      conversationId: v.union(v.null(), v.string()),
      agentKey: v.union(v.null(), v.string()),
      machineId: v.union(v.null(), v.string()),
      appName: v.union(v.null(), v.string()),
      heartbeatAt: v.number(),
      createdAt: v.number(),
      firstSeenAt: v.union(v.null(), v.number()),
      lastClaimAt: v.union(v.null(), v.number()),
      scheduledShutdownAt: v.union(v.null(), v.number()),
      drainReason: v.union(v.null(), vDrainReason),
      stoppedAt: v.union(v.null(), v.number()),
      lastProviderError: v.union(v.null(), v.string()),
      /** The global skills it runs with; null until it said so. */
      loadedSkills: v.union(v.null(), vLoadedSkills),
    }),
  ),
  handler: async (ctx, args) => {
    const limit = Math.min(
      MAX_LIVE_WORKERS,
      Math.max(1, Math.floor(args.limit ?? DEFAULT_LIST_LIMIT)),
    );
    const rows = await ctx.db
      .query("workers")
      .withIndex("by_status", (q) => q.eq("status", args.status ?? "active"))
      .order("desc")
      .take(limit);
    const views = [];
    for (const row of rows)
      views.push({
        workerId: row.workerId,
        status: row.status,
        load: row.load,
        conversationId: row.assignment?.conversationId ?? null,
        agentKey: row.assignment?.agentKey ?? null,
        machineId: row.machineRef?.machineId ?? null,
        appName: row.machineRef?.appName ?? row.appName ?? null,
        heartbeatAt: await lastHeartbeat(ctx, row),
        createdAt: row.createdAt ?? row._creationTime,
        firstSeenAt: row.firstSeenAt ?? null,
        lastClaimAt: row.lastClaimAt ?? null,
        scheduledShutdownAt: row.scheduledShutdownAt ?? null,
        drainReason: row.drainReason ?? null,
        stoppedAt: row.stoppedAt ?? null,
        lastProviderError: row.lastProviderError ?? null,
        loadedSkills: row.loadedSkills ?? null,
      });
    return views;
  },
});

/** What happened to a worker and its machine, oldest first; at most 200 events, kept for a week. */
export const listWorkerEvents = query({
  args: { workerId: v.string() },
  returns: v.array(
    v.object({
      kind: v.string(),
      at: v.number(),
      machineId: v.union(v.null(), v.string()),
      detail: v.union(v.null(), v.string()),
    }),
  ),
  handler: async (ctx, args) =>
    (await listMachineEvents(ctx, args.workerId)).map((event) => ({
      kind: event.kind,
      at: event.at,
      machineId: event.machineId ?? null,
      detail: event.detail ?? null,
    })),
});

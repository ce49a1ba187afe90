/** Runs and statistics of pushes. */
import type { Id, QueryCtx } from "../kit/functions.js";
import type { Dispatch } from "./store.js";
import {
  DEFAULT_DISPATCHES_LISTED,
  MAX_DISPATCHES_LISTED,
  type AgentDispatchView,
} from "./validators.js";

export { readPushCounts, type PushCounts } from "./counting.js";

/** Newest createdAt first. */
export async function listDispatchesOfJob(
  ctx: QueryCtx,
  jobId: Id<"messagePushJobs">,
  limit: number | undefined,
): Promise<Omit<AgentDispatchView, "jobId">[]> {
  const runs = await ctx.db
    .query("messagePushDispatches")
    .withIndex("by_jobId_and_createdAt", (q) => q.eq("jobId", jobId))
    .order("desc")
    .take(clampDispatches(limit));
  return runs.map((run) => {
    const { jobId: _, ...view } = toView(run);
    return view;
  });
}

/** Newest createdAt first. Runs of 3.x name no agent: theirs is the one of their job. */
export async function listDispatchesOfAgent(
  ctx: QueryCtx,
  { consumerUserId, agentKey }: { consumerUserId: string; agentKey: string },
  limit: number | undefined,
): Promise<AgentDispatchView[]> {
  const count = clampDispatches(limit);
  const newest = async (key: string | undefined) =>
    await ctx.db
      .query("messagePushDispatches")
      .withIndex("by_consumerUserId_and_agentKey_and_createdAt", (q) =>
        q.eq("consumerUserId", consumerUserId).eq("agentKey", key),
      )
      .order("desc")
      .take(count);
  const named = await newest(agentKey);
  const unnamed = [];
  for (const run of await newest(undefined))
    if ((await ctx.db.get("messagePushJobs", run.jobId))?.agentKey === agentKey) unnamed.push(run);
  return [...named, ...unnamed]
    .sort((a, b) => b.createdAt - a.createdAt || b._creationTime - a._creationTime)
    .slice(0, count)
    .map(toView);
}

function toView(run: Dispatch): AgentDispatchView {
  return {
    _id: run._id,
    jobId: run.jobId,
    runKey: run.runKey,
    status: run.status,
    scheduledFor: run.scheduledFor,
    createdAt: run.createdAt,
    error: run.error ?? null,
  };
}

export function clampDispatches(limit: number = DEFAULT_DISPATCHES_LISTED): number {
  if (!Number.isFinite(limit)) return DEFAULT_DISPATCHES_LISTED;
  return Math.min(MAX_DISPATCHES_LISTED, Math.max(1, Math.floor(limit)));
}

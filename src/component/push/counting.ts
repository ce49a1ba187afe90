/** How many jobs and runs a user has with an agent: counters, begun from the rows where 3.x left some. */
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import type { PushJob } from "./store.js";
import { COUNT_FROM_ROWS_LIMIT } from "./validators.js";

type Key = { consumerUserId: string; agentKey: string };
export type PushCounts = Pick<
  Doc<"pushCounters">,
  "jobs" | "activeJobs" | "dispatches" | "latestDispatchAt"
>;

export async function readPushCounts(ctx: QueryCtx, key: Key): Promise<PushCounts> {
  return (await findRow(ctx, key)) ?? (await countRows(ctx, key));
}

/** Call it before the job's row is written: a counter that begins then counts the rows as they were. */
export async function countJob(
  ctx: MutationCtx,
  before: Pick<PushJob, "consumerUserId" | "agentKey" | "enabled"> | null,
  after: Pick<PushJob, "consumerUserId" | "agentKey" | "enabled"> | null,
): Promise<void> {
  if (before?.agentKey === after?.agentKey && before?.enabled === after?.enabled) return;
  for (const [job, sign] of [
    [before, -1],
    [after, 1],
  ] as const) {
    if (job?.agentKey === undefined) continue;
    const row = await ensureRow(ctx, { ...job, agentKey: job.agentKey });
    await ctx.db.patch("pushCounters", row._id, {
      jobs: Math.max(0, row.jobs + sign),
      activeJobs: Math.max(0, row.activeJobs + (job.enabled ? sign : 0)),
    });
  }
}

/** Call it before the run's row is inserted. */
export async function countDispatch(ctx: MutationCtx, key: Key, at: number): Promise<void> {
  const row = await ensureRow(ctx, key);
  await ctx.db.patch("pushCounters", row._id, {
    dispatches: row.dispatches + 1,
    latestDispatchAt: Math.max(at, row.latestDispatchAt ?? 0),
  });
}

async function findRow(
  ctx: QueryCtx,
  { consumerUserId, agentKey }: Key,
): Promise<Doc<"pushCounters"> | null> {
  return await ctx.db
    .query("pushCounters")
    .withIndex("by_consumerUserId_and_agentKey", (q) =>
      q.eq("consumerUserId", consumerUserId).eq("agentKey", agentKey),
    )
    .unique();
}

async function ensureRow(ctx: MutationCtx, key: Key): Promise<Doc<"pushCounters">> {
  const known = await findRow(ctx, key);
  if (known !== null) return known;
  const { consumerUserId, agentKey } = key;
  const id = await ctx.db.insert("pushCounters", {
    consumerUserId,
    agentKey,
    ...(await countRows(ctx, key)),
  });
  const created = await ctx.db.get("pushCounters", id);
  if (created === null) throw new Error("pushCounters was not created");
  return created;
}

/** Jobs up to a limit, and the runs of 3.x by its rule: those of the user, which name no agent. */
async function countRows(ctx: QueryCtx, { consumerUserId, agentKey }: Key): Promise<PushCounts> {
  const jobs = await ctx.db
    .query("messagePushJobs")
    .withIndex("by_consumerUserId_and_agentKey_and_updatedAt", (q) =>
      q.eq("consumerUserId", consumerUserId).eq("agentKey", agentKey),
    )
    .take(COUNT_FROM_ROWS_LIMIT);
  const ids = new Set(jobs.map((job) => job._id));
  const runs = (
    await ctx.db
      .query("messagePushDispatches")
      .withIndex("by_consumerUserId_and_agentKey_and_createdAt", (q) =>
        q.eq("consumerUserId", consumerUserId).eq("agentKey", undefined),
      )
      .order("desc")
      .take(COUNT_FROM_ROWS_LIMIT)
  ).filter((run) => ids.has(run.jobId));
  const latestDispatchAt = runs[0]?.createdAt;
  return {
    jobs: jobs.length,
    activeJobs: jobs.filter((job) => job.enabled).length,
    dispatches: runs.length,
    ...(latestDispatchAt === undefined ? {} : { latestDispatchAt }),
  };
}

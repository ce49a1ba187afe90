/** The workers room's rows: workers, their signs of life and their tokens. */
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import { MAX_LIVE_WORKERS } from "./validators.js";

export type Worker = Doc<"workers">;
/** A worker, and those rows that took over what it left behind. */
const MAX_VOLUME_OWNERS = 20;
/** A worker keeps few tokens: one per creation attempt. */
const MAX_TOKENS_PER_WORKER = 20;

export async function loadWorker(ctx: QueryCtx, workerId: string): Promise<Worker | null> {
  return await ctx.db
    .query("workers")
    .withIndex("by_workerId", (q) => q.eq("workerId", workerId))
    .unique();
}

/** Workers that may still work for this conversation, whoever owns it. */
export async function workersAssignedTo(ctx: QueryCtx, conversationId: string): Promise<Worker[]> {
  const live: Worker[] = [];
  for (const status of ["active", "draining"] as const)
    live.push(
      ...(await ctx.db
        .query("workers")
        .withIndex("by_status", (q) => q.eq("status", status))
        .take(MAX_LIVE_WORKERS)),
    );
  return live.filter(({ assignment }) => assignment?.conversationId === conversationId);
}

/** Rows that name this volume as theirs, of whatever status; names are derived from worker ids. */
export async function findVolumeOwners(ctx: QueryCtx, volumeName: string): Promise<Worker[]> {
  return await ctx.db
    .query("workers")
    .withIndex("by_volumeName", (q) => q.eq("volumeName", volumeName))
    .take(MAX_VOLUME_OWNERS);
}

/** The newest of the rows that took over what nobody had a row for: `orphan-<id>`, then `orphan-<id>-<epoch ms>`. */
export async function loadOrphanRow(ctx: QueryCtx, resourceId: string): Promise<Worker | null> {
  const first = `orphan-${resourceId}`;
  return await ctx.db
    .query("workers")
    .withIndex("by_workerId", (q) => q.gte("workerId", first).lt("workerId", `${first}.`))
    .order("desc")
    .first();
}

/** The newest sign of life: the hot row, or the worker row when that is newer. */
export async function lastHeartbeat(ctx: QueryCtx, worker: Worker): Promise<number> {
  const row = await heartbeatRow(ctx, worker.workerId);
  return Math.max(worker.heartbeatAt, row?.heartbeatAt ?? 0);
}

async function heartbeatRow(
  ctx: QueryCtx,
  workerId: string,
): Promise<Doc<"workerHeartbeats"> | null> {
  return await ctx.db
    .query("workerHeartbeats")
    .withIndex("by_workerId", (q) => q.eq("workerId", workerId))
    .unique();
}

/** The worker is stopped: nobody hears of it again. */
export async function forgetHeartbeat(ctx: MutationCtx, workerId: string): Promise<void> {
  const row = await heartbeatRow(ctx, workerId);
  if (row !== null) await ctx.db.delete("workerHeartbeats", row._id);
}

/** Records a sign of life; a no-op when the last one is younger than `minAgeMs`. Only calls of the worker itself come here. */
export async function touchWorker(
  ctx: MutationCtx,
  workerId: string,
  now: number,
  minAgeMs: number,
): Promise<void> {
  const row = await heartbeatRow(ctx, workerId);
  if (row === null) await ctx.db.insert("workerHeartbeats", { workerId, heartbeatAt: now });
  else if (row.heartbeatAt + minAgeMs <= now)
    await ctx.db.patch("workerHeartbeats", row._id, { heartbeatAt: now });
}

export async function addToken(
  ctx: MutationCtx,
  workerId: string,
  tokenHash: string,
  now: number,
): Promise<void> {
  await ctx.db.insert("workerTokens", { tokenHash, workerId, createdAt: now });
}

export async function revokeTokens(ctx: MutationCtx, workerId: string): Promise<void> {
  const tokens = await ctx.db
    .query("workerTokens")
    .withIndex("by_workerId", (q) => q.eq("workerId", workerId))
    .take(MAX_TOKENS_PER_WORKER);
  for (const token of tokens) await ctx.db.delete("workerTokens", token._id);
}

/** The worker that a token belongs to, by the token's hash; null when no live worker has it. */
export async function workerByTokenHash(ctx: QueryCtx, tokenHash: string): Promise<Worker | null> {
  const token = await ctx.db
    .query("workerTokens")
    .withIndex("by_tokenHash", (q) => q.eq("tokenHash", tokenHash))
    .unique();
  if (token === null) return null;
  const worker = await loadWorker(ctx, token.workerId);
  return worker === null || worker.status === "stopped" ? null : worker;
}

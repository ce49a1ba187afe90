/** Rows of broadcasts: find, show, cancel. */
import { refuse } from "../../shared/errors.js";
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { clampDispatches } from "./listings.js";
import type { BroadcastView } from "./validators.js";

export type Broadcast = Doc<"messagePushBroadcasts">;

/** Stops a running fan-out; what was enqueued stays. False when it is not running. @throws BROADCAST_NOT_FOUND */
export async function cancelBroadcast(
  ctx: MutationCtx,
  broadcastId: Id<"messagePushBroadcasts">,
  now: number,
): Promise<boolean> {
  const broadcast = await requireBroadcast(ctx, broadcastId);
  if (broadcast.status !== "running") return false;
  await ctx.db.patch("messagePushBroadcasts", broadcastId, {
    status: "cancelled",
    cursor: undefined,
    completedAt: now,
  });
  return true;
}

/** Newest first. */
export async function listBroadcasts(
  ctx: QueryCtx,
  companyId: string,
  limit: number | undefined,
): Promise<BroadcastView[]> {
  const rows = await ctx.db
    .query("messagePushBroadcasts")
    .withIndex("by_companyId_and_requestedAt", (q) => q.eq("companyId", companyId))
    .order("desc")
    .take(clampDispatches(limit));
  return rows.map(toBroadcastView);
}

export function toBroadcastView(broadcast: Broadcast): BroadcastView {
  return {
    broadcastId: broadcast._id,
    companyId: broadcast.companyId,
    title: broadcast.title,
    text: broadcast.text,
    requestedBy: broadcast.requestedBy,
    requestedAt: broadcast.requestedAt,
    status: broadcast.status,
    totalTargets: broadcast.totalTargets,
    enqueued: broadcast.enqueuedCount,
    failed: broadcast.failedCount,
    completedAt: broadcast.completedAt ?? null,
  };
}

/** @throws BROADCAST_NOT_FOUND */
export async function requireBroadcast(
  ctx: QueryCtx,
  broadcastId: Id<"messagePushBroadcasts">,
): Promise<Broadcast> {
  const broadcast = await ctx.db.get("messagePushBroadcasts", broadcastId);
  if (broadcast !== null) return broadcast;
  return refuse("BROADCAST_NOT_FOUND", `Broadcast '${broadcastId}' does not exist.`, {
    broadcastId,
  });
}

/** The scheduler's own row as others may read it. */
import type { Doc, QueryCtx } from "../kit/functions.js";
import { SCHEDULER_KEY } from "../kit/wake.js";

export async function readSchedulerState(ctx: QueryCtx): Promise<Doc<"schedulerState"> | null> {
  return await ctx.db
    .query("schedulerState")
    .withIndex("by_key", (q) => q.eq("key", SCHEDULER_KEY))
    .unique();
}

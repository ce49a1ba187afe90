/** Migrates batch after batch until nothing of 3.x is left. Started by startUpgrade and by the retention sweep. */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { internalMutation } from "../kit/functions.js";
import { migrateBatch } from "./ops.js";

export const run = internalMutation({
  args: {},
  returns: v.object({ more: v.boolean() }),
  handler: async (ctx) => {
    const more = await migrateBatch(ctx, Date.now());
    if (more) await ctx.scheduler.runAfter(0, internal.upgrade.runner.run, {});
    return { more };
  },
});

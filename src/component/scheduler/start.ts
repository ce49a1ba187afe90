/** How an operator's or a cron's call starts a pass. */
import { v } from "convex/values";
import { vProviderConfig, vScalingPolicy } from "../config.js";
import { internalMutation, internalQuery } from "../kit/functions.js";
import { loadSchedulerState, retrySpawning, SCHEDULER_KEY } from "../kit/wake.js";
import { assertProviderConfig, extendPolicy, seedProviderConfig } from "../settings/ops.js";
import { takePass } from "./loop.js";
import { loadLiveWorkers } from "./world.js";

/**
 * Stores what was given, then takes the pass. `quiet`: nothing runs, nothing waits and nothing was given, found out
 * by one read. `busy`: another pass runs.
 */
export const manual = internalMutation({
  args: { scalingPolicy: v.optional(vScalingPolicy), providerConfig: v.optional(vProviderConfig) },
  returns: v.union(
    v.object({ kind: v.literal("quiet") }),
    v.object({ kind: v.literal("busy"), activeWorkers: v.number() }),
    v.object({ kind: v.literal("taken"), passId: v.string() }),
  ),
  handler: async (ctx, args) => {
    const now = Date.now();
    if (args.providerConfig !== undefined) assertProviderConfig(args.providerConfig);
    const changed = [
      args.scalingPolicy !== undefined &&
        (await extendPolicy(ctx, { scaling: args.scalingPolicy }, now)).changed,
      args.providerConfig !== undefined &&
        (await seedProviderConfig(ctx, args.providerConfig, now)).changed,
    ].includes(true);
    const state = await loadSchedulerState(ctx);
    if (!changed && state.wakeAt === undefined && state.passId === undefined && state.passCount > 0)
      return { kind: "quiet" } as const;
    await retrySpawning(ctx, now);
    const passId = await takePass(ctx, now);
    if (passId !== null) return { kind: "taken", passId } as const;
    const live = await loadLiveWorkers(ctx);
    const activeWorkers = live.filter((worker) => worker.status === "active").length;
    return { kind: "busy", activeWorkers } as const;
  },
});

/** Live workers, those on their way out, and the next wake-up. */
export const fleet = internalQuery({
  args: {},
  returns: v.object({
    live: v.number(),
    leaving: v.number(),
    wakeAt: v.union(v.null(), v.number()),
  }),
  handler: async (ctx) => {
    const live = await loadLiveWorkers(ctx);
    const state = await ctx.db
      .query("schedulerState")
      .withIndex("by_key", (q) => q.eq("key", SCHEDULER_KEY))
      .unique();
    return {
      live: live.length,
      leaving: live.filter((worker) => worker.status !== "active").length,
      wakeAt: state?.wakeAt ?? null,
    };
  },
});

import { v } from "convex/values";
import { vScalingPolicy } from "../../component/config.js";
import { vDecision, vLeak, vPassReport } from "../../component/scheduler/validators.js";
import { action, query, type Lib } from "../define.js";
import type { ProviderOptions } from "../types.js";
import { providerArg } from "./provider.js";

/** Passes of the scheduler, for operators and for the app's crons. */
export function exposeScheduler(lib: Lib, options: ProviderOptions) {
  return {
    /**
     * Runs one pass now: creates the workers that are needed, ends those that are not. Token and URL default to the
     * secrets 'fly.apiToken' and 'convex.url'; a given scalingPolicy is stored.
     */
    startWorkers: action({
      sensitivity: "operator",
      deploymentMayCall: true,
      args: {
        flyApiToken: v.optional(v.string()),
        convexUrl: v.optional(v.string()),
        workspaceId: v.optional(v.string()),
        scalingPolicy: v.optional(vScalingPolicy),
      },
      returns: vPassReport,
      handler: async (ctx, args) =>
        await ctx.runAction(lib.reconcileWorkers, { ...args, ...providerArg(options) }),
    }),

    /** Drains what is idle too long and goes on with teardown. */
    checkIdleShutdowns: action({
      sensitivity: "operator",
      deploymentMayCall: true,
      args: { flyApiToken: v.optional(v.string()) },
      returns: v.object({
        checked: v.number(),
        stopped: v.number(),
        pending: v.number(),
        nextCheckScheduled: v.boolean(),
      }),
      handler: async (ctx, args) =>
        await ctx.runAction(lib.checkIdleShutdowns, { ...args, ...providerArg(options) }),
    }),

    /**
     * Ends expired leases, then runs one pass. `releaseLimit` default 100, at most 500. `nowMs` is accepted for
     * compatibility and ignored: a caller's clock could end leases that are alive.
     */
    recoverQueue: action({
      sensitivity: "operator",
      deploymentMayCall: true,
      args: {
        nowMs: v.optional(v.number()),
        releaseLimit: v.optional(v.number()),
        workspaceId: v.optional(v.string()),
        scalingPolicy: v.optional(vScalingPolicy),
      },
      returns: v.object({
        released: v.object({
          requeued: v.number(),
          unlocked: v.number(),
          deadLettered: v.number(),
        }),
        reconcile: vPassReport,
      }),
      handler: async (ctx, { nowMs: _ignored, releaseLimit, ...args }) => {
        const released = await ctx.runMutation(
          lib.releaseStuckJobs,
          releaseLimit === undefined ? {} : { limit: releaseLimit },
        );
        const reconcile = await ctx.runAction(lib.reconcileWorkers, {
          ...args,
          ...providerArg(options),
        });
        return { released, reconcile };
      },
    }),

    /** Machines and volumes without a live row, and rows without their machine, as the passes observed them. */
    listLeakedResources: query({
      sensitivity: "operator",
      args: {},
      returns: v.array(vLeak),
      handler: async (ctx) => await ctx.runQuery(lib.listLeakedResources, {}),
    }),

    /** What the next pass would do and why, without doing it. */
    explainPass: query({
      sensitivity: "operator",
      args: {},
      returns: v.object({
        decisions: v.array(vDecision),
        nextWakeAt: v.union(v.null(), v.number()),
        running: v.boolean(),
        lastPassAt: v.union(v.null(), v.number()),
        lastPassErrors: v.array(v.string()),
        spawnBlock: v.union(v.null(), v.string()),
      }),
      handler: async (ctx) => await ctx.runQuery(lib.explainPass, {}),
    }),
  };
}

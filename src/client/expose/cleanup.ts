import { v } from "convex/values";
import {
  vCleanupReport,
  vCleanupRunView,
  vCleanupScope,
} from "../../component/cleanup/validators.js";
import { action, query, type Lib } from "../define.js";

/** Ending all cost in the configured app, for operators and for a nightly cron. */
export function exposeCleanup(lib: Lib) {
  return {
    /**
     * Destroys every machine and volume of the stored Fly app; live workers drain first (2 minutes), their messages are
     * handed back. `machineConcurrency` 6, `volumeConcurrency` 16. `scope: "managed"` leaves alone what is not this
     * deployment's; `dryRun` only looks. See `lastCleanupReport` for what became of it.
     */
    runFlyCleanup: action({
      sensitivity: "operator",
      deploymentMayCall: true,
      args: {
        flyApiToken: v.optional(v.string()),
        machineConcurrency: v.optional(v.number()),
        volumeConcurrency: v.optional(v.number()),
        scope: v.optional(vCleanupScope),
        dryRun: v.optional(v.boolean()),
      },
      returns: vCleanupReport,
      handler: async (ctx, args) => await ctx.runAction(lib.runFlyCleanup, args),
    }),

    /** The newest cleanup: its state (running, finished, failed), phase and report so far. Null when there was none. */
    lastCleanupReport: query({
      sensitivity: "operator",
      args: {},
      returns: v.union(v.null(), vCleanupRunView),
      handler: async (ctx) => await ctx.runQuery(lib.lastCleanupReport, {}),
    }),
  };
}

import { v } from "convex/values";
import { vUpgradeStatus } from "../../component/upgrade/validators.js";
import { mutation, query, type Lib } from "../define.js";

/** The migration of a 3.x deployment's data. */
export function exposeUpgrade(lib: Lib) {
  return {
    /** Migrates the data of 3.x in the background; harmless to repeat, a no-op on data of this version. */
    startUpgrade: mutation({
      sensitivity: "operator",
      args: {},
      returns: v.object({ resealing: v.boolean() }),
      handler: async (ctx) => await ctx.runMutation(lib.startUpgrade, {}),
    }),

    /** What of 3.x is left, counted up to a bound; `done` when nothing is. */
    upgradeStatus: query({
      sensitivity: "operator",
      args: {},
      returns: vUpgradeStatus,
      handler: async (ctx) => await ctx.runQuery(lib.upgradeStatus, {}),
    }),
  };
}

import { v } from "convex/values";
import { action, type Lib } from "../define.js";

/** The provider's resources, for operators. */
export function exposeProviders(lib: Lib) {
  return {
    /** Deletes one Fly volume. The token must be given: it reads no stored secret. */
    deleteFlyVolume: action({
      sensitivity: "operator",
      args: { appName: v.string(), volumeId: v.string(), flyApiToken: v.optional(v.string()) },
      returns: v.object({ ok: v.boolean(), status: v.number(), message: v.string() }),
      handler: async (ctx, args) => await ctx.runAction(lib.deleteFlyVolume, args),
    }),
  };
}

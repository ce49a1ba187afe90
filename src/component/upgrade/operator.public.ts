import { v } from "convex/values";
import { mutation, query } from "../kit/functions.js";
import { beginUpgrade, readUpgradeStatus } from "./ops.js";
import { vUpgradeStatus } from "./validators.js";

/**
 * Migrates the data of 3.x in the background: conversations get their state, messages their place in the counters,
 * histories become rows, secrets are sealed with SECRETS_KEY. Batches are bounded and resumable, traffic goes on, and
 * nothing depends on its end: rows of 3.x are served as they are. Harmless to repeat; a no-op on data of this
 * version. `resealing` is false when no usable key is bound (see `upgradeStatus.problem`). Without this call the
 * hourly sweep does the same, but never the secrets.
 */
export const startUpgrade = mutation({
  args: {},
  returns: v.object({ resealing: v.boolean() }),
  handler: async (ctx) => await beginUpgrade(ctx),
});

/** What of 3.x is left, counted up to a bound; `done` when nothing is. */
export const upgradeStatus = query({
  args: {},
  returns: vUpgradeStatus,
  handler: async (ctx) => await readUpgradeStatus(ctx),
});

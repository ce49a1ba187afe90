/** Views for operators: the fleet and what concerns the whole deployment. */
import { v } from "convex/values";
import { query } from "../kit/functions.js";
import { readConditions } from "./deployment.js";
import { readFleet } from "./fleet.js";
import { vCondition, vFleetRow } from "./validators.js";

/**
 * Every live worker beside its machine as the last pass saw it, then machines without a row. `drift` names what the
 * two disagree about; `observedAt` is when the machine's app was listed last. At most 600 workers and 500 machines.
 */
export const fleet = query({
  args: { nowMs: v.optional(v.number()) },
  returns: v.array(vFleetRow),
  handler: async (ctx, args) => await readFleet(ctx, args.nowMs ?? Date.now()),
});

/** What keeps the whole deployment, or a part of it, from working, the worst first; empty when all is well. */
export const deploymentConditions = query({
  args: { nowMs: v.optional(v.number()) },
  returns: v.array(vCondition),
  handler: async (ctx, args) => await readConditions(ctx, args.nowMs ?? Date.now()),
});

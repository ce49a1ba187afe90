import { v } from "convex/values";
import {
  vLoadedSkills,
  vDrainReason,
  vWorkerStatsRow,
  vWorkerStatus,
} from "../../component/workers/validators.js";
import { vCondition, vFleetRow } from "../../component/views/validators.js";
import { mutation, query, type Lib } from "../define.js";

const vMaybeText = v.union(v.null(), v.string());
const vMaybeTime = v.union(v.null(), v.number());

/** The fleet, for operators. */
export function exposeWorkers(lib: Lib) {
  return {
    /** Active workers: how many work, how many idle, and their rows. */
    workerStats: query({
      sensitivity: "operator",
      args: {},
      returns: v.object({
        activeCount: v.number(),
        idleCount: v.number(),
        workers: v.array(vWorkerStatsRow),
      }),
      handler: async (ctx) => await ctx.runQuery(lib.workerStats, {}),
    }),

    /** Every live worker beside its machine as the last pass saw it, then machines without a row; drift is named. */
    fleet: query({
      sensitivity: "operator",
      args: {},
      returns: v.array(vFleetRow),
      handler: async (ctx) => await ctx.runQuery(lib.fleet, {}),
    }),

    /** What keeps the whole deployment, or a part of it, from working, the worst first; empty when all is well. */
    deploymentConditions: query({
      sensitivity: "operator",
      args: {},
      returns: v.array(vCondition),
      handler: async (ctx) => await ctx.runQuery(lib.deploymentConditions, {}),
    }),

    /** Workers of one status (default active), newest first; `limit` 1…200, default 50. */
    listWorkers: query({
      sensitivity: "operator",
      args: { status: v.optional(vWorkerStatus), limit: v.optional(v.number()) },
      returns: v.array(
        v.object({
          workerId: v.string(),
          status: vWorkerStatus,
          load: v.number(),
          conversationId: vMaybeText,
          agentKey: vMaybeText,
          machineId: vMaybeText,
          appName: vMaybeText,
          heartbeatAt: v.number(),
          createdAt: v.number(),
          firstSeenAt: vMaybeTime,
          lastClaimAt: vMaybeTime,
          scheduledShutdownAt: vMaybeTime,
          drainReason: v.union(v.null(), vDrainReason),
          stoppedAt: vMaybeTime,
          lastProviderError: vMaybeText,
          loadedSkills: v.union(v.null(), vLoadedSkills),
        }),
      ),
      handler: async (ctx, args) => await ctx.runQuery(lib.listWorkers, args),
    }),

    /** What happened to a worker and its machine, oldest first; kept for a week. */
    listWorkerEvents: query({
      sensitivity: "operator",
      args: { workerId: v.string() },
      returns: v.array(
        v.object({ kind: v.string(), at: v.number(), machineId: vMaybeText, detail: vMaybeText }),
      ),
      handler: async (ctx, args) => await ctx.runQuery(lib.listWorkerEvents, args),
    }),

    /** Tells a worker to snapshot and stop. False unless it is active. */
    drainWorker: mutation({
      sensitivity: "operator",
      args: { workerId: v.string() },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.drainWorker, args),
    }),
  };
}

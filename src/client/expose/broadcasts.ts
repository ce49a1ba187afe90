import { v } from "convex/values";
import {
  vAudienceCursor,
  vBroadcastReceipt,
  vBroadcastView,
  vDispatchReport,
} from "../../component/push/validators.js";
import { mutation, query, type Lib } from "../define.js";
import type { ProviderOptions } from "../types.js";
import { providerArg } from "./provider.js";

const limit = v.optional(v.number());

/** The dispatch of due pushes, and messages to all agents of a company. For operators and for the app's crons. */
export function exposeBroadcasts(lib: Lib, options: ProviderOptions) {
  return {
    /**
     * Dispatches what is due; what does not fit in the call follows by itself. The component does this at every slot:
     * an hourly cron is a safety net. `nowMs` is accepted for compatibility and ignored.
     */
    dispatchDuePushJobs: mutation({
      sensitivity: "operator",
      deploymentMayCall: true,
      args: { nowMs: v.optional(v.number()), limit },
      returns: vDispatchReport,
      handler: async (ctx, { nowMs: _ignored, ...args }) =>
        await ctx.runMutation(lib.dispatchDuePushJobs, { ...args, ...providerArg(options) }),
    }),

    /** One message to every enabled agent of the company and of no company. The counts are those so far. */
    sendBroadcastToAllActiveAgents: mutation({
      sensitivity: "operator",
      args: {
        companyId: v.string(),
        title: v.string(),
        text: v.string(),
        requestedBy: v.string(),
        broadcastKey: v.optional(v.string()),
      },
      returns: v.object({
        broadcastId: v.string(),
        totalTargets: v.number(),
        enqueued: v.number(),
        failed: v.number(),
      }),
      handler: async (ctx, args) =>
        await ctx.runMutation(lib.sendBroadcastToAllActiveAgents, {
          ...args,
          ...providerArg(options),
        }),
    }),

    /** Whom a broadcast of the company would reach now; pass `continueCursor` as `cursor` for the next page. */
    previewBroadcast: query({
      sensitivity: "operator",
      args: { companyId: v.string(), cursor: v.optional(vAudienceCursor), limit },
      returns: v.object({
        agents: v.array(
          v.object({ agentKey: v.string(), companyId: v.union(v.null(), v.string()) }),
        ),
        continueCursor: v.union(v.null(), vAudienceCursor),
      }),
      handler: async (ctx, args) => await ctx.runQuery(lib.previewBroadcast, args),
    }),

    /** Stops a running broadcast; what was enqueued stays. False when it was over. */
    cancelBroadcast: mutation({
      sensitivity: "operator",
      args: { broadcastId: v.string() },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.cancelBroadcast, args),
    }),

    /** A company's broadcasts, newest first; `limit` 1…200, default 50. */
    listBroadcasts: query({
      sensitivity: "operator",
      args: { companyId: v.string(), limit },
      returns: v.array(vBroadcastView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listBroadcasts, args),
    }),

    /** The receipts of a broadcast by agent key; `limit` 1…200, default 50; `afterAgentKey` for the next page. */
    listBroadcastReceipts: query({
      sensitivity: "operator",
      args: { broadcastId: v.string(), afterAgentKey: v.optional(v.string()), limit },
      returns: v.array(vBroadcastReceipt),
      handler: async (ctx, args) => await ctx.runQuery(lib.listBroadcastReceipts, args),
    }),
  };
}

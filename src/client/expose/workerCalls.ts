/**
 * The worker functions of 3.x. Machines reach them through the gateway that `registerRoutes` mounts; an app needs
 * them in its API only for the `direct` transport, and refuses them in `auth` otherwise.
 */
import { v } from "convex/values";
import { vNewHistoryEntry } from "../../component/conversations/validators.js";
import { vHydrationBundle } from "../../component/hydration/validators.js";
import { vClaimedJob, vFailResult, vMetadata } from "../../component/queue/validators.js";
import { vRestorableSnapshot, vSnapshotReason } from "../../component/snapshots/validators.js";
import { mutation, query, type Lib } from "../define.js";
import type { ProviderOptions } from "../types.js";
import { providerArg } from "./provider.js";

const leaseRef = { workerId: v.string(), messageId: v.string(), leaseId: v.string() };
const restoreKey = { workspaceId: v.string(), agentKey: v.string(), conversationId: v.string() };

/** claim → hydrate → heartbeat → complete | fail, and the files that go with a message. */
export function exposeWorkerCalls(lib: Lib, options: ProviderOptions) {
  return {
    workerClaim: mutation({
      sensitivity: "worker",
      args: { workerId: v.string(), conversationId: v.optional(v.string()) },
      returns: v.union(v.null(), vClaimedJob),
      handler: async (ctx, args) => await ctx.runMutation(lib.claim, args),
    }),

    workerHeartbeat: mutation({
      sensitivity: "worker",
      args: leaseRef,
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.heartbeat, args),
    }),

    workerComplete: mutation({
      sensitivity: "worker",
      args: leaseRef,
      returns: v.boolean(),
      handler: async (ctx, args) =>
        await ctx.runMutation(lib.complete, { ...args, ...providerArg(options) }),
    }),

    workerFail: mutation({
      sensitivity: "worker",
      args: {
        ...leaseRef,
        errorMessage: v.string(),
        retryable: v.optional(v.boolean()),
        retryAfterMs: v.optional(v.number()),
      },
      returns: vFailResult,
      handler: async (ctx, args) =>
        await ctx.runMutation(lib.fail, { ...args, ...providerArg(options) }),
    }),

    /** Carries the agent's Telegram token and bridge key: never let a browser have it. */
    workerHydrationBundle: query({
      sensitivity: "worker",
      args: { messageId: v.string(), workspaceId: v.string() },
      returns: v.union(v.null(), vHydrationBundle),
      handler: async (ctx, args) => await ctx.runQuery(lib.getHydrationBundle, args),
    }),

    workerConversationHasQueued: query({
      sensitivity: "worker",
      args: { conversationId: v.string() },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runQuery(lib.hasQueuedJobsForConversation, args),
    }),

    workerAppendConversationMessages: mutation({
      sensitivity: "worker",
      args: {
        conversationId: v.string(),
        workspaceId: v.optional(v.string()),
        messages: v.array(vNewHistoryEntry),
      },
      returns: v.object({ updated: v.boolean(), messageCount: v.number() }),
      handler: async (ctx, args) => await ctx.runMutation(lib.appendConversationMessages, args),
    }),

    workerControlState: query({
      sensitivity: "worker",
      args: { workerId: v.string() },
      returns: v.object({ shouldStop: v.boolean() }),
      handler: async (ctx, args) => await ctx.runQuery(lib.getWorkerControlState, args),
    }),

    workerGenerateMediaUploadUrl: mutation({
      sensitivity: "worker",
      args: {},
      returns: v.object({ uploadUrl: v.string() }),
      handler: async (ctx) => await ctx.runMutation(lib.generateMediaUploadUrl, {}),
    }),

    workerGetStorageFileUrl: query({
      sensitivity: "worker",
      args: { storageId: v.string() },
      returns: v.union(v.null(), v.string()),
      handler: async (ctx, args) => await ctx.runQuery(lib.getStorageFileUrl, args),
    }),

    workerAttachMessageMetadata: mutation({
      sensitivity: "worker",
      args: { messageId: v.string(), metadata: vMetadata },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.attachMessageMetadata, args),
    }),
  };
}

/** Archives of a worker's data: prepare → upload → finalize | fail, and restore. */
export function exposeWorkerSnapshots(lib: Lib) {
  return {
    workerPrepareSnapshotUpload: mutation({
      sensitivity: "worker",
      args: {
        workerId: v.string(),
        ...restoreKey,
        reason: vSnapshotReason,
        parentSnapshotId: v.optional(v.string()),
      },
      returns: v.object({
        snapshotId: v.string(),
        uploadUrl: v.string(),
        expiresAt: v.number(),
      }),
      handler: async (ctx, args) => await ctx.runMutation(lib.prepareDataSnapshotUpload, args),
    }),

    workerFinalizeSnapshotUpload: mutation({
      sensitivity: "worker",
      args: {
        workerId: v.string(),
        snapshotId: v.string(),
        storageId: v.string(),
        sha256: v.string(),
        sizeBytes: v.number(),
      },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.finalizeDataSnapshotUpload, args),
    }),

    workerFailSnapshotUpload: mutation({
      sensitivity: "worker",
      args: { workerId: v.string(), snapshotId: v.string(), error: v.string() },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.failDataSnapshotUpload, args),
    }),

    workerLatestSnapshotForRestore: query({
      sensitivity: "worker",
      args: restoreKey,
      returns: v.union(v.null(), vRestorableSnapshot),
      handler: async (ctx, args) => await ctx.runQuery(lib.getLatestDataSnapshotForRestore, args),
    }),
  };
}

/** The queue for workers. The gateway calls the same verbs after checking the token. */
import { v } from "convex/values";
import { vProviderConfig } from "../config.js";
import { mutation } from "../kit/functions.js";
import { clock } from "./clock.js";
import { claimMessage } from "./claiming.js";
import { completeMessage, failMessage, heartbeatMessage } from "./outcomes.js";
import { vClaimedJob, vFailResult } from "./validators.js";

const leaseRef = { workerId: v.string(), messageId: v.id("messageQueue"), leaseId: v.string() };

/**
 * Leases the next message, or returns null. A worker that holds a live lease gets the same job again. A worker
 * serves one conversation: its assignment, the one it names, or the first it gets. An unknown worker is registered.
 */
export const claim = mutation({
  args: {
    workerId: v.string(),
    conversationId: v.optional(v.string()),
    nowMs: v.optional(v.number()),
  },
  returns: v.union(v.null(), vClaimedJob),
  handler: async (ctx, args) => await claimMessage(ctx, args, clock(args.nowMs)),
});

/** Extends the lease by leaseMs. False: the lease is lost; stop working on the message and send nothing. */
export const heartbeat = mutation({
  args: { ...leaseRef, nowMs: v.optional(v.number()) },
  returns: v.boolean(),
  handler: async (ctx, args) => await heartbeatMessage(ctx, args, clock(args.nowMs)),
});

/** The message is answered. False, and nothing changes, when the lease is lost. */
export const complete = mutation({
  args: {
    ...leaseRef,
    nowMs: v.optional(v.number()),
    /** Accepted for compatibility; the stored provider config is used. */
    providerConfig: v.optional(vProviderConfig),
  },
  returns: v.boolean(),
  handler: async (ctx, args) => await completeMessage(ctx, args, clock(args.nowMs)),
});

/**
 * The delivery failed. It is retried after a growing pause, keeping its place, or dead-lettered when maxAttempts
 * deliveries failed or `retryable` is false. All false, and nothing changes, when the lease is lost.
 */
export const fail = mutation({
  args: {
    ...leaseRef,
    errorMessage: v.string(),
    retryable: v.optional(v.boolean()),
    retryAfterMs: v.optional(v.number()),
    nowMs: v.optional(v.number()),
    /** Accepted for compatibility; the stored provider config is used. */
    providerConfig: v.optional(vProviderConfig),
  },
  returns: vFailResult,
  handler: async (ctx, args) => await failMessage(ctx, args, args, clock(args.nowMs)),
});

/** Pushes for a company and for the deployment: templates, the dispatch, broadcasts. */
import { v } from "convex/values";
import { vProviderConfig } from "../config.js";
import { mutation, query } from "../kit/functions.js";
import { previewAudience } from "./audience.js";
import { startBroadcast } from "./broadcasting.js";
import {
  cancelBroadcast as cancel,
  listBroadcasts as broadcastsOf,
  toBroadcastView,
} from "./broadcasts.js";
import { dispatchBatch } from "./dispatcher.js";
import { listReceipts } from "./receipts.js";
import { createTemplate, deleteTemplate, listTemplates, updateTemplate } from "./templates.js";
import {
  DEFAULT_DISPATCH_LIMIT,
  MAX_DISPATCH_LIMIT,
  pushTemplateFields,
  vAudienceCursor,
  vBroadcastReceipt,
  vBroadcastView,
  vDispatchReport,
  vPeriodicity,
  vPushTemplateView,
  vSlot,
} from "./validators.js";

const nowMs = v.optional(v.number());
const limit = v.optional(v.number());
const templateId = v.id("messagePushTemplates");
const broadcastId = v.id("messagePushBroadcasts");

// ── Templates ───────────────────────────────────────────────────────────────

/**
 * Makes a push template; returns its id. `enabled` default true.
 * @throws INVALID_ARGUMENT the key is taken in the company, or a suggested time does not fit
 */
export const createPushTemplate = mutation({
  args: {
    companyId: v.string(),
    templateKey: v.string(),
    ...pushTemplateFields,
    enabled: v.optional(v.boolean()),
    actorUserId: v.string(),
    nowMs,
  },
  returns: templateId,
  handler: async (ctx, { nowMs: now, ...args }) =>
    await createTemplate(ctx, args, now ?? Date.now()),
});

/** Changes a template; company and key stay. False when it is gone. Jobs made from it keep their copy. */
export const updatePushTemplate = mutation({
  args: {
    templateId,
    title: v.optional(v.string()),
    text: v.optional(v.string()),
    periodicity: v.optional(vPeriodicity),
    suggestedTimes: v.optional(v.array(vSlot)),
    enabled: v.optional(v.boolean()),
    actorUserId: v.string(),
    nowMs,
  },
  returns: v.boolean(),
  handler: async (ctx, { nowMs: now, ...args }) =>
    await updateTemplate(ctx, args, now ?? Date.now()),
});

/** Deletes a template; false when it is gone. */
export const deletePushTemplate = mutation({
  args: { templateId },
  returns: v.boolean(),
  handler: async (ctx, args) => await deleteTemplate(ctx, args.templateId),
});

/** A company's templates, newest updatedAt first, at most 500; `includeDisabled` default false. */
export const listPushTemplatesByCompany = query({
  args: { companyId: v.string(), includeDisabled: v.optional(v.boolean()) },
  returns: v.array(vPushTemplateView),
  handler: async (ctx, args) => await listTemplates(ctx, args),
});

// ── Dispatch ────────────────────────────────────────────────────────────────

/** Jobs that one call dispatches itself, whatever its limit: their reads stay well within a transaction. */
const INLINE_DISPATCH_LIMIT = 200;

/**
 * Dispatches due jobs: up to `limit` (1…1000, default 200, of them 200 within this call); the rest follows at once by
 * itself. The component does this at every slot without being asked; call it hourly as a safety net. A late job runs
 * once, for its oldest missed slot, and goes on with the next slot to come.
 */
export const dispatchDuePushJobs = mutation({
  args: { nowMs, limit, providerConfig: v.optional(vProviderConfig) },
  returns: vDispatchReport,
  handler: async (ctx, args) => {
    const asked = Number.isFinite(args.limit)
      ? Math.floor(args.limit ?? 0)
      : DEFAULT_DISPATCH_LIMIT;
    const wanted = Math.min(MAX_DISPATCH_LIMIT, Math.max(1, asked));
    return await dispatchBatch(ctx, args.nowMs ?? Date.now(), {
      ...args,
      limit: Math.min(wanted, INLINE_DISPATCH_LIMIT),
    });
  },
});

// ── Broadcasts ──────────────────────────────────────────────────────────────

/**
 * Sends one message to every enabled agent of the company and of no company. The first 100 are reached within the
 * call, the rest by itself; the counts are those so far. The same `broadcastKey` is the same broadcast. It has failed
 * when it reached no agent at all; single failures are in the receipts.
 */
export const sendBroadcastToAllActiveAgents = mutation({
  args: {
    companyId: v.string(),
    title: v.string(),
    text: v.string(),
    requestedBy: v.string(),
    broadcastKey: v.optional(v.string()),
    nowMs,
    providerConfig: v.optional(vProviderConfig),
  },
  returns: v.object({
    broadcastId: v.string(),
    totalTargets: v.number(),
    enqueued: v.number(),
    failed: v.number(),
  }),
  handler: async (ctx, { nowMs: now, ...args }) => {
    const view = toBroadcastView(await startBroadcast(ctx, args, now ?? Date.now()));
    const { broadcastId: id, totalTargets, enqueued, failed } = view;
    return { broadcastId: id, totalTargets, enqueued, failed };
  },
});

/** Whom a broadcast of the company would reach now; pass `continueCursor` as `cursor`. `limit` 1…200, default 50. */
export const previewBroadcast = query({
  args: { companyId: v.string(), cursor: v.optional(vAudienceCursor), limit },
  returns: v.object({
    agents: v.array(v.object({ agentKey: v.string(), companyId: v.union(v.null(), v.string()) })),
    continueCursor: v.union(v.null(), vAudienceCursor),
  }),
  handler: async (ctx, args) => await previewAudience(ctx, args),
});

/** Stops a running broadcast; what was enqueued stays. False when it was over. @throws BROADCAST_NOT_FOUND */
export const cancelBroadcast = mutation({
  args: { broadcastId, nowMs },
  returns: v.boolean(),
  handler: async (ctx, args) => await cancel(ctx, args.broadcastId, args.nowMs ?? Date.now()),
});

/** A company's broadcasts, newest first; `limit` 1…200, default 50. */
export const listBroadcasts = query({
  args: { companyId: v.string(), limit },
  returns: v.array(vBroadcastView),
  handler: async (ctx, args) => await broadcastsOf(ctx, args.companyId, args.limit),
});

/** The receipts of a broadcast in the order of the agents' keys; `limit` 1…200, default 50. */
export const listBroadcastReceipts = query({
  args: { broadcastId, afterAgentKey: v.optional(v.string()), limit },
  returns: v.array(vBroadcastReceipt),
  handler: async (ctx, args) => await listReceipts(ctx, args),
});

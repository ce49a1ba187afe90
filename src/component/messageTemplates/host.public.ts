/** Message templates for the app: keep texts, send them to users' agents. */
import { v } from "convex/values";
import { vProviderConfig } from "../config.js";
import { mutation, query } from "../kit/functions.js";
import { vMetadata } from "../queue/validators.js";
import { userAgentArgs } from "../userAgents/validators.js";
import {
  createTemplate,
  deleteTemplate,
  listTemplates,
  sendTemplate,
  updateTemplate,
} from "./ops.js";
import { vMessageTemplateView } from "./validators.js";

const nowMs = v.optional(v.number());
const companyId = v.optional(v.string());
const templateId = v.id("messageTemplates");

/**
 * Makes a template, of a company or (without `companyId`) for every one; returns its id. Its key is made from the title;
 * tags are lower-cased; `enabled` default true.
 * @throws INVALID_ARGUMENT title or text is blank
 */
export const createMessageTemplate = mutation({
  args: {
    companyId,
    title: v.string(),
    text: v.string(),
    tags: v.array(v.string()),
    enabled: v.optional(v.boolean()),
    actorUserId: v.string(),
    nowMs,
  },
  returns: templateId,
  handler: async (ctx, { nowMs: now, ...args }) =>
    await createTemplate(ctx, args, now ?? Date.now()),
});

/** Changes a template; a new title makes a new key. False when it is gone, or not of the `companyId` that was given. */
export const updateMessageTemplate = mutation({
  args: {
    templateId,
    companyId,
    title: v.optional(v.string()),
    text: v.optional(v.string()),
    tags: v.optional(v.array(v.string())),
    enabled: v.optional(v.boolean()),
    actorUserId: v.string(),
    nowMs,
  },
  returns: v.boolean(),
  handler: async (ctx, { nowMs: now, ...args }) =>
    await updateTemplate(ctx, args, now ?? Date.now()),
});

/** Deletes a template. False when it is gone, or not of the `companyId` that was given. */
export const deleteMessageTemplate = mutation({
  args: { templateId, companyId },
  returns: v.boolean(),
  handler: async (ctx, args) => await deleteTemplate(ctx, args.templateId, args.companyId),
});

/**
 * Templates, most used first, then newest; `limit` 1…200, default 100; `includeDisabled` default false. Without
 * `companyId` those that are for every company, with it the company's own too.
 */
export const listMessageTemplatesByCompany = query({
  args: { companyId, includeDisabled: v.optional(v.boolean()), limit: v.optional(v.number()) },
  returns: v.array(vMessageTemplateView),
  handler: async (ctx, args) => await listTemplates(ctx, args),
});

/**
 * Sends a template's text to the user's agent and counts the use.
 * @throws TEMPLATE_NOT_FOUND also when it is disabled or another company's; BINDING_MISSING; AGENT_NOT_READY
 */
export const sendMessageTemplateToUserAgent = mutation({
  args: {
    ...userAgentArgs,
    templateId,
    companyId,
    metadata: v.optional(vMetadata),
    idempotencyKey: v.optional(v.string()),
    nowMs,
    providerConfig: v.optional(vProviderConfig),
  },
  returns: v.object({ messageId: v.id("messageQueue"), usageCount: v.number() }),
  handler: async (ctx, { nowMs: now, ...args }) => await sendTemplate(ctx, args, now ?? Date.now()),
});

import { v } from "convex/values";
import { vMessageTemplateView } from "../../component/messageTemplates/validators.js";
import { mutation, query, type Lib } from "../define.js";

const companyId = v.optional(v.string());
const templateId = v.string();

/** Texts to send again and again. `auth` sees the company and the actor that were given. */
export function exposeMessageTemplates(lib: Lib) {
  return {
    /** Makes a template, of a company or (without `companyId`) for every one; returns its id. */
    createMessageTemplate: mutation({
      sensitivity: "user",
      args: {
        companyId,
        title: v.string(),
        text: v.string(),
        tags: v.array(v.string()),
        enabled: v.optional(v.boolean()),
        actorUserId: v.string(),
      },
      returns: v.string(),
      handler: async (ctx, args) => await ctx.runMutation(lib.createMessageTemplate, args),
    }),

    /** Changes a template; false when it is gone, or not of the `companyId` that was given. */
    updateMessageTemplate: mutation({
      sensitivity: "user",
      args: {
        templateId,
        companyId,
        title: v.optional(v.string()),
        text: v.optional(v.string()),
        tags: v.optional(v.array(v.string())),
        enabled: v.optional(v.boolean()),
        actorUserId: v.string(),
      },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.updateMessageTemplate, args),
    }),

    /** Deletes a template; false when it is gone, or not of the `companyId` that was given. */
    deleteMessageTemplate: mutation({
      sensitivity: "user",
      args: { templateId, companyId },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.deleteMessageTemplate, args),
    }),

    /** Most used first: those for every company, and with `companyId` the company's own among them. */
    listMessageTemplatesByCompany: query({
      sensitivity: "user",
      args: { companyId, includeDisabled: v.optional(v.boolean()), limit: v.optional(v.number()) },
      returns: v.array(vMessageTemplateView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listMessageTemplatesByCompany, args),
    }),
  };
}

import { defineTable } from "convex/server";
import { v } from "convex/values";
import { messageTemplateFields } from "./validators.js";

export const messageTemplatesTables = {
  /** Texts to send again and again. Written by their authors, and by every use (usageCount). */
  messageTemplates: defineTable({
    ...messageTemplateFields,
    /** Absent: for every company, as all templates of 3.x. */
    companyId: v.optional(v.string()),
  })
    .index("by_templateKey", ["templateKey"])
    .index("by_enabled", ["enabled"])
    .index("by_companyId_and_templateKey", ["companyId", "templateKey"])
    /** Listings, most used first. */
    .index("by_companyId_and_usageCount_and_updatedAt", ["companyId", "usageCount", "updatedAt"])
    .index("by_companyId_and_enabled_and_usageCount_and_updatedAt", [
      "companyId",
      "enabled",
      "usageCount",
      "updatedAt",
    ]),
};

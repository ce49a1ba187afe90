/** The vocabulary of message templates; also read by the client. */
import { v, type Infer } from "convex/values";

export const messageTemplateFields = {
  /** Unique within the company. */
  templateKey: v.string(),
  title: v.string(),
  text: v.string(),
  tags: v.array(v.string()),
  usageCount: v.number(),
  enabled: v.boolean(),
  createdBy: v.string(),
  updatedBy: v.string(),
  createdAt: v.number(),
  updatedAt: v.number(),
};

export const vMessageTemplateView = v.object({
  _id: v.string(),
  ...messageTemplateFields,
  /** Null: for every company. */
  companyId: v.union(v.null(), v.string()),
});
export type MessageTemplateView = Infer<typeof vMessageTemplateView>;

export const DEFAULT_TEMPLATES_LISTED = 100;
export const MAX_TEMPLATES_LISTED = 200;
export const MAX_TEMPLATE_TEXT_BYTES = 64 * 1024;
export const MAX_TEMPLATE_TAGS = 100;
/** Keys tried for one title (`title`, `title-2`, …) before a random ending is taken. */
export const KEY_ATTEMPTS = 20;

/** The verbs of push templates: texts of a company with the times at which they are usually pushed. */
import { refuse } from "../../shared/errors.js";
import type { Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { checkSuggestedTimes } from "./schedule.js";
import { findTemplateByKey, toTemplateView } from "./store.js";
import { checkTexts } from "./texts.js";
import {
  MAX_PUSH_ROWS_LISTED,
  MAX_SUGGESTED_TIMES,
  type Periodicity,
  type PushTemplateView,
  type Slot,
} from "./validators.js";

type TemplateTexts = {
  title: string;
  text: string;
  periodicity: Periodicity;
  suggestedTimes: Slot[];
};

/** @throws INVALID_ARGUMENT the key is taken in the company, or the times do not fit */
export async function createTemplate(
  ctx: MutationCtx,
  args: TemplateTexts & {
    companyId: string;
    templateKey: string;
    enabled?: boolean | undefined;
    actorUserId: string;
  },
  now: number,
): Promise<Id<"messagePushTemplates">> {
  const { companyId, templateKey, enabled = true, actorUserId, ...texts } = args;
  const checked = checkTemplate(texts);
  if ((await findTemplateByKey(ctx, companyId, templateKey)) !== null)
    refuse("INVALID_ARGUMENT", `Template key '${templateKey}' already exists for company`, {
      templateKey,
    });
  return await ctx.db.insert("messagePushTemplates", {
    companyId,
    templateKey,
    ...checked,
    enabled,
    createdBy: actorUserId,
    updatedBy: actorUserId,
    createdAt: now,
    updatedAt: now,
  });
}

export async function updateTemplate(
  ctx: MutationCtx,
  args: { [Name in keyof TemplateTexts]?: TemplateTexts[Name] | undefined } & {
    templateId: Id<"messagePushTemplates">;
    enabled?: boolean | undefined;
    actorUserId: string;
  },
  now: number,
): Promise<boolean> {
  const stored = await ctx.db.get("messagePushTemplates", args.templateId);
  if (stored === null) return false;
  const checked = checkTemplate({
    title: args.title ?? stored.title,
    text: args.text ?? stored.text,
    periodicity: args.periodicity ?? stored.periodicity,
    suggestedTimes: args.suggestedTimes ?? stored.suggestedTimes,
  });
  await ctx.db.patch("messagePushTemplates", stored._id, {
    ...checked,
    enabled: args.enabled ?? stored.enabled,
    updatedBy: args.actorUserId,
    updatedAt: now,
  });
  return true;
}

/** Jobs made from it keep their copy. */
export async function deleteTemplate(
  ctx: MutationCtx,
  templateId: Id<"messagePushTemplates">,
): Promise<boolean> {
  if ((await ctx.db.get("messagePushTemplates", templateId)) === null) return false;
  await ctx.db.delete("messagePushTemplates", templateId);
  return true;
}

/** Newest updatedAt first. */
export async function listTemplates(
  ctx: QueryCtx,
  {
    companyId,
    includeDisabled = false,
  }: { companyId: string; includeDisabled?: boolean | undefined },
): Promise<PushTemplateView[]> {
  const templates = ctx.db.query("messagePushTemplates");
  const ordered = includeDisabled
    ? templates.withIndex("by_companyId_and_updatedAt", (q) => q.eq("companyId", companyId))
    : templates.withIndex("by_companyId_and_enabled_and_updatedAt", (q) =>
        q.eq("companyId", companyId).eq("enabled", true),
      );
  return (await ordered.order("desc").take(MAX_PUSH_ROWS_LISTED)).map(toTemplateView);
}

function checkTemplate(texts: TemplateTexts): TemplateTexts {
  checkTexts(texts);
  if (texts.suggestedTimes.length > MAX_SUGGESTED_TIMES)
    refuse("INVALID_ARGUMENT", `At most ${MAX_SUGGESTED_TIMES} suggested times per template.`);
  return { ...texts, suggestedTimes: checkSuggestedTimes(texts.periodicity, texts.suggestedTimes) };
}

/** The verbs of message templates: texts of a company, or of everybody, to send to a user's agent. */
import { refuse } from "../../shared/errors.js";
import { loadProfile } from "../agents/ops.js";
import type { ProviderConfig } from "../config.js";
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { randomBase36 } from "../kit/random.js";
import { sendToUserAgent } from "../userAgents/ops.js";
import type { UserAgent } from "../userAgents/validators.js";
import { checkTemplate, slugOf, type TemplateTexts } from "./policy.js";
import {
  DEFAULT_TEMPLATES_LISTED,
  KEY_ATTEMPTS,
  MAX_TEMPLATES_LISTED,
  type MessageTemplateView,
} from "./validators.js";

type Template = Doc<"messageTemplates">;
type TemplateId = Id<"messageTemplates">;

// ── Writing ─────────────────────────────────────────────────────────────────

export async function createTemplate(
  ctx: MutationCtx,
  args: TemplateTexts & {
    companyId?: string | undefined;
    enabled?: boolean | undefined;
    actorUserId: string;
  },
  now: number,
): Promise<TemplateId> {
  const { companyId, enabled = true, actorUserId } = args;
  const texts = checkTemplate(args);
  return await ctx.db.insert("messageTemplates", {
    templateKey: await freeKey(ctx, companyId, texts.title),
    ...(companyId === undefined ? {} : { companyId }),
    ...texts,
    usageCount: 0,
    enabled,
    createdBy: actorUserId,
    updatedBy: actorUserId,
    createdAt: now,
    updatedAt: now,
  });
}

/** False when it is gone, or is not of the company that was named. The key changes with the title only. */
export async function updateTemplate(
  ctx: MutationCtx,
  args: { [Name in keyof TemplateTexts]?: TemplateTexts[Name] | undefined } & {
    templateId: TemplateId;
    companyId?: string | undefined;
    enabled?: boolean | undefined;
    actorUserId: string;
  },
  now: number,
): Promise<boolean> {
  const stored = await findOwn(ctx, args.templateId, args.companyId);
  if (stored === null) return false;
  const { title = stored.title, text = stored.text, tags = stored.tags } = args;
  const texts = checkTemplate({ title, text, tags });
  await ctx.db.patch("messageTemplates", stored._id, {
    ...texts,
    ...(texts.title === stored.title
      ? {}
      : { templateKey: await freeKey(ctx, stored.companyId, texts.title, stored._id) }),
    enabled: args.enabled ?? stored.enabled,
    updatedBy: args.actorUserId,
    updatedAt: now,
  });
  return true;
}

/** False when it is gone, or is not of the company that was named. */
export async function deleteTemplate(
  ctx: MutationCtx,
  templateId: TemplateId,
  companyId: string | undefined,
): Promise<boolean> {
  const stored = await findOwn(ctx, templateId, companyId);
  if (stored === null) return false;
  await ctx.db.delete("messageTemplates", stored._id);
  return true;
}

async function findOwn(
  ctx: QueryCtx,
  templateId: TemplateId,
  companyId: string | undefined,
): Promise<Template | null> {
  const stored = await ctx.db.get("messageTemplates", templateId);
  return companyId === undefined || stored?.companyId === companyId ? stored : null;
}

/** The title's slug; with -2, -3, … when it is taken in the company; after some of those with a random ending. */
async function freeKey(
  ctx: QueryCtx,
  companyId: string | undefined,
  title: string,
  ownId?: TemplateId,
): Promise<string> {
  const slug = slugOf(title);
  for (let n = 1; n <= KEY_ATTEMPTS; n++) {
    const templateKey = n === 1 ? slug : `${slug}-${n}`;
    const holder = await ctx.db
      .query("messageTemplates")
      .withIndex("by_companyId_and_templateKey", (q) =>
        q.eq("companyId", companyId).eq("templateKey", templateKey),
      )
      .first();
    if (holder === null || holder._id === ownId) return templateKey;
  }
  return `${slug}-${randomBase36(10)}`;
}

// ── Reading ─────────────────────────────────────────────────────────────────

/** Most used first, then newest: those of every company, and with `companyId` the company's own among them. */
export async function listTemplates(
  ctx: QueryCtx,
  args: {
    companyId?: string | undefined;
    includeDisabled?: boolean | undefined;
    limit?: number | undefined;
  },
): Promise<MessageTemplateView[]> {
  const limit = clampLimit(args.limit);
  const owners = args.companyId === undefined ? [undefined] : [undefined, args.companyId];
  const found: Template[] = [];
  for (const owner of owners) {
    const templates = ctx.db.query("messageTemplates");
    const ordered =
      args.includeDisabled === true
        ? templates.withIndex("by_companyId_and_usageCount_and_updatedAt", (q) =>
            q.eq("companyId", owner),
          )
        : templates.withIndex("by_companyId_and_enabled_and_usageCount_and_updatedAt", (q) =>
            q.eq("companyId", owner).eq("enabled", true),
          );
    found.push(...(await ordered.order("desc").take(limit)));
  }
  return found
    .sort((a, b) => b.usageCount - a.usageCount || b.updatedAt - a.updatedAt)
    .slice(0, limit)
    .map(({ _creationTime: _, companyId = null, ...view }) => ({ ...view, companyId }));
}

function clampLimit(limit: number = DEFAULT_TEMPLATES_LISTED): number {
  if (!Number.isFinite(limit)) return DEFAULT_TEMPLATES_LISTED;
  return Math.min(MAX_TEMPLATES_LISTED, Math.max(1, Math.floor(limit)));
}

// ── Sending ─────────────────────────────────────────────────────────────────

/**
 * Sends the template's text to the user's agent and counts the use. A company's template does not reach another
 * company's agent, and with `companyId` only that company's templates and those of everybody are found.
 * @throws TEMPLATE_NOT_FOUND also when it is disabled; BINDING_MISSING
 */
export async function sendTemplate(
  ctx: MutationCtx,
  args: UserAgent & {
    templateId: TemplateId;
    companyId?: string | undefined;
    metadata?: Record<string, string> | undefined;
    idempotencyKey?: string | undefined;
    providerConfig?: ProviderConfig | undefined;
  },
  now: number,
): Promise<{ messageId: Id<"messageQueue">; usageCount: number }> {
  const { consumerUserId, agentKey, idempotencyKey, providerConfig } = args;
  const template = await ctx.db.get("messageTemplates", args.templateId);
  if (template?.enabled !== true || !(await mayUse(ctx, template, args)))
    refuse("TEMPLATE_NOT_FOUND", "Message template not found", { templateId: args.templateId });
  const metadata = {
    ...args.metadata,
    consumerUserId,
    source: "message_template",
    templateId: template._id,
    templateKey: template.templateKey,
  };
  const { text } = template;
  const who = { consumerUserId, agentKey };
  const messageId = await sendToUserAgent(
    ctx,
    { ...who, text, metadata, idempotencyKey, providerConfig },
    now,
  );
  const usageCount = template.usageCount + 1;
  await ctx.db.patch("messageTemplates", template._id, { usageCount });
  return { messageId, usageCount };
}

async function mayUse(
  ctx: QueryCtx,
  template: Template,
  { agentKey, companyId }: { agentKey: string; companyId?: string | undefined },
): Promise<boolean> {
  if (template.companyId === undefined) return true;
  if (companyId !== undefined && companyId !== template.companyId) return false;
  const agentCompany = (await loadProfile(ctx, agentKey))?.companyId;
  return agentCompany === undefined || agentCompany === template.companyId;
}

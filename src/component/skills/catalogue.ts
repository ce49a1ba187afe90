/** The skills themselves: how many may be active, which are, and taking one away. */
import { refuse } from "../../shared/errors.js";
import type { MutationCtx } from "../kit/functions.js";
import { cleanActor, cleanSlug } from "./naming.js";
import { deleteContents, findActiveInScope, findSkill, type Reader } from "./store.js";
import { MAX_ACTIVE_SKILLS_PER_SCOPE, type SkillScope, type SkillStatus } from "./validators.js";

/** A manifest looks at all active skills of a scope, so their number has a bound. @throws PAYLOAD_TOO_LARGE */
export async function requireRoom(ctx: Reader, scope: SkillScope): Promise<void> {
  if ((await findActiveInScope(ctx, scope)).length < MAX_ACTIVE_SKILLS_PER_SCOPE) return;
  refuse(
    "PAYLOAD_TOO_LARGE",
    `${MAX_ACTIVE_SKILLS_PER_SCOPE} skills are active in this scope; disable or delete one first.`,
  );
}

export async function setSkillStatus(
  ctx: MutationCtx,
  args: { slug: string; status: SkillStatus; actor?: string },
  now: number,
): Promise<{ updated: boolean; slug: string; status: SkillStatus }> {
  const { status } = args;
  const slug = cleanSlug(args.slug);
  const skill = await findSkill(ctx, slug);
  if (skill === null) return { updated: false, slug, status };
  if (status === "active" && skill.status !== "active") await requireRoom(ctx, skill);
  const updatedBy = cleanActor(args.actor);
  await ctx.db.patch("globalSkills", skill._id, { status, updatedBy, updatedAt: now });
  return { updated: true, slug, status };
}

/** A skill with more versions than one call deletes is disabled and stays until a later call finds none left. */
export async function deleteSkill(
  ctx: MutationCtx,
  args: { slug: string },
): Promise<{ deleted: boolean; slug: string; deletedVersions: number; deletedReleases: number }> {
  const slug = cleanSlug(args.slug);
  const skill = await findSkill(ctx, slug);
  if (skill === null) return { deleted: false, slug, deletedVersions: 0, deletedReleases: 0 };
  const { isDone, ...counts } = await deleteContents(ctx, skill._id);
  if (isDone) await ctx.db.delete("globalSkills", skill._id);
  else await ctx.db.patch("globalSkills", skill._id, { status: "disabled" });
  return { deleted: isDone, slug, ...counts };
}

/** Going back to an earlier release of a channel. It never enables a disabled skill. */
import { refuse } from "../../shared/errors.js";
import type { MutationCtx } from "../kit/functions.js";
import { findBundleFault } from "../../shared/skills/bundle.js";
import { planRollback } from "./history.js";
import { cleanActor, cleanSlug, requireVersion } from "./naming.js";
import { activateVersion, toActivated, type ActivatedRelease } from "./releasing.js";
import {
  findHistory,
  findSkill,
  findVersion,
  pruneReleases,
  type SkillRow,
  type VersionRow,
} from "./store.js";
import type { ReleaseChannel } from "./validators.js";

export type Rollback = {
  slug: string;
  version?: string;
  releaseChannel?: ReleaseChannel;
  actor?: string;
};

/** @throws INVALID_ARGUMENT when there is nothing to go back to, or when it is damaged */
export async function rollbackSkill(
  ctx: MutationCtx,
  args: Rollback,
  now: number,
): Promise<ActivatedRelease> {
  const slug = cleanSlug(args.slug);
  const releaseChannel = args.releaseChannel ?? "stable";
  const actor = cleanActor(args.actor);
  const skill =
    (await findSkill(ctx, slug)) ?? refuse("INVALID_ARGUMENT", `Skill ${slug} does not exist.`);
  const named = args.version === undefined ? null : await requireStored(ctx, skill, args.version);
  const { active, former } = await findHistory(ctx, { skillId: skill._id, releaseChannel });
  const plan = planRollback([...active, ...former], named?._id);
  if (plan.kind === "none")
    refuse(
      "INVALID_ARGUMENT",
      `Skill ${slug} has no earlier release on channel ${releaseChannel}.`,
    );
  const version =
    named ??
    (plan.kind === "activate"
      ? null
      : await ctx.db.get("globalSkillVersions", plan.release.versionId)) ??
    refuse("INVALID_ARGUMENT", `The earlier version of skill ${slug} is not stored any more.`);
  if (plan.kind === "current") return toActivated(skill, version, plan.release._id, releaseChannel);
  const fault = await findBundleFault({ ...version, slug });
  if (fault !== null) refuse("INVALID_ARGUMENT", fault);
  await ctx.db.patch("globalSkills", skill._id, { updatedBy: actor, updatedAt: now });
  if (plan.kind === "activate")
    return await activateVersion(ctx, skill, version, { releaseChannel, actor, now });
  for (const release of [...active, ...plan.passed])
    await ctx.db.patch("globalSkillReleases", release._id, { isActive: false, rolledBackAt: now });
  await ctx.db.patch("globalSkillReleases", plan.release._id, {
    isActive: true,
    activatedBy: actor,
    activatedAt: now,
  });
  await pruneReleases(ctx, { skillId: skill._id, releaseChannel });
  return toActivated(skill, version, plan.release._id, releaseChannel);
}

async function requireStored(
  ctx: MutationCtx,
  skill: SkillRow,
  value: string,
): Promise<VersionRow> {
  const version = requireVersion(value);
  const found = await findVersion(ctx, skill._id, version);
  return found ?? refuse("INVALID_ARGUMENT", `Skill ${skill.slug}@${version} does not exist.`);
}

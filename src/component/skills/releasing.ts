/** Deploying a version to a channel. It never enables a disabled skill. */
import { refuse } from "../../shared/errors.js";
import type { Id, MutationCtx } from "../kit/functions.js";
import { hasSameFiles, sealBundle, type Bundle } from "../../shared/skills/bundle.js";
import { requireRoom } from "./catalogue.js";
import {
  cleanActor,
  cleanScopeKey,
  requireEntryPoint,
  requireShort,
  requireSlug,
  requireVersion,
} from "./naming.js";
import {
  findHistory,
  findSkill,
  findVersion,
  pruneReleases,
  type SkillRow,
  type VersionRow,
} from "./store.js";
import type { ModuleFormat, NewSkillFile, ReleaseChannel } from "./validators.js";

export type Deployment = {
  slug: string;
  displayName?: string;
  description?: string;
  version: string;
  files: NewSkillFile[];
  entryPoint?: string;
  moduleFormat?: ModuleFormat;
  releaseChannel?: ReleaseChannel;
  agentKey?: string | null;
  companyId?: string | null;
  actor?: string;
};

export type ActivatedRelease = {
  skillId: Id<"globalSkills">;
  versionId: Id<"globalSkillVersions">;
  releaseId: Id<"globalSkillReleases">;
  slug: string;
  version: string;
  sha256: string;
  releaseChannel: ReleaseChannel;
};

type Skill = Pick<SkillRow, "_id" | "slug">;
type Activation = { releaseChannel: ReleaseChannel; actor: string; now: number };

/** @throws INVALID_ARGUMENT or PAYLOAD_TOO_LARGE; nothing is stored then */
export async function deploySkill(
  ctx: MutationCtx,
  args: Deployment,
  now: number,
): Promise<ActivatedRelease> {
  const moduleFormat = args.moduleFormat ?? "esm";
  const bundle = await sealBundle(args.files, moduleFormat);
  const slug = requireSlug(args.slug);
  const version = requireVersion(args.version);
  const entryPoint = requireEntryPoint(args.entryPoint);
  const activation = {
    releaseChannel: args.releaseChannel ?? "stable",
    actor: cleanActor(args.actor),
    now,
  } as const;
  const skill = await writeSkill(ctx, slug, args, activation);
  const content = { version, moduleFormat, entryPoint };
  const stored = await storeVersion(ctx, skill, content, bundle, activation);
  return await activateVersion(ctx, skill, stored, activation);
}

/** Creates the skill, active, or changes what was given; its status stays as it is. */
async function writeSkill(
  ctx: MutationCtx,
  slug: string,
  args: Deployment,
  { actor, now }: Activation,
): Promise<Skill> {
  const found = await findSkill(ctx, slug);
  const displayName = requireShort("displayName", args.displayName?.trim() ?? "");
  const description = requireShort("description", args.description ?? "");
  const scope = {
    agentKey: cleanScopeKey("agentKey", args.agentKey, found?.agentKey),
    companyId: cleanScopeKey("companyId", args.companyId, found?.companyId),
  };
  const isRescoped = found?.agentKey !== scope.agentKey || found?.companyId !== scope.companyId;
  if (found === null || (found.status === "active" && isRescoped)) await requireRoom(ctx, scope);
  const changes = {
    ...scope,
    ...(args.description === undefined ? {} : { description }),
    updatedBy: actor,
    updatedAt: now,
  };
  if (found !== null) {
    await ctx.db.patch("globalSkills", found._id, {
      ...changes,
      ...(displayName === "" ? {} : { displayName }),
    });
    return found;
  }
  const _id = await ctx.db.insert("globalSkills", {
    slug,
    displayName: displayName === "" ? slug : displayName,
    status: "active",
    createdBy: actor,
    createdAt: now,
    updatedBy: actor,
    updatedAt: now,
  });
  await ctx.db.patch("globalSkills", _id, changes);
  return { _id, slug };
}

/** A version is immutable: deploying it again takes the same files, or is refused. */
async function storeVersion(
  ctx: MutationCtx,
  skill: Skill,
  content: { version: string; moduleFormat: ModuleFormat; entryPoint: string },
  bundle: Bundle,
  { actor, now }: Activation,
): Promise<Omit<VersionRow, "_creationTime">> {
  const found = await findVersion(ctx, skill._id, content.version);
  if (found !== null) {
    const isSame =
      found.moduleFormat === content.moduleFormat &&
      found.entryPoint === content.entryPoint &&
      hasSameFiles(found.files, bundle.files);
    if (!isSame)
      refuse(
        "INVALID_ARGUMENT",
        `Skill ${skill.slug}@${content.version} already exists with a different bundle.`,
      );
    return found;
  }
  const row = { skillId: skill._id, ...content, ...bundle, createdBy: actor, createdAt: now };
  return { _id: await ctx.db.insert("globalSkillVersions", row), ...row };
}

/** Puts a release of this version on top of the channel. */
export async function activateVersion(
  ctx: MutationCtx,
  skill: Skill,
  version: Omit<VersionRow, "_creationTime">,
  { releaseChannel, actor, now }: Activation,
): Promise<ActivatedRelease> {
  const key = { skillId: skill._id, releaseChannel };
  const { active } = await findHistory(ctx, key);
  for (const release of active) {
    // Deploying the same version over and over must not push the earlier versions out of the history.
    if (release.versionId === version._id) await ctx.db.delete("globalSkillReleases", release._id);
    else await ctx.db.patch("globalSkillReleases", release._id, { isActive: false });
  }
  const releaseId = await ctx.db.insert("globalSkillReleases", {
    ...key,
    versionId: version._id,
    isActive: true,
    activatedBy: actor,
    activatedAt: now,
    version: version.version,
    sha256: version.sha256,
    moduleFormat: version.moduleFormat,
    entryPoint: version.entryPoint,
  });
  await pruneReleases(ctx, key);
  return toActivated(skill, version, releaseId, releaseChannel);
}

export function toActivated(
  skill: Skill,
  version: Pick<VersionRow, "_id" | "version" | "sha256">,
  releaseId: Id<"globalSkillReleases">,
  releaseChannel: ReleaseChannel,
): ActivatedRelease {
  return {
    skillId: skill._id,
    versionId: version._id,
    releaseId,
    slug: skill.slug,
    version: version.version,
    sha256: version.sha256,
    releaseChannel,
  };
}

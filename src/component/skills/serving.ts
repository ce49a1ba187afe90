/** The manifest that a worker asks for when it starts: every skill that concerns it, verified before it is sent. */
import type { QueryCtx } from "../kit/functions.js";
import { bundleBytes, compareCodeUnits, findBundleFault } from "../../shared/skills/bundle.js";
import { LAYOUT_VERSION } from "../../shared/skills/layout.js";
import { hashManifest, toManifestSkill } from "../../shared/skills/manifest.js";
import { findActiveInScope, findActiveRelease, type ReleaseRow, type SkillRow } from "./store.js";
import {
  DEFAULT_WORKSPACE_ID,
  MAX_MANIFEST_BYTES,
  MAX_MANIFEST_SKILLS,
  type ManifestSkill,
  type ReleaseChannel,
  type SkillScope,
  type SkillsManifest,
  type SkippedSkill,
} from "./validators.js";

export type ManifestRequest = SkillScope & {
  workspaceId?: string | undefined;
  releaseChannel?: ReleaseChannel | undefined;
  nowMs?: number | undefined;
};

/**
 * The active skills that have a release on the channel, sorted by slug.
 * - Skills with a scope are only for callers that name exactly it; a caller that names none gets those without.
 * - At most MAX_MANIFEST_SKILLS, and MAX_MANIFEST_BYTES of them. The skills that exist longest have their place: a
 *   skill that is added never displaces one that workers already load.
 * - What a worker would reject (damaged, unsafe paths, version gone) or has no place is left out and in `skipped`.
 */
export async function workerManifest(
  ctx: QueryCtx,
  args: ManifestRequest,
): Promise<SkillsManifest> {
  const releaseChannel = args.releaseChannel ?? "stable";
  const skills: ManifestSkill[] = [];
  const skipped: SkippedSkill[] = [];
  let bytes = 0;
  let read = 0;
  let isFull = false;
  for (const { skill, release } of await findCandidates(ctx, args, releaseChannel)) {
    const skip = (reason: string) => skipped.push({ slug: skill.slug, reason });
    isFull ||= read === MAX_MANIFEST_SKILLS;
    if (isFull) {
      skip(FULL);
      continue;
    }
    read += 1;
    const stored = await ctx.db.get("globalSkillVersions", release.versionId);
    if (stored === null) {
      skip(`The released version of ${skill.slug} is not stored any more.`);
      continue;
    }
    bytes += bundleBytes(stored.files);
    isFull = bytes > MAX_MANIFEST_BYTES;
    const { version, moduleFormat, entryPoint, sha256, files } = stored;
    const bundle = { slug: skill.slug, version, moduleFormat, entryPoint, sha256, files };
    const fault = isFull ? FULL : await findBundleFault(bundle);
    if (fault === null) skills.push(await toManifestSkill(bundle));
    else skip(fault);
  }
  skills.sort((a, b) => compareCodeUnits(a.slug, b.slug));
  skipped.sort((a, b) => compareCodeUnits(a.slug, b.slug));
  return {
    layoutVersion: LAYOUT_VERSION,
    manifestVersion: await hashManifest(skills),
    generatedAt: args.nowMs ?? Date.now(),
    releaseChannel,
    workspaceId: args.workspaceId ?? DEFAULT_WORKSPACE_ID,
    skills,
    skipped,
  };
}

const FULL = `A manifest has place for ${MAX_MANIFEST_SKILLS} skills and ${MAX_MANIFEST_BYTES} bytes; older skills fill it.`;

/** Oldest skill first. */
async function findCandidates(
  ctx: QueryCtx,
  { agentKey, companyId }: SkillScope,
  releaseChannel: ReleaseChannel,
): Promise<{ skill: SkillRow; release: ReleaseRow }[]> {
  const scopes = withAbsent(agentKey).flatMap((agent) =>
    withAbsent(companyId).map((company) => ({ agentKey: agent, companyId: company })),
  );
  const skills = await Promise.all(
    scopes.map(async (scope) => await findActiveInScope(ctx, scope)),
  );
  const released = await Promise.all(
    skills
      .flat()
      .sort((a, b) => a._creationTime - b._creationTime)
      .map(async (skill) => {
        const release = await findActiveRelease(ctx, skill._id, releaseChannel);
        return release === null ? [] : [{ skill, release }];
      }),
  );
  return released.flat();
}

function withAbsent(key: string | undefined): (string | undefined)[] {
  return key === undefined ? [undefined] : [undefined, key];
}

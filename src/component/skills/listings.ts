/** What operators see of skills and their releases, without the bundles. */
import { refuse } from "../../shared/errors.js";
import type { Id, QueryCtx } from "../kit/functions.js";
import { bundleBytes } from "../../shared/skills/bundle.js";
import { newestFirst } from "./history.js";
import { clampLimit, cleanSlug } from "./naming.js";
import {
  findActiveRelease,
  findReleases,
  findSkill,
  findSkills,
  type ReleaseRow,
} from "./store.js";
import {
  DEFAULT_LIST_RELEASES,
  DEFAULT_LIST_SKILLS,
  MAX_LIST_RELEASES,
  MAX_LIST_SKILLS,
  MAX_LISTING_BYTES,
  RELEASE_CHANNELS,
  type ReleaseChannel,
  type ReleaseContent,
  type SkillStatus,
} from "./validators.js";

export type ReleaseView = ReleaseContent & {
  releaseId: Id<"globalSkillReleases">;
  versionId: Id<"globalSkillVersions">;
  releaseChannel: ReleaseChannel;
  activatedAt: number;
};
export type ReleaseHistoryView = ReleaseView & {
  isActive: boolean;
  activatedBy: string;
  rolledBackAt: number | null;
};
export type SkillView = {
  skillId: Id<"globalSkills">;
  slug: string;
  displayName: string;
  description?: string;
  status: SkillStatus;
  updatedAt: number;
  agentKey?: string;
  companyId?: string;
  activeRelease: ReleaseView | null;
};

/** Sorted by slug; each with what it delivers on the channel. @throws PAYLOAD_TOO_LARGE */
export async function listSkills(
  ctx: QueryCtx,
  args: { releaseChannel?: ReleaseChannel; status?: SkillStatus; limit?: number },
): Promise<SkillView[]> {
  const limit = clampLimit(args.limit, DEFAULT_LIST_SKILLS, MAX_LIST_SKILLS);
  const describe = createDescriber(ctx);
  const views: SkillView[] = [];
  for (const skill of await findSkills(ctx, args.status, limit)) {
    const release = await findActiveRelease(ctx, skill._id, args.releaseChannel ?? "stable");
    views.push({
      skillId: skill._id,
      slug: skill.slug,
      displayName: skill.displayName,
      ...(skill.description === undefined ? {} : { description: skill.description }),
      status: skill.status,
      updatedAt: skill.updatedAt,
      ...(skill.agentKey === undefined ? {} : { agentKey: skill.agentKey }),
      ...(skill.companyId === undefined ? {} : { companyId: skill.companyId }),
      activeRelease: release === null ? null : await describe(release),
    });
  }
  return views;
}

/** The releases of a skill that are kept, last activated first. @throws PAYLOAD_TOO_LARGE */
export async function listReleases(
  ctx: QueryCtx,
  args: { slug: string; releaseChannel?: ReleaseChannel; limit?: number },
): Promise<ReleaseHistoryView[]> {
  const limit = clampLimit(args.limit, DEFAULT_LIST_RELEASES, MAX_LIST_RELEASES);
  const skill = await findSkill(ctx, cleanSlug(args.slug));
  if (skill === null) return [];
  const rows: ReleaseRow[] = [];
  for (const releaseChannel of RELEASE_CHANNELS) {
    if (args.releaseChannel !== undefined && args.releaseChannel !== releaseChannel) continue;
    for (const isActive of [true, false])
      rows.push(
        ...(await findReleases(ctx, { skillId: skill._id, releaseChannel, isActive }, limit)),
      );
  }
  const describe = createDescriber(ctx);
  const views: ReleaseHistoryView[] = [];
  for (const release of newestFirst(rows).slice(0, limit)) {
    const { isActive, activatedBy, rolledBackAt = null } = release;
    const view = await describe(release);
    if (view !== null) views.push({ ...view, isActive, activatedBy, rolledBackAt });
  }
  return views;
}

/**
 * Releases of 3.x do not say which version they deliver: theirs are looked up, within the bytes that one query may
 * read. A release whose version is gone is described as null.
 */
function createDescriber(ctx: QueryCtx): (release: ReleaseRow) => Promise<ReleaseView | null> {
  let bytes = 0;
  return async (release) => {
    let content = contentOf(release);
    if (content === null) {
      if (bytes > MAX_LISTING_BYTES)
        refuse("PAYLOAD_TOO_LARGE", "Listing these skills reads too much; use a smaller limit.");
      const row = await ctx.db.get("globalSkillVersions", release.versionId);
      if (row === null) return null;
      bytes += bundleBytes(row.files);
      content = row;
    }
    const { version, sha256, moduleFormat, entryPoint } = content;
    return {
      releaseId: release._id,
      versionId: release.versionId,
      version,
      sha256,
      moduleFormat,
      entryPoint,
      releaseChannel: release.releaseChannel,
      activatedAt: release.activatedAt,
    };
  };
}

function contentOf({ version, sha256, moduleFormat, entryPoint }: ReleaseRow) {
  return version === undefined ||
    sha256 === undefined ||
    moduleFormat === undefined ||
    entryPoint === undefined
    ? null
    : { version, sha256, moduleFormat, entryPoint };
}

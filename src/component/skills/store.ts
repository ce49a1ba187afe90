/** Rows of the three skill tables. Only what reads a version reads a bundle. */
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { newestFirst } from "./history.js";
import {
  DELETE_RELEASES_BATCH,
  DELETE_VERSIONS_BATCH,
  KEPT_FORMER_RELEASES,
  MAX_ACTIVE_SKILLS_PER_SCOPE,
  PRUNE_BATCH,
  type ReleaseChannel,
  type SkillScope,
  type SkillStatus,
} from "./validators.js";

export type Reader = Pick<QueryCtx, "db">;
export type SkillRow = Doc<"globalSkills">;
export type VersionRow = Doc<"globalSkillVersions">;
export type ReleaseRow = Doc<"globalSkillReleases">;

/** More than one active release per skill and channel should not exist; if it does, this many are put right. */
const MAX_ACTIVE_RELEASES = 20;
/** Former releases that a rollback looks through, and of which the oldest are deleted. */
const HISTORY_DEPTH = KEPT_FORMER_RELEASES + PRUNE_BATCH;

// ── Skills ──────────────────────────────────────────────────────────────────

export async function findSkill(ctx: Reader, slug: string): Promise<SkillRow | null> {
  return await ctx.db
    .query("globalSkills")
    .withIndex("by_slug", (q) => q.eq("slug", slug))
    .first();
}

export async function findSkills(
  ctx: Reader,
  status: SkillStatus | undefined,
  limit: number,
): Promise<SkillRow[]> {
  const skills = ctx.db.query("globalSkills");
  return status === undefined
    ? await skills.withIndex("by_slug").take(limit)
    : await skills.withIndex("by_status_and_slug", (q) => q.eq("status", status)).take(limit);
}

/** The active skills with exactly this scope, oldest first. */
export async function findActiveInScope(
  ctx: Reader,
  { agentKey, companyId }: SkillScope,
): Promise<SkillRow[]> {
  return await ctx.db
    .query("globalSkills")
    .withIndex("by_status_and_agentKey_and_companyId", (q) =>
      q.eq("status", "active").eq("agentKey", agentKey).eq("companyId", companyId),
    )
    .take(MAX_ACTIVE_SKILLS_PER_SCOPE);
}

// ── Versions ────────────────────────────────────────────────────────────────

export async function findVersion(
  ctx: Reader,
  skillId: Id<"globalSkills">,
  version: string,
): Promise<VersionRow | null> {
  return await ctx.db
    .query("globalSkillVersions")
    .withIndex("by_skillId_and_version", (q) => q.eq("skillId", skillId).eq("version", version))
    .first();
}

// ── Releases ────────────────────────────────────────────────────────────────

export async function findActiveRelease(
  ctx: Reader,
  skillId: Id<"globalSkills">,
  releaseChannel: ReleaseChannel,
): Promise<ReleaseRow | null> {
  const [newest] = newestFirst(
    await findReleases(ctx, { skillId, releaseChannel, isActive: true }, MAX_ACTIVE_RELEASES),
  );
  return newest ?? null;
}

/** The active release and the newest former ones. */
export async function findHistory(
  ctx: Reader,
  key: { skillId: Id<"globalSkills">; releaseChannel: ReleaseChannel },
): Promise<{ active: ReleaseRow[]; former: ReleaseRow[] }> {
  return {
    active: await findReleases(ctx, { ...key, isActive: true }, MAX_ACTIVE_RELEASES),
    former: await findReleases(ctx, { ...key, isActive: false }, HISTORY_DEPTH),
  };
}

/** The newest rows first. */
export async function findReleases(
  ctx: Reader,
  key: { skillId: Id<"globalSkills">; releaseChannel: ReleaseChannel; isActive: boolean },
  limit: number,
): Promise<ReleaseRow[]> {
  return await ctx.db
    .query("globalSkillReleases")
    .withIndex("by_skillId_and_releaseChannel_and_isActive", (q) =>
      q
        .eq("skillId", key.skillId)
        .eq("releaseChannel", key.releaseChannel)
        .eq("isActive", key.isActive),
    )
    .order("desc")
    .take(limit);
}

/** Deletes former releases beyond the kept ones, a bounded number, and versions that lost their last release. */
export async function pruneReleases(
  ctx: MutationCtx,
  key: { skillId: Id<"globalSkills">; releaseChannel: ReleaseChannel },
): Promise<void> {
  const { former } = await findHistory(ctx, key);
  for (const release of newestFirst(former).slice(KEPT_FORMER_RELEASES)) {
    await ctx.db.delete("globalSkillReleases", release._id);
    const other = await ctx.db
      .query("globalSkillReleases")
      .withIndex("by_versionId", (q) => q.eq("versionId", release.versionId))
      .first();
    if (other === null && (await ctx.db.get("globalSkillVersions", release.versionId)) !== null)
      await ctx.db.delete("globalSkillVersions", release.versionId);
  }
}

// ── Deleting a skill ────────────────────────────────────────────────────────

/** Deletes releases, then versions of the skill, a bounded number; `isDone` when none is left. */
export async function deleteContents(
  ctx: MutationCtx,
  skillId: Id<"globalSkills">,
): Promise<{ deletedVersions: number; deletedReleases: number; isDone: boolean }> {
  const releases = await ctx.db
    .query("globalSkillReleases")
    .withIndex("by_skillId_and_releaseChannel_and_isActive", (q) => q.eq("skillId", skillId))
    .take(DELETE_RELEASES_BATCH);
  for (const release of releases) await ctx.db.delete("globalSkillReleases", release._id);
  const versions = await ctx.db
    .query("globalSkillVersions")
    .withIndex("by_skillId_and_version", (q) => q.eq("skillId", skillId))
    .take(DELETE_VERSIONS_BATCH);
  for (const version of versions) await ctx.db.delete("globalSkillVersions", version._id);
  return {
    deletedVersions: versions.length,
    deletedReleases: releases.length,
    isDone: releases.length < DELETE_RELEASES_BATCH && versions.length < DELETE_VERSIONS_BATCH,
  };
}

/** Global skills: code that every worker it concerns runs. Not for end users. */
import { v } from "convex/values";
import { mutation, query } from "../kit/functions.js";
import {
  deleteSkill,
  deploySkill,
  listReleases,
  listSkills,
  rollbackSkill,
  setSkillStatus,
} from "./ops.js";
import {
  activatedFields,
  deploySkillFields,
  keptReleaseFields,
  listedSkillFields,
  releaseFields,
  vReleaseChannel,
  vSkillStatus,
} from "./validators.js";

const vActivatedRelease = v.object({
  skillId: v.id("globalSkills"),
  versionId: v.id("globalSkillVersions"),
  releaseId: v.id("globalSkillReleases"),
  ...activatedFields,
});

const vRelease = v.object({
  releaseId: v.id("globalSkillReleases"),
  versionId: v.id("globalSkillVersions"),
  ...releaseFields,
});

/**
 * Stores a version of a skill and makes it the active release of a channel (default stable). The first deployment
 * creates the skill, active; later ones never enable a skill that was disabled. The same version can be deployed
 * again with the same files only. `sha256` of a file is computed when absent and checked when given. `agentKey` and
 * `companyId` restrict the skill, on every channel, to workers of that agent or company; absent leaves the
 * restriction as it is, null lifts it. The eight last former releases of a channel are kept; a version that no kept
 * release delivers is deleted.
 * @throws INVALID_ARGUMENT for a wrong slug, version, path, checksum or a version that exists with other files;
 * PAYLOAD_TOO_LARGE above 200 KB or 256 files, or when 200 skills are active in the scope. Nothing is stored then.
 */
export const deployGlobalSkill = mutation({
  args: { ...deploySkillFields, nowMs: v.optional(v.number()) },
  returns: vActivatedRelease,
  handler: async (ctx, args) => await deploySkill(ctx, args, args.nowMs ?? Date.now()),
});

/**
 * Without `version`, makes the release that was active before on the channel (default stable) active again; called
 * again, it goes back one more. With `version`, goes to that stored version, also one that was only released on the
 * other channel. When it is active already, nothing changes. A disabled skill stays disabled.
 * @throws INVALID_ARGUMENT when the skill, the version or an earlier release does not exist, or is damaged.
 */
export const rollbackGlobalSkill = mutation({
  args: {
    slug: v.string(),
    version: v.optional(v.string()),
    releaseChannel: v.optional(vReleaseChannel),
    actor: v.optional(v.string()),
    nowMs: v.optional(v.number()),
  },
  returns: vActivatedRelease,
  handler: async (ctx, args) => await rollbackSkill(ctx, args, args.nowMs ?? Date.now()),
});

/**
 * The skills sorted by slug, each with its active release on the channel (default stable) or null; `limit` is
 * 1…500, default 200.
 */
export const listGlobalSkills = query({
  args: {
    releaseChannel: v.optional(vReleaseChannel),
    status: v.optional(vSkillStatus),
    limit: v.optional(v.number()),
  },
  returns: v.array(
    v.object({
      skillId: v.id("globalSkills"),
      ...listedSkillFields,
      activeRelease: v.union(v.null(), vRelease),
    }),
  ),
  handler: async (ctx, args) => await listSkills(ctx, args),
});

/**
 * The kept releases of a skill, last activated first, of one channel or of both; `limit` is 1…100, default 20.
 * `rolledBackAt` marks what a rollback went past. Empty for an unknown skill.
 */
export const listGlobalSkillReleases = query({
  args: {
    slug: v.string(),
    releaseChannel: v.optional(vReleaseChannel),
    limit: v.optional(v.number()),
  },
  returns: v.array(
    v.object({
      ...vRelease.fields,
      ...keptReleaseFields,
    }),
  ),
  handler: async (ctx, args) => await listReleases(ctx, args),
});

/**
 * Puts a skill into or out of every manifest; its releases stay. `updated` is false for an unknown skill.
 * @throws PAYLOAD_TOO_LARGE when 200 skills are active in its scope.
 */
export const setGlobalSkillStatus = mutation({
  args: {
    slug: v.string(),
    status: vSkillStatus,
    actor: v.optional(v.string()),
    nowMs: v.optional(v.number()),
  },
  returns: v.object({ updated: v.boolean(), slug: v.string(), status: vSkillStatus }),
  handler: async (ctx, args) => await setSkillStatus(ctx, args, args.nowMs ?? Date.now()),
});

/**
 * Deletes a skill with its versions and the releases of both channels. A skill of 3.x may have more than the 20
 * versions that one call deletes: then it is disabled, `deleted` is false, and the call is to be repeated.
 */
export const deleteGlobalSkill = mutation({
  args: { slug: v.string() },
  returns: v.object({
    deleted: v.boolean(),
    slug: v.string(),
    deletedVersions: v.number(),
    deletedReleases: v.number(),
  }),
  handler: async (ctx, args) => await deleteSkill(ctx, args),
});

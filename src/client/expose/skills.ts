import { v } from "convex/values";
import {
  activatedFields,
  deploySkillFields,
  keptReleaseFields,
  listedSkillFields,
  releaseFields,
  vReleaseChannel,
  vSkillsManifest,
  vSkillStatus,
} from "../../component/skills/validators.js";
import { mutation, query, type Lib } from "../define.js";

const vActivatedRelease = v.object({
  skillId: v.string(),
  versionId: v.string(),
  releaseId: v.string(),
  ...activatedFields,
});
const vRelease = v.object({
  releaseId: v.string(),
  versionId: v.string(),
  ...releaseFields,
});

/** Global skills: code that workers run. Only for operators. */
export function exposeSkills(lib: Lib) {
  return {
    /** Stores a version and makes it the active release of a channel; a disabled skill stays disabled. */
    globalSkillsDeploy: mutation({
      sensitivity: "operator",
      args: deploySkillFields,
      returns: vActivatedRelease,
      handler: async (ctx, args) => await ctx.runMutation(lib.deployGlobalSkill, args),
    }),

    /** Goes back to the release that was active before, or to a named version. */
    globalSkillsRollback: mutation({
      sensitivity: "operator",
      args: {
        slug: v.string(),
        version: v.optional(v.string()),
        releaseChannel: v.optional(vReleaseChannel),
        actor: v.optional(v.string()),
      },
      returns: vActivatedRelease,
      handler: async (ctx, args) => await ctx.runMutation(lib.rollbackGlobalSkill, args),
    }),

    /** Skills by slug, each with its active release on the channel (default stable) or null. */
    globalSkillsList: query({
      sensitivity: "operator",
      args: {
        releaseChannel: v.optional(vReleaseChannel),
        status: v.optional(vSkillStatus),
        limit: v.optional(v.number()),
      },
      returns: v.array(
        v.object({
          skillId: v.string(),
          ...listedSkillFields,
          activeRelease: v.union(v.null(), vRelease),
        }),
      ),
      handler: async (ctx, args) => await ctx.runQuery(lib.listGlobalSkills, args),
    }),

    /** The kept releases of a skill, last activated first. */
    globalSkillsReleases: query({
      sensitivity: "operator",
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
      handler: async (ctx, args) => await ctx.runQuery(lib.listGlobalSkillReleases, args),
    }),

    /** Puts a skill into or out of every manifest. */
    globalSkillsSetStatus: mutation({
      sensitivity: "operator",
      args: { slug: v.string(), status: vSkillStatus, actor: v.optional(v.string()) },
      returns: v.object({ updated: v.boolean(), slug: v.string(), status: vSkillStatus }),
      handler: async (ctx, args) => await ctx.runMutation(lib.setGlobalSkillStatus, args),
    }),

    /** Deletes a skill with its versions and releases. */
    globalSkillsDelete: mutation({
      sensitivity: "operator",
      args: { slug: v.string() },
      returns: v.object({
        deleted: v.boolean(),
        slug: v.string(),
        deletedVersions: v.number(),
        deletedReleases: v.number(),
      }),
      handler: async (ctx, args) => await ctx.runMutation(lib.deleteGlobalSkill, args),
    }),
  };
}

/** What a worker of the direct transport loads before it starts. */
export function exposeWorkerSkills(lib: Lib) {
  return {
    /** The active skills of a channel, every file with its checksum. */
    workerGlobalSkillsManifest: query({
      sensitivity: "worker",
      args: {
        workspaceId: v.optional(v.string()),
        workerId: v.optional(v.string()),
        releaseChannel: v.optional(vReleaseChannel),
      },
      returns: vSkillsManifest,
      handler: async (ctx, args) => await ctx.runQuery(lib.getWorkerGlobalSkillsManifest, args),
    }),
  };
}

import { defineTable } from "convex/server";
import { v } from "convex/values";

const vChannel = v.union(v.literal("stable"), v.literal("canary"));

/** Global skills of 3.x: code bundles that every worker loads. */
export const skillsTables = {
  /** One per slug. */
  globalSkills: defineTable({
    slug: v.string(),
    displayName: v.string(),
    description: v.optional(v.string()),
    status: v.union(v.literal("active"), v.literal("disabled")),
    createdBy: v.string(),
    updatedBy: v.string(),
    createdAt: v.number(),
    updatedAt: v.number(),
  })
    .index("by_slug", ["slug"])
    .index("by_status", ["status"]),

  /** Immutable bundles. */
  globalSkillVersions: defineTable({
    skillId: v.id("globalSkills"),
    version: v.string(),
    moduleFormat: v.union(v.literal("esm"), v.literal("cjs")),
    entryPoint: v.string(),
    files: v.array(v.object({ path: v.string(), content: v.string(), sha256: v.string() })),
    sha256: v.string(),
    createdBy: v.string(),
    createdAt: v.number(),
  })
    .index("by_skillId_and_version", ["skillId", "version"])
    .index("by_skillId_and_createdAt", ["skillId", "createdAt"]),

  /** At most one active release per skill and channel. */
  globalSkillReleases: defineTable({
    skillId: v.id("globalSkills"),
    versionId: v.id("globalSkillVersions"),
    releaseChannel: vChannel,
    isActive: v.boolean(),
    activatedBy: v.string(),
    activatedAt: v.number(),
  })
    .index("by_skillId_and_releaseChannel_and_isActive", ["skillId", "releaseChannel", "isActive"])
    .index("by_releaseChannel_and_isActive_and_activatedAt", ["releaseChannel", "isActive", "activatedAt"]),
};

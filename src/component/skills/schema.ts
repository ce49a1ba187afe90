import { defineTable } from "convex/server";
import { v } from "convex/values";
import {
  releaseContentFields,
  scopeFields,
  vModuleFormat,
  vReleaseChannel,
  vSkillFile,
  vSkillStatus,
} from "./validators.js";

/** Global skills: written by operators, read by every worker that starts. */
export const skillsTables = {
  /** One per slug. Written by deploy, setStatus; deleted by delete. */
  globalSkills: defineTable({
    slug: v.string(),
    displayName: v.string(),
    description: v.optional(v.string()),
    status: vSkillStatus,
    createdBy: v.string(),
    updatedBy: v.string(),
    createdAt: v.number(),
    updatedAt: v.number(),
    ...scopeFields,
  })
    .index("by_slug", ["slug"])
    .index("by_status", ["status"])
    /** Listings are sorted by slug. */
    .index("by_status_and_slug", ["status", "slug"])
    /** Manifests read exactly the skills that concern the caller, oldest first. */
    .index("by_status_and_agentKey_and_companyId", ["status", "agentKey", "companyId"]),

  /** Immutable bundles. Written by deploy; deleted with their last release, or with the skill. */
  globalSkillVersions: defineTable({
    skillId: v.id("globalSkills"),
    version: v.string(),
    moduleFormat: vModuleFormat,
    entryPoint: v.string(),
    /** Sorted by path; the bundle's hash is taken in this order. */
    files: v.array(vSkillFile),
    sha256: v.string(),
    createdBy: v.string(),
    createdAt: v.number(),
  })
    .index("by_skillId_and_version", ["skillId", "version"])
    .index("by_skillId_and_createdAt", ["skillId", "createdAt"]),

  /** At most one active release per skill and channel; the former ones are what a rollback can return to. */
  globalSkillReleases: defineTable({
    skillId: v.id("globalSkills"),
    versionId: v.id("globalSkillVersions"),
    releaseChannel: vReleaseChannel,
    isActive: v.boolean(),
    activatedBy: v.string(),
    activatedAt: v.number(),
    /** Copied from the version, so that listings need not read bundles; absent in rows of 3.x. */
    version: v.optional(releaseContentFields.version),
    sha256: v.optional(releaseContentFields.sha256),
    moduleFormat: v.optional(releaseContentFields.moduleFormat),
    entryPoint: v.optional(releaseContentFields.entryPoint),
    /** Set when a rollback went past this release: the next one does not return to it by itself. */
    rolledBackAt: v.optional(v.number()),
  })
    .index("by_skillId_and_releaseChannel_and_isActive", ["skillId", "releaseChannel", "isActive"])
    .index("by_releaseChannel_and_isActive_and_activatedAt", [
      "releaseChannel",
      "isActive",
      "activatedAt",
    ])
    /** Tells whether a version still has a release. */
    .index("by_versionId", ["versionId"]),
};

/** The vocabulary of global skills: code bundles that workers load before they start. */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { LAYOUT_VERSION } from "../../shared/skills/layout.js";

export type {
  ManifestSkill,
  ModuleFormat,
  NewSkillFile,
  SkillFile,
} from "../../shared/skills/layout.js";

export const vSkillStatus = literals("active", "disabled");
export type SkillStatus = Infer<typeof vSkillStatus>;
export const vReleaseChannel = literals("stable", "canary");
export type ReleaseChannel = Infer<typeof vReleaseChannel>;
export const RELEASE_CHANNELS = ["stable", "canary"] as const satisfies ReleaseChannel[];
export const vModuleFormat = literals("esm", "cjs");

export const vSkillFile = v.object({ path: v.string(), content: v.string(), sha256: v.string() });
export const vNewSkillFile = v.object({
  path: v.string(),
  content: v.string(),
  sha256: v.optional(v.string()),
});

/** Whose workers load a skill; a field that is absent does not restrict. */
export const scopeFields = {
  agentKey: v.optional(v.string()),
  companyId: v.optional(v.string()),
};
export type SkillScope = { agentKey?: string | undefined; companyId?: string | undefined };

/** What a deployment may say; `null` lifts a restriction, absent leaves it. */
export const deploySkillFields = {
  slug: v.string(),
  displayName: v.optional(v.string()),
  description: v.optional(v.string()),
  version: v.string(),
  files: v.array(vNewSkillFile),
  entryPoint: v.optional(v.string()),
  moduleFormat: v.optional(vModuleFormat),
  releaseChannel: v.optional(vReleaseChannel),
  agentKey: v.optional(v.union(v.null(), v.string())),
  companyId: v.optional(v.union(v.null(), v.string())),
  actor: v.optional(v.string()),
};

/** What a release delivers; 3.x kept this in the version only. */
export const releaseContentFields = {
  version: v.string(),
  sha256: v.string(),
  moduleFormat: vModuleFormat,
  entryPoint: v.string(),
};

/** What a deployment or a rollback made active. */
export const activatedFields = {
  slug: v.string(),
  version: v.string(),
  sha256: v.string(),
  releaseChannel: vReleaseChannel,
};

/** A release in a list … */
export const releaseFields = {
  ...releaseContentFields,
  releaseChannel: vReleaseChannel,
  activatedAt: v.number(),
};
/** … and in the list of those that are kept. */
export const keptReleaseFields = {
  isActive: v.boolean(),
  activatedBy: v.string(),
  rolledBackAt: v.union(v.null(), v.number()),
};

export const listedSkillFields = {
  slug: v.string(),
  displayName: v.string(),
  description: v.optional(v.string()),
  status: vSkillStatus,
  updatedAt: v.number(),
  ...scopeFields,
};
export const vReleaseContent = v.object(releaseContentFields);
export type ReleaseContent = Infer<typeof vReleaseContent>;

export const vManifestSkill = v.object({
  slug: v.string(),
  version: v.string(),
  moduleFormat: vModuleFormat,
  entryPoint: v.string(),
  sha256: v.string(),
  skillDirName: v.string(),
  files: v.array(vSkillFile),
});

/** A skill that was left out, so that it does not take the others with it. */
export const vSkippedSkill = v.object({ slug: v.string(), reason: v.string() });
export type SkippedSkill = Infer<typeof vSkippedSkill>;

export const vSkillsManifest = v.object({
  layoutVersion: v.literal(LAYOUT_VERSION),
  /** Changes whenever a file of the listed skills does. */
  manifestVersion: v.string(),
  generatedAt: v.number(),
  releaseChannel: vReleaseChannel,
  workspaceId: v.string(),
  skills: v.array(vManifestSkill),
  skipped: v.array(vSkippedSkill),
});
export type SkillsManifest = Infer<typeof vSkillsManifest>;

export const DEFAULT_WORKSPACE_ID = "default";
export const DEFAULT_ENTRY_POINT = "default";
export const DEFAULT_ACTOR = "system";

// ── Limits ──────────────────────────────────────────────────────────────────

/** Characters of displayName, description, entryPoint, version, actor and scope keys. */
export const MAX_TEXT_LENGTH = 2_000;

/** Bundles that one manifest reads: 40 of 200 KB are 8 MB, half of what a query may read and return. */
export const MAX_MANIFEST_SKILLS = 40;
/** Paths, checksums and contents of one manifest. */
export const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;
/** Active skills of one scope; a manifest looks through four scopes and reads no bundle to do so. */
export const MAX_ACTIVE_SKILLS_PER_SCOPE = 200;

/** Former releases that stay per skill and channel; with the active ones at most 18 versions of a skill are kept. */
export const KEPT_FORMER_RELEASES = 8;
/** Older releases that one deployment or rollback deletes: 3.x kept all of them. */
export const PRUNE_BATCH = 10;
/** Versions that one deletion removes; each is read and written, 300 KB at most. */
export const DELETE_VERSIONS_BATCH = 20;
export const DELETE_RELEASES_BATCH = 500;

export const MAX_LIST_SKILLS = 500;
export const DEFAULT_LIST_SKILLS = 200;
export const MAX_LIST_RELEASES = 100;
export const DEFAULT_LIST_RELEASES = 20;
/** Bundle bytes that one listing reads, only to name the versions of releases that 3.x wrote. */
export const MAX_LISTING_BYTES = 12 * 1024 * 1024;

/** What a skill is on the way from a directory to a deployment to a worker's disk: names, shapes and limits. */

export type ModuleFormat = "esm" | "cjs";
export type SkillFile = { path: string; content: string; sha256: string };
/** A file to deploy: a missing checksum is computed, a given one must be right. */
export type NewSkillFile = { path: string; content: string; sha256?: string };

export type ManifestSkill = {
  slug: string;
  version: string;
  moduleFormat: ModuleFormat;
  entryPoint: string;
  sha256: string;
  /** The directory below the worker's skills directory. */
  skillDirName: string;
  /** The bundle in the order its hash was taken, then the marker file. */
  files: SkillFile[];
};

export const LAYOUT_VERSION = "openclaw-workspace-skill-v1";
/** Written into every skill directory: tells the worker that it may replace or remove it. */
export const MARKER_FILE = ".af-global-skill.json";
export const MANAGED_BY = "agent-factory";
export const SKILL_FILE = "SKILL.md";

/** UTF-8 bytes of the contents of one bundle. */
export const MAX_BUNDLE_BYTES = 200_000;
/** With the longest paths and the largest contents a version stays below 300 KB, far from a document's 1 MiB. */
export const MAX_BUNDLE_FILES = 256;
/** A file name on Linux has at most 255 bytes; paths of skills need no more as a whole. */
export const MAX_PATH_BYTES = 255;

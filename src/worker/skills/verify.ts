/** Whether what the gateway sent may be written: the checks of the contract, before the disk is touched. */
import { findBundleFault, sha256Hex } from "../../shared/skills/bundle.js";
import { foldPath } from "../../shared/skills/paths.js";
import {
  LAYOUT_VERSION,
  MANAGED_BY,
  MARKER_FILE,
  type ManifestSkill,
} from "../../shared/skills/layout.js";
import { hashManifest, toSkillDirName } from "../../shared/skills/manifest.js";
import type { SkillsManifest } from "../protocol.js";

export type RefusedSkill = { slug: string; reason: string };
export type Verified = { skills: ManifestSkill[]; refused: RefusedSkill[] };

/** As the component names directories: no dot, so none is hidden, and none leaves the skills directory. */
const DIR_NAME = /^[a-z0-9_-]{1,128}$/;

/**
 * The skills that may be written. A damaged one is refused alone, as are those that the component left out.
 * @throws Error when the manifest as a whole is not what it says: another layout, or another list than was hashed
 */
export async function verifyManifest(manifest: SkillsManifest): Promise<Verified> {
  const { layoutVersion, manifestVersion, skills } = manifest;
  if (layoutVersion !== LAYOUT_VERSION)
    throw new Error(`The skills manifest has the layout "${layoutVersion.slice(0, 80)}".`);
  if ((await hashManifest(skills)) !== manifestVersion)
    throw new Error("The skills manifest does not have the hash it names.");
  const verified: Verified = { skills: [], refused: [...manifest.skipped] };
  const taken = new Set<string>();
  for (const skill of skills) {
    const dir = foldPath(skill.skillDirName);
    const fault = taken.has(dir)
      ? `The directory ${skill.skillDirName} is another skill's.`
      : await findSkillFault(skill);
    if (fault === null) {
      taken.add(dir);
      verified.skills.push(skill);
    } else verified.refused.push({ slug: skill.slug, reason: fault });
  }
  return verified;
}

/** Why this skill must not be written, or null. */
export async function findSkillFault(skill: ManifestSkill): Promise<string | null> {
  const { slug, version, sha256, skillDirName, files } = skill;
  if (!DIR_NAME.test(skillDirName) || skillDirName !== toSkillDirName(slug))
    return `The directory name "${skillDirName.slice(0, 80)}" is not that of the skill.`;
  const markers = files.filter(({ path }) => path === MARKER_FILE);
  const [marker] = markers;
  if (marker === undefined || markers.length > 1) return `The skill has no ${MARKER_FILE}.`;
  if ((await sha256Hex(marker.content)) !== marker.sha256)
    return `The checksum of ${MARKER_FILE} does not match.`;
  const said = parseMarker(marker.content);
  if (said?.slug !== slug || said.version !== version || said.sha256 !== sha256)
    return `${MARKER_FILE} is about another release.`;
  return await findBundleFault({ ...skill, files: files.filter((file) => file !== marker) });
}

export type Marker = { slug: string; version: string; sha256: string };

/** What a marker file says; null unless it is one of ours. */
export function parseMarker(content: string): Marker | null {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { managedBy, slug, version, sha256 } = value as Record<string, unknown>;
  if (managedBy !== MANAGED_BY) return null;
  const texts = [slug, version, sha256].map((field) => (typeof field === "string" ? field : ""));
  return { slug: texts[0] ?? "", version: texts[1] ?? "", sha256: texts[2] ?? "" };
}

/** Makes the skills directory hold what the manifest lists. */
import { LAYOUT_VERSION, type ManifestSkill } from "../../shared/skills/layout.js";
import { toSkillDirName } from "../../shared/skills/manifest.js";
import { describe } from "../errors.js";
import type { Occupant, SkillsDirectory } from "./directory.js";
import type { RefusedSkill, Verified } from "./verify.js";

export const LOCK_FILE = ".skills.lock.json";

/** What happens to directories that agent-factory did not write: `remove` is for fleets whose skills are all deployed. */
export type UnmanagedPolicy = "keep" | "remove";

export type SkillsPlan = { write: ManifestSkill[]; remove: string[]; refused: RefusedSkill[] };

/** What to do, by what is there. Pure. */
export function planSkills(
  skills: readonly ManifestSkill[],
  occupants: readonly Occupant[],
  policy: UnmanagedPolicy,
): SkillsPlan {
  const mine = (isManaged: boolean) => isManaged || policy === "remove";
  const plan: SkillsPlan = { write: [], remove: [], refused: [] };
  const wanted = new Set(skills.map((skill) => skill.skillDirName));
  for (const skill of skills) {
    const there = occupants.find(({ name }) => name === skill.skillDirName);
    if (there === undefined || mine(there.isManaged)) plan.write.push(skill);
    else
      plan.refused.push({
        slug: skill.slug,
        reason: `A directory that agent-factory did not write has the name ${skill.skillDirName}.`,
      });
  }
  for (const { name, isManaged } of occupants)
    if (!wanted.has(name) && mine(isManaged)) plan.remove.push(name);
  return plan;
}

/** Writes, keeps and removes. One skill that cannot be written does not keep the others from it. */
export async function materialise(
  directory: SkillsDirectory,
  verified: Verified,
  policy: UnmanagedPolicy,
): Promise<{ loaded: ManifestSkill[]; refused: RefusedSkill[]; changed: number }> {
  const plan = planSkills(verified.skills, await directory.occupants(), policy);
  const refused = [...verified.refused, ...plan.refused];
  const loaded: ManifestSkill[] = [];
  let changed = 0;
  // A skill whose new release was refused keeps the old one: that it is damaged says nothing against it.
  const spared = new Set(verified.refused.map(({ slug }) => toSkillDirName(slug)));
  for (const name of plan.remove) {
    if (spared.has(name)) continue;
    await directory.remove(name);
    changed++;
  }
  for (const skill of plan.write)
    try {
      if (!(await directory.isIntact(skill))) {
        await directory.write(skill);
        changed++;
      }
      loaded.push(skill);
    } catch (error) {
      refused.push({ slug: skill.slug, reason: `It could not be written: ${describe(error)}` });
    }
  return { loaded, refused, changed };
}

/** The lock file: what is loaded, without times, so that it changes only with the skills. */
export function lockFileOf(manifestVersion: string, loaded: readonly ManifestSkill[]): string {
  const skills = loaded.map(
    ({ slug, version, sha256, skillDirName, moduleFormat, entryPoint }) => ({
      ...{ slug, version, sha256, skillDirName, moduleFormat, entryPoint },
    }),
  );
  return `${JSON.stringify({ layoutVersion: LAYOUT_VERSION, manifestVersion, skills }, null, 2)}\n`;
}

/**
 * The skills directory. Every change goes through a staging directory beside it, with one rename that makes it true:
 *
 *   write    new/<dir> is built, <dir> → old/<dir>, new/<dir> → <dir>, staging is cleared
 *   remove   <dir> → gone/<dir>, staging is cleared
 *
 * A process that dies between the two renames of a write leaves no <dir>, but old/<dir> whole; `recover` puts it back.
 * It runs before anything else at every start, so whoever starts after a crash finds the old skill or the new one.
 */
import { dirname, join } from "node:path";
import { MARKER_FILE, type ManifestSkill } from "../../shared/skills/layout.js";
import type { Disk } from "./disk.js";
import { parseMarker } from "./verify.js";

/** In the workspace, on the same file system as the skills, but no skill to anyone who looks for some. */
const STAGING_SUFFIX = ".af-staging";

export type Occupant = { name: string; isManaged: boolean };

export function createSkillsDirectory(disk: Disk, skillsDir: string) {
  const staging = `${skillsDir}${STAGING_SUFFIX}`;
  const place = (name: string) => join(skillsDir, name);

  const recover = async (): Promise<void> => {
    // A link in its place would lead elsewhere.
    if ((await disk.kind(staging)) === "directory")
      for (const name of await disk.list(join(staging, "old")))
        if ((await disk.kind(place(name))) === null)
          await disk.rename(join(staging, "old", name), place(name));
    await disk.remove(staging);
  };

  /** A failed change is undone at once: the next one clears the staging directory. */
  const change = async (steps: () => Promise<void>): Promise<void> => {
    try {
      await steps();
    } catch (error) {
      await recover();
      throw error;
    }
    await disk.remove(staging);
  };

  const isIntact = async (skill: ManifestSkill): Promise<boolean> => {
    const expected = new Map(skill.files.map(({ path, content }) => [path, content]));
    const root = place(skill.skillDirName);
    const visit = async (path: string): Promise<boolean> => {
      const kind = await disk.kind(join(root, path));
      if (kind === "file") return expected.has(path);
      if (kind !== "directory") return false;
      for (const name of await disk.list(join(root, path)))
        if (!(await visit(path === "" ? name : `${path}/${name}`))) return false;
      return true;
    };
    if (!(await visit(""))) return false;
    for (const [path, content] of expected)
      if ((await disk.read(join(root, path))) !== content) return false;
    return true;
  };

  return {
    /** Undoes what a crash left half done. */
    recover,

    /** @throws Error when something else than a directory is in its place */
    check: async (): Promise<void> => {
      const kind = await disk.kind(skillsDir);
      if (kind !== null && kind !== "directory")
        throw new Error("The skills directory is a link or a file.");
    },

    /** The directories (and links) that may be skills; hidden ones and files are none. */
    occupants: async (): Promise<Occupant[]> => {
      const found: Occupant[] = [];
      for (const name of await disk.list(skillsDir)) {
        const kind = await disk.kind(place(name));
        if (name.startsWith(".") || kind === null || kind === "file") continue;
        const marker =
          kind === "directory" && (await disk.kind(join(place(name), MARKER_FILE))) === "file"
            ? await disk.read(join(place(name), MARKER_FILE))
            : null;
        found.push({ name, isManaged: marker !== null && parseMarker(marker) !== null });
      }
      return found;
    },

    isIntact,

    /** Puts the skill in place of whatever has its name. */
    write: async (skill: ManifestSkill): Promise<void> =>
      await change(async () => {
        const name = skill.skillDirName;
        const fresh = join(staging, "new", name);
        for (const { path, content } of skill.files) {
          await disk.makeDirectory(dirname(join(fresh, path)));
          await disk.write(join(fresh, path), content);
        }
        await disk.makeDirectory(skillsDir);
        if ((await disk.kind(place(name))) !== null) {
          await disk.makeDirectory(join(staging, "old"));
          await disk.rename(place(name), join(staging, "old", name));
        }
        await disk.rename(fresh, place(name));
      }),

    remove: async (name: string): Promise<void> =>
      await change(async () => {
        await disk.makeDirectory(join(staging, "gone"));
        await disk.rename(place(name), join(staging, "gone", name));
      }),

    /** Replaces a small file of the directory, unless it says the same already. */
    writeFile: async (name: string, content: string): Promise<void> => {
      if ((await disk.read(place(name))) === content) return;
      await change(async () => {
        await disk.makeDirectory(skillsDir);
        await disk.makeDirectory(staging);
        await disk.write(join(staging, name), content);
        await disk.rename(join(staging, name), place(name));
      });
    },
  };
}
export type SkillsDirectory = ReturnType<typeof createSkillsDirectory>;

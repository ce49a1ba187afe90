import fc from "fast-check";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MARKER_FILE } from "../../shared/skills/layout.js";
import { createSkillsDirectory } from "./directory.js";
import { nodeDisk } from "./disk.js";
import { forged, tempDir } from "./skills.fixture.js";
import { findSkillFault } from "./verify.js";

const PATHS = 5_000;
const PATHS_PER_SKILL = 4;

const name = fc.constantFrom(
  ...["a", "A", "b", "é", "e\u0301", "ß", "ss", "K", "\u212a", "SKILL.md", "skill.md", "scripts"],
  ...[".", "..", "...", "", " ", "a.", "a ", ".hidden", "C:", "c:x", "nul\0", "x\u200b", "\n"],
  ...[MARKER_FILE, ".AF-global-skill.json", "~", "%2e%2e", "..%2f", "a\\..\\b", "\ud800"],
);
const path = fc.oneof(
  { weight: 5, arbitrary: fc.array(name, { minLength: 1, maxLength: 4 }).map((n) => n.join("/")) },
  { weight: 1, arbitrary: fc.array(name, { maxLength: 4 }).map((n) => `/${n.join("\\")}`) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
  { weight: 3, arbitrary: fc.stringMatching(/^[a-c]{1,2}(\/[a-cA-C]{1,2}){0,2}$/) },
);

async function fileNames(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
}

/** What a file system takes for one that ignores case and normal forms. */
const onDisk = (text: string) => text.normalize("NFKD").toLowerCase().replaceAll("ß", "ss");

test("5,000 random paths: nothing outside of the skills directory, no two entries that collide on disk", async () => {
  const temp = await tempDir();
  let accepted = 0;
  let refused = 0;
  try {
    await mkdir(join(temp.root, "outside"), { recursive: true });
    await writeFile(join(temp.root, "outside", "precious"), "mine");
    const dir = join(temp.root, "workspace", "skills");
    const directory = createSkillsDirectory(nodeDisk, dir);
    const paths = fc.array(path, { minLength: PATHS_PER_SKILL, maxLength: PATHS_PER_SKILL });
    await fc.assert(
      fc.asyncProperty(paths, async (extra) => {
        const skill = await forged("fuzzed", extra);
        if ((await findSkillFault(skill)) !== null) {
          refused++;
          return;
        }
        accepted++;
        await directory.write(skill);
        const written = await fileNames(temp.root);
        const outside = written.filter((file) => !file.startsWith("workspace/skills/fuzzed/"));
        expect(outside).toEqual(["outside/precious"]);
        // One file per entry, and every directory and file has a name of its own on any disk.
        expect(written).toHaveLength(skill.files.length + 1);
        const spellings = new Map<string, string>();
        for (const file of skill.files)
          file.path.split("/").forEach((_, i, parts) => {
            const spelling = parts.slice(0, i + 1).join("/");
            const other = spellings.get(onDisk(spelling)) ?? spelling;
            expect(other).toBe(spelling);
            spellings.set(onDisk(spelling), spelling);
          });
      }),
      { numRuns: PATHS / PATHS_PER_SKILL, seed: 5_000 },
    );
  } finally {
    await temp.dispose();
  }
  // The fuzz bites on both sides.
  expect(accepted).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(500);
});

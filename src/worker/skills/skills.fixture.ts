/** Skills as the component serves them, and a disk that can die. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashBundle, sealBundle, sha256Hex } from "../../shared/skills/bundle.js";
import { LAYOUT_VERSION, type ManifestSkill, type SkillFile } from "../../shared/skills/layout.js";
import { hashManifest, toManifestSkill } from "../../shared/skills/manifest.js";
import type { Disk } from "./disk.js";
import { nodeDisk } from "./disk.js";

export async function skill(
  slug: string,
  version = "1.0.0",
  more: { path: string; content: string }[] = [],
): Promise<ManifestSkill> {
  const bundle = await sealBundle(
    [
      { path: "SKILL.md", content: `# ${slug} ${version}\n` },
      { path: "scripts/index.mjs", content: `export default "${version}";\n` },
      ...more,
    ],
    "esm",
  );
  return await toManifestSkill({
    ...{ slug, version, moduleFormat: "esm", entryPoint: "default", ...bundle },
  });
}

/** A release with these files, with right hashes whatever the paths are: what a foreign component could serve. */
export async function forged(slug: string, paths: readonly string[]): Promise<ManifestSkill> {
  const good = await skill(slug);
  const extra = await Promise.all(
    paths.map(async (path, i): Promise<SkillFile> => {
      const content = `file ${i}`;
      return { path, content, sha256: await sha256Hex(content) };
    }),
  );
  const files = [...good.files.slice(0, -1), ...extra];
  const sha256 = await hashBundle(files);
  return await toManifestSkill({ ...good, files, sha256 });
}

export async function manifest(skills: ManifestSkill[]) {
  const manifestVersion = await hashManifest(skills);
  return { layoutVersion: LAYOUT_VERSION, manifestVersion, skills, skipped: [] };
}

export async function tempDir() {
  const root = await mkdtemp(join(tmpdir(), "afw-skills-"));
  return { root, dispose: () => rm(root, { recursive: true, force: true }) };
}

/** Path to content of every file below `dir`, sorted. */
export async function tree(dir: string): Promise<Record<string, string>> {
  const entries = await readdir(dir, { withFileTypes: true, recursive: true }).catch(() => []);
  const files: Record<string, string> = {};
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[path.slice(dir.length + 1)] = await readFile(path, "utf8");
  }
  return Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export class Crash extends Error {}

/**
 * A disk whose process dies in its nth change: `after` the change, or in the middle of it where there is one (half a
 * file is written, one of many files is removed). After that nothing changes any more.
 */
export function dyingDisk(at: number, how: "after" | "middle"): Disk & { changes(): number } {
  let changes = 0;
  const change = async (whole: () => Promise<void>, half: () => Promise<void>) => {
    if (changes >= at) throw new Crash();
    changes++;
    if (changes < at) return await whole();
    await (how === "after" ? whole() : half());
    throw new Crash();
  };
  const nothing = () => Promise.resolve();
  return {
    ...nodeDisk,
    changes: () => changes,
    makeDirectory: (path) => change(() => nodeDisk.makeDirectory(path), nothing),
    write: (path, content) =>
      change(
        () => nodeDisk.write(path, content),
        () => nodeDisk.write(path, content.slice(0, content.length / 2)),
      ),
    rename: (from, to) => change(() => nodeDisk.rename(from, to), nothing),
    remove: (path) =>
      change(
        () => nodeDisk.remove(path),
        async () => {
          const [first] = Object.keys(await tree(path));
          if (first !== undefined) await nodeDisk.remove(join(path, first));
        },
      ),
  };
}

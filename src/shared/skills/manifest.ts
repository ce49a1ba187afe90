/** The manifest as workers verify it: file lists, hashes and names are an interface, byte for byte. */
import { compareCodeUnits, sha256Hex } from "./bundle.js";
import { MANAGED_BY, MARKER_FILE, type ManifestSkill, type SkillFile } from "./layout.js";

/** Hashed in place of the skills when there are none. */
const EMPTY_MANIFEST = "empty";

type Release = Omit<ManifestSkill, "skillDirName">;

export async function toManifestSkill(release: Release): Promise<ManifestSkill> {
  return {
    ...release,
    skillDirName: toSkillDirName(release.slug),
    files: [...release.files, await markerFile(release)],
  };
}

export function toSkillDirName(slug: string): string {
  return slug.toLowerCase().replace(/[^a-z0-9-_]/g, "-");
}

/** Tells the worker which release a directory holds; generated, so a bundle cannot carry its own. */
async function markerFile({
  slug,
  version,
  sha256,
  entryPoint,
  moduleFormat,
}: Release): Promise<SkillFile> {
  const marker = { slug, version, sha256, managedBy: MANAGED_BY, entryPoint, moduleFormat };
  const content = `${JSON.stringify(marker, null, 2)}\n`;
  return { path: MARKER_FILE, content, sha256: await sha256Hex(content) };
}

/** One hash over everything that is delivered; `skills` in the order of the manifest. */
export async function hashManifest(skills: readonly ManifestSkill[]): Promise<string> {
  const lines = skills.map(({ slug, version, sha256, files }) => {
    const sums = files
      .filter(({ path }) => path !== MARKER_FILE)
      .map((file) => `${file.path}:${file.sha256}`)
      .sort(compareCodeUnits);
    return `${slug}@${version}:${sha256}:${sums.join(",")}`;
  });
  return await sha256Hex(lines.length === 0 ? EMPTY_MANIFEST : lines.join("|"));
}

/** Bundles: what may be deployed, how it is hashed, and whether a stored one is still what was deployed. */
import { refuse } from "../errors.js";
import { createPathRegister, normalisePath, usesMarkerName, utf8Length } from "./paths.js";
import {
  MARKER_FILE,
  MAX_BUNDLE_BYTES,
  MAX_BUNDLE_FILES,
  SKILL_FILE,
  type ModuleFormat,
  type NewSkillFile,
  type SkillFile,
} from "./layout.js";

export type Bundle = { files: SkillFile[]; sha256: string };

/** How much of a refused path its error repeats. */
const QUOTED_LENGTH = 200;
const LONE_SURROGATE = /\p{Cs}/u;

/** By UTF-16 code unit: the same on every machine, unlike a sort by locale. */
export function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** SHA-256 of the text's UTF-8 bytes, lower-case hex. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The hash that workers recompute over the files as they receive them, so the order of `files` counts. */
export async function hashBundle(files: readonly SkillFile[]): Promise<string> {
  const blocks = files.map(({ path, sha256, content }) => `${path}\n${sha256}\n${content}`);
  return await sha256Hex(blocks.join("\n---\n"));
}

export function entryFile(moduleFormat: ModuleFormat): string {
  return moduleFormat === "cjs" ? "scripts/index.cjs" : "scripts/index.mjs";
}

/**
 * Checks the files one by one and returns them normalised, checksummed and sorted by path, with the bundle's hash.
 * @throws INVALID_ARGUMENT or PAYLOAD_TOO_LARGE naming the first file that is wrong
 */
export async function sealBundle(
  given: readonly NewSkillFile[],
  moduleFormat: ModuleFormat,
): Promise<Bundle> {
  if (given.length === 0)
    refuse("INVALID_ARGUMENT", "Global skill bundle must contain at least one file.");
  if (given.length > MAX_BUNDLE_FILES)
    refuse("PAYLOAD_TOO_LARGE", `Global skill bundle has more than ${MAX_BUNDLE_FILES} files.`);
  const register = createPathRegister();
  const files: SkillFile[] = [];
  let bytes = 0;
  for (const file of given) {
    const path = acceptPath(file.path, register);
    bytes += utf8Length(file.content);
    if (bytes > MAX_BUNDLE_BYTES)
      refuse("PAYLOAD_TOO_LARGE", "Global skill bundle too large (max 200KB).");
    files.push({ path, content: file.content, sha256: await checksum(path, file) });
  }
  for (const required of [SKILL_FILE, entryFile(moduleFormat)])
    if (!files.some(({ path }) => path === required))
      refuse("INVALID_ARGUMENT", `Global skill bundle must include ${required}.`);
  files.sort((a, b) => compareCodeUnits(a.path, b.path));
  return { files, sha256: await hashBundle(files) };
}

function acceptPath(value: string, register: ReturnType<typeof createPathRegister>): string {
  const path = normalisePath(value);
  if (path === null)
    refuse("INVALID_ARGUMENT", `invalid_relative_path:${value.slice(0, QUOTED_LENGTH)}`);
  if (usesMarkerName(path))
    refuse("INVALID_ARGUMENT", `Bundle files must not include ${MARKER_FILE}.`);
  const clash = register(path);
  if (clash?.kind === "duplicate")
    refuse("INVALID_ARGUMENT", `Duplicate bundle file path: ${path}`);
  if (clash?.kind === "clash")
    refuse("INVALID_ARGUMENT", `Bundle file path ${path} clashes with ${clash.other}.`);
  return path;
}

async function checksum(path: string, { content, sha256 }: NewSkillFile): Promise<string> {
  if (LONE_SURROGATE.test(content))
    refuse("INVALID_ARGUMENT", `The content of ${path} is not valid Unicode text.`);
  const expected = sha256?.trim().toLowerCase();
  if (expected === "") refuse("INVALID_ARGUMENT", `Missing bundle checksum for ${path}.`);
  const actual = await sha256Hex(content);
  if (expected !== undefined && expected !== actual)
    refuse("INVALID_ARGUMENT", `Global skill checksum mismatch for ${path}.`);
  return actual;
}

/** The same paths with the same contents, in any order: 3.x sorted its files differently. */
export function hasSameFiles(a: readonly SkillFile[], b: readonly SkillFile[]): boolean {
  const contents = new Map(b.map((file) => [file.path, file.content]));
  return a.length === b.length && a.every((file) => contents.get(file.path) === file.content);
}

/** Why a worker would reject this stored bundle, or null. One rejected bundle would cost it all of its skills. */
export async function findBundleFault(stored: {
  slug: string;
  version: string;
  moduleFormat: ModuleFormat;
  files: readonly SkillFile[];
  sha256: string;
}): Promise<string | null> {
  const register = createPathRegister();
  for (const { path } of stored.files)
    if (normalisePath(path) !== path || usesMarkerName(path) || register(path) !== null)
      return `invalid_relative_path:${path.slice(0, QUOTED_LENGTH)}`;
  for (const required of [SKILL_FILE, entryFile(stored.moduleFormat)])
    if (!stored.files.some(({ path }) => path === required))
      return `Global skill bundle must include ${required}.`;
  const sums = await Promise.all(stored.files.map(async ({ content }) => await sha256Hex(content)));
  const isIntact =
    stored.files.every(({ sha256 }, index) => sha256 === sums[index]) &&
    (await hashBundle(stored.files)) === stored.sha256;
  return isIntact
    ? null
    : `Global skill bundle checksum mismatch for ${stored.slug}@${stored.version}.`;
}

/** What a bundle weighs in a manifest. */
export function bundleBytes(files: readonly SkillFile[]): number {
  return files.reduce(
    (sum, { path, content, sha256 }) =>
      sum + utf8Length(path) + utf8Length(content) + sha256.length,
    0,
  );
}

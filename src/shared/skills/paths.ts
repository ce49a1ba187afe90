/**
 * Which file paths a bundle may have. What is accepted can be written below one directory on any file system,
 * case-insensitive ones included, without leaving it and without one file replacing another.
 */
import { MARKER_FILE, MAX_PATH_BYTES } from "./layout.js";

/** Control characters, invisible ones, halves of surrogate pairs, private use, line separators. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const DRIVE = /^[a-z]:/i;
/** Also covers "." and "..". Windows drops such endings, so "a." would be "a". */
const DROPPED_ENDING = /[. ]$/;

/** The path with forward slashes and no leading one, or null when a worker could not safely write it. */
export function normalisePath(value: string): string | null {
  const path = value.replaceAll("\\", "/").replace(/^\/+/, "");
  if (UNPRINTABLE.test(path) || utf8Length(path) > MAX_PATH_BYTES) return null;
  const isClean = path
    .split("/")
    .every((name) => name !== "" && !DROPPED_ENDING.test(name) && !DRIVE.test(name));
  return isClean ? path : null;
}

/** Equal for names that some file system takes for the same. */
export function foldPath(path: string): string {
  return path.normalize("NFD").toLowerCase().toUpperCase().toLowerCase().normalize("NFD");
}

/** True when a file or directory of a normalised path has the name of the marker file, in any spelling. */
export function usesMarkerName(path: string): boolean {
  return foldPath(path).split("/").includes(MARKER_FILE);
}

export type PathClash = { kind: "duplicate" } | { kind: "clash"; other: string };

/** Remembers normalised paths and their directories; the function says what a further one collides with. */
export function createPathRegister(): (path: string) => PathClash | null {
  const entries = new Map<string, { spelling: string; isFile: boolean }>();
  return (path) => {
    const added: [string, { spelling: string; isFile: boolean }][] = [];
    for (const spelling of withParents(path)) {
      const isFile = spelling === path;
      const key = foldPath(spelling);
      const other = entries.get(key);
      if (other === undefined) added.push([key, { spelling, isFile }]);
      else if (other.spelling !== spelling || other.isFile !== isFile)
        return { kind: "clash", other: other.spelling };
      else if (isFile) return { kind: "duplicate" };
    }
    for (const [key, entry] of added) entries.set(key, entry);
    return null;
  };
}

/** "a/b/c" → "a", "a/b", "a/b/c". */
function withParents(path: string): string[] {
  const names = path.split("/");
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}

export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** What belongs to a snapshot. */
import { createHash } from "node:crypto";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** The folders of the data directory that make up an agent's memory. */
export const SNAPSHOT_ROOTS = [".clawdbot", "workspace"] as const;

/** Rebuilt at every boot, or only true for one process. */
const EXCLUDED = [/^\.clawdbot\/(cache|tmp|logs)(\/|$)/, /^\.clawdbot\/.*\.lock$/];

export type Entry = {
  /** Relative to the data directory, with `/`. */
  path: string;
  kind: "file" | "directory";
  size: number;
  mtimeMs: number;
  mode: number;
  /** Where the content is, if not at `path` of the data directory. */
  source?: string;
};

/** Every file and directory of the memory, in a fixed order. Links, sockets and devices are left out. */
export async function listEntries(dataDir: string): Promise<Entry[]> {
  const found: Entry[] = [];
  const visit = async (path: string): Promise<void> => {
    if (EXCLUDED.some((pattern) => pattern.test(path))) return;
    const stat = await orGone(lstat(join(dataDir, path)));
    if (stat === null || !(stat.isFile() || stat.isDirectory())) return;
    const kind = stat.isFile() ? "file" : "directory";
    const size = stat.isFile() ? stat.size : 0;
    found.push({ path, kind, size, mtimeMs: stat.mtimeMs, mode: stat.mode & 0o777 });
    if (kind === "file") return;
    for (const name of (await orGone(readdir(join(dataDir, path)))) ?? [])
      await visit(`${path}/${name}`);
  };
  for (const root of SNAPSHOT_ROOTS) await visit(root);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Changes when any file's path, size or time does. Directory times are noise: they move without content. */
export function fingerprint(entries: readonly Entry[]): string {
  const hash = createHash("sha1");
  for (const { path, kind, size, mtimeMs } of entries) {
    hash.update(kind === "file" ? `${path}\0${size}\0${mtimeMs}\n` : `${path}\0/\n`);
  }
  return hash.digest("hex");
}

/** True when there is no file in it: then a restore overwrites nothing. */
export function isEmpty(entries: readonly Entry[]): boolean {
  return entries.every((entry) => entry.kind === "directory");
}

/** null when it vanished between listing and looking. */
export async function orGone<T>(operation: Promise<T>): Promise<T | null> {
  try {
    return await operation;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

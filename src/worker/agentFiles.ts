/** Files where an agent may write. It may run beside us, as another user, and put a link or a pipe where a file was. */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, readlink, realpath, rename, rm, type FileHandle } from "node:fs/promises";
import { sep } from "node:path";

export type Owner = { uid: number; gid: number };

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/**
 * Opens the regular file at `path`; null when it is none, or lies below none of `roots`. What was opened is judged, not
 * what is at the path: a link is not followed, a pipe does not block, and a folder that became a link leads nowhere.
 * `roots` are real paths.
 * @throws when the file is not there, or may not be read
 */
export async function openInside(
  roots: readonly string[],
  path: string,
): Promise<FileHandle | null> {
  const file = await open(path, FLAGS).catch((error: unknown) => {
    // A link, or a socket.
    if (error instanceof Error && "code" in error && ["ELOOP", "ENXIO"].includes(`${error.code}`))
      return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const where = (await file.stat()).isFile() ? await pathOf(file, path) : null;
    if (where !== null && roots.some((root) => where.startsWith(root + sep))) return file;
  } catch {
    // It moved away while it was looked at.
  }
  await file.close();
  return null;
}

/** Where an open file is: by the kernel's own word on Linux, elsewhere if the path still leads to it. */
async function pathOf(file: FileHandle, path: string): Promise<string | null> {
  const told = await readlink(`/proc/self/fd/${file.fd}`).catch(() => null);
  if (told !== null) return told;
  const real = await realpath(path);
  const [opened, there] = await Promise.all([file.stat(), lstat(real)]);
  return opened.ino === there.ino && opened.dev === there.dev ? real : null;
}

/** Puts a file (0600) in the place of whatever is at `path`: a link there is replaced, never followed. */
export async function replaceFile(
  path: string,
  content: string,
  owner: Owner | null,
): Promise<void> {
  const fresh = `${path}.${randomBytes(12).toString("hex")}`;
  const file = await open(fresh, NEW_FILE, 0o600);
  try {
    await file.writeFile(content);
    if (owner !== null) await file.chown(owner.uid, owner.gid);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

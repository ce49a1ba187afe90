import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openInside } from "./agentFiles.js";
import { listEntries } from "./snapshot/entries.js";
import { packArchive } from "./snapshot/pack.js";
import { openMedia } from "./delivery/media.js";

let base: string;
let data: string;
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), "open-file-")));
  data = join(base, "data");
  await mkdir(join(data, "workspace/notes"), { recursive: true });
  await mkdir(join(base, "outside"));
  await writeFile(join(base, "outside/secret.txt"), "SECRET-OUTSIDE");
  await writeFile(join(data, "workspace/notes/a.txt"), "inside");
});
afterEach(async () => await rm(base, { recursive: true }));

async function read(path: string): Promise<string | null> {
  const file = await openInside([data], path);
  if (file === null) return null;
  try {
    return (await file.readFile()).toString();
  } finally {
    await file.close();
  }
}

test("a file below the root is opened, one beside it is not", async () => {
  expect(await read(join(data, "workspace/notes/a.txt"))).toBe("inside");
  expect(await read(join(base, "outside/secret.txt"))).toBeNull();
  await expect(read(join(data, "workspace/none.txt"))).rejects.toThrow("ENOENT");
});

test("neither a link nor a folder that became one leads outside", async () => {
  await symlink(join(base, "outside/secret.txt"), join(data, "workspace/link.txt"));
  expect(await read(join(data, "workspace/link.txt"))).toBeNull();
  await symlink(join(base, "outside"), join(data, "workspace/folder"));
  expect(await read(join(data, "workspace/folder/secret.txt"))).toBeNull();
});

test("a pipe, a folder and a device are no files, and opening them does not hang", async () => {
  const pipe = join(data, "workspace/pic.png");
  expect(spawnSync("mkfifo", [pipe]).status).toBe(0);
  expect(await read(pipe)).toBeNull();
  expect(await read(join(data, "workspace/notes"))).toBeNull();
  await expect(openMedia("pic.png", data)).rejects.toThrow("it is not a file");
});

test("an archive holds nothing of a file that became a link after it was listed, or whose folder did", async () => {
  await mkdir(join(data, "workspace/swapped"));
  await writeFile(join(data, "workspace/swapped/secret.txt"), "harmless");
  await writeFile(join(data, "workspace/secret.txt"), "harmless");
  const entries = await listEntries(data);
  await rm(join(data, "workspace/secret.txt"));
  await symlink(join(base, "outside/secret.txt"), join(data, "workspace/secret.txt"));
  await rename(join(data, "workspace/swapped"), join(base, "was"));
  await symlink(join(base, "outside"), join(data, "workspace/swapped"));
  const archive = join(base, "archive.tgz");
  expect(await packArchive(data, entries, archive)).toMatchObject({ files: 1 });
  const { stdout } = spawnSync("tar", ["-xzOf", archive]);
  expect(stdout.toString()).toBe("inside");
});

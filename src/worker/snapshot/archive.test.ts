import fc from "fast-check";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fingerprint, isEmpty, listEntries } from "./entries.js";
import { packArchive } from "./pack.js";
import { encodeHeader, END_OF_ARCHIVE, padding, type TarHeader } from "./tar.js";
import { unpackArchive } from "./unpack.js";

let base: string;
let data: string;
let target: string;
let file: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "afw-archive-"));
  [data, target, file] = [join(base, "data"), join(base, "target"), join(base, "a.tar.gz")];
  await mkdir(data);
  await mkdir(target);
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function write(path: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(join(data, path)), { recursive: true });
  await writeFile(join(data, path), content);
}

async function roundTrip() {
  const archive = await packArchive(data, await listEntries(data), file);
  return { archive, result: await unpackArchive(file, target) };
}

/** path → content of every file below a directory. */
async function contents(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await listEntries(dir)) {
    if (entry.kind === "file") {
      found[entry.path] = await readFile(join(dir, entry.path), "latin1");
    }
  }
  return found;
}

describe("a round trip", () => {
  test("brings back names, contents, modes, times and empty folders", async () => {
    const long = `workspace/${"directory-with-a-long-name/".repeat(8)}${"f".repeat(120)}.txt`;
    await write(long, "long");
    await write("workspace/ünïcode 😀/日本.md", "unicode");
    await write("workspace/empty.txt", "");
    await write("workspace/run.sh", "#!/bin/sh");
    await chmod(join(data, "workspace/run.sh"), 0o755);
    await write(".clawdbot/agents/main/agent.sqlite", Buffer.alloc(100_000, 7));
    await write("workspace/large.bin", Buffer.alloc(5 * 1024 * 1024 + 3, "xyz"));
    await mkdir(join(data, "workspace/empty-folder"));
    const { archive, result } = await roundTrip();
    expect(await contents(target)).toEqual(await contents(data));
    expect(result).toEqual({ files: 6, passedOver: 0 });
    const bytes = await readFile(file);
    expect(archive).toEqual({
      sha256: createHash("sha256").update(bytes).digest("hex"),
      sizeBytes: bytes.length,
      files: 6,
    });
    expect((await stat(join(target, "workspace/run.sh"))).mode & 0o777).toBe(0o755);
    expect((await stat(join(target, "workspace/empty-folder"))).isDirectory()).toBe(true);
    const seconds = async (dir: string) =>
      Math.floor((await stat(join(dir, "workspace/run.sh"))).mtimeMs / 1000);
    expect(await seconds(target)).toBe(await seconds(data));
  });

  test("is the same bytes for the same state", async () => {
    await write("workspace/b", "b");
    await write("workspace/a", "a");
    const first = await packArchive(data, await listEntries(data), file);
    const second = await packArchive(data, await listEntries(data), `${file}2`);
    expect(second).toEqual(first);
  });

  test("leaves out links, what is rebuilt at boot, and everything else in the data directory", async () => {
    await write("workspace/a", "a");
    await write("workspace/yarn.lock", "kept");
    await write(".clawdbot/cache/big", "no");
    await write(".clawdbot/logs/log", "no");
    await write(".clawdbot/gateway.lock", "no");
    await write(".agent-factory/lineage.json", "no");
    await write("lost+found/x", "no");
    await symlink("/etc/passwd", join(data, "workspace/link"));
    await symlink("/etc", join(data, "workspace/dirlink"));
    await roundTrip();
    expect(Object.keys(await contents(target))).toEqual(["workspace/a", "workspace/yarn.lock"]);
    expect(await readdir(join(target, "workspace"))).toEqual(["a", "yarn.lock"]);
  });

  test("of nothing is nothing", async () => {
    await roundTrip();
    expect(await readdir(target)).toEqual([]);
  });

  test("any tree", async () => {
    const name = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 80 })
      .filter((s) => !/[/\\\0]/.test(s) && s !== "." && s !== "..")
      .filter((s) => Buffer.byteLength(s) <= 200);
    const tree = fc.dictionary(
      fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
      fc.uint8Array({ maxLength: 2_000 }),
      { maxKeys: 8, noNullPrototype: true },
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(tree, async (files) => {
        const home = base;
        base = join(home, String(run++));
        [data, target, file] = [join(base, "d"), join(base, "t"), join(base, "a")];
        await mkdir(data, { recursive: true });
        await mkdir(target);
        for (const [path, content] of Object.entries(files)) {
          // A name that is a file and a folder cannot exist.
          await write(`workspace/${path}`, Buffer.from(content)).catch(() => undefined);
        }
        await roundTrip();
        expect(await contents(target)).toEqual(await contents(data));
        await rm(base, { recursive: true, force: true });
        base = home;
      }),
      { numRuns: 60 },
    );
  });
});

const systemTar = spawnSync("tar", ["--version"]).status === 0;
describe.skipIf(!systemTar)("together with the system's tar", () => {
  const tar = (...args: string[]) => expect(spawnSync("tar", args).status).toBe(0);
  const fill = async () => {
    await write(`workspace/${"long/".repeat(30)}${"f".repeat(120)}`, "long");
    await write("workspace/ünï", "unicode");
    await write(".clawdbot/state", Buffer.alloc(70_000, "state"));
  };

  test("reads what it writes, links aside", async () => {
    await fill();
    await symlink("/etc/passwd", join(data, "workspace/link"));
    tar("-czf", file, "-C", data, ".clawdbot", "workspace");
    expect(await unpackArchive(file, target)).toEqual({ files: 3, passedOver: 1 });
    expect(await contents(target)).toEqual(await contents(data));
  });

  test("writes what it reads", async () => {
    await fill();
    await packArchive(data, await listEntries(data), file);
    tar("-xzf", file, "-C", target);
    expect(await contents(target)).toEqual(await contents(data));
  });
});

describe("a directory in use", () => {
  test("files that vanish, grow and shrink between listing and reading do no harm", async () => {
    await write("workspace/gone", "gone");
    await write("workspace/grown", "12");
    await write("workspace/shrunk", "123456");
    await write("workspace/stays", "stays");
    const entries = await listEntries(data);
    await rm(join(data, "workspace/gone"));
    await appendFile(join(data, "workspace/grown"), "3456");
    await writeFile(join(data, "workspace/shrunk"), "1");
    await packArchive(data, entries, file);
    await unpackArchive(file, target);
    expect(await contents(target)).toEqual({
      "workspace/grown": "123456",
      "workspace/shrunk": "1",
      "workspace/stays": "stays",
    });
  });

  test("files that are written all the time still make a readable archive", async () => {
    await write("workspace/log", "x");
    await write("workspace/large", Buffer.alloc(6 * 1024 * 1024));
    let busy = true;
    const writing = (async () => {
      while (busy) {
        await appendFile(join(data, "workspace/log"), "x".repeat(1_000));
        await appendFile(join(data, "workspace/large"), "y".repeat(1_000));
      }
    })();
    for (let i = 0; i < 5; i++) await packArchive(data, await listEntries(data), file);
    busy = false;
    await writing;
    expect((await unpackArchive(file, target)).files).toBe(2);
  });

  test("the fingerprint notices content, names and removals, and nothing else", async () => {
    const print = async () => fingerprint(await listEntries(data));
    const seen = new Set([await print()]);
    const changed = async (change: () => Promise<unknown>) => {
      await change();
      const now = await print();
      expect(seen.has(now)).toBe(false);
      seen.add(now);
      expect(await print()).toBe(now);
    };
    await changed(() => write("workspace/a", "a"));
    await changed(() => write("workspace/a", "ab"));
    await changed(() => write("workspace/b", ""));
    const withB = await print();
    await rm(join(data, "workspace/b"));
    expect(await print()).not.toBe(withB);
    await changed(() => mkdir(join(data, ".clawdbot")));
    const before = await print();
    await write(".clawdbot/cache/x", "x");
    await write("other", "x");
    expect(await print()).toBe(before);
    expect(isEmpty(await listEntries(data))).toBe(false);
    await rm(join(data, "workspace/a"));
    expect(isEmpty(await listEntries(data))).toBe(true);
  });
});

describe("an archive that means harm", () => {
  const entry = (path: string, more: Partial<TarHeader> = {}, content = "evil") => {
    const body = Buffer.from(content);
    const header = { path, type: "0", size: body.length, mode: 0o644, mtimeMs: 0, ...more };
    return Buffer.concat([encodeHeader(header), body, padding(body.length)]);
  };
  const unpack = async (...blocks: Buffer[]) => {
    await writeFile(file, gzipSync(Buffer.concat([...blocks, END_OF_ARCHIVE])));
    return unpackArchive(file, target);
  };
  const link = (path: string, to: string, type: "1" | "2") => {
    const header = encodeHeader({ path, type, size: 0, mode: 0o777, mtimeMs: 0 });
    header.write(to, 157, "latin1");
    header.write("        ", 148, "latin1");
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    return header;
  };

  afterEach(async () => {
    // Whatever happened: nothing outside of the target.
    expect((await readdir(base)).sort()).toEqual(["a.tar.gz", "data", "target"]);
    const top = await readdir(target);
    expect(top.filter((name) => name !== "workspace" && name !== ".clawdbot")).toEqual([]);
  });

  test.each([
    "/workspace/x",
    "../x",
    "workspace/../../x",
    "workspace/..",
    "workspace/a/../../../x",
    "./../x",
    "..\\x",
    "x",
    ".agent-factory/lineage.json",
    ".",
    "",
    `workspace/${"a/".repeat(100)}../../x`,
  ])("path %j is refused", async (path) => {
    await expect(unpack(entry(path))).rejects.toThrow(/path/);
    await expect(unpack(entry(path, { type: "5", size: 0 }, ""))).rejects.toThrow(/path/);
  });

  test("a path in a pax header or a GNU long name is checked all the same", async () => {
    const pax = (text: string) => entry("pax", { type: "x", size: text.length }, text);
    await expect(unpack(pax("16 path=../evil\n"), entry("workspace/x"))).rejects.toThrow(/path/);
    const gnu = entry("././@LongLink", { type: "L", size: 8 }, "../evil\0");
    await expect(unpack(gnu, entry("workspace/x"))).rejects.toThrow(/path/);
  });

  test.each(["1", "2"] as const)(
    "links of type %s are not made, nor written through",
    async (type) => {
      const result = await unpack(
        link("workspace/out", base, type),
        entry("workspace/out/file"),
        link("workspace/passwd", "/etc/passwd", type),
      );
      expect(result).toEqual({ files: 1, passedOver: 2 });
      expect(await readdir(join(target, "workspace"))).toEqual(["out"]);
      expect((await stat(join(target, "workspace/out"))).isDirectory()).toBe(true);
    },
  );

  test("devices and pipes are passed over", async () => {
    const odd = ["3", "4", "6"].map((type) => entry(`workspace/${type}`, { type, size: 0 }, ""));
    expect(await unpack(...odd)).toEqual({ files: 0, passedOver: 3 });
  });

  test("a file named twice is refused, not replaced", async () => {
    await expect(unpack(entry("workspace/x"), entry("workspace/x"))).rejects.toThrow(/EEXIST/);
  });

  test("setuid bits do not survive", async () => {
    await unpack(entry("workspace/x", { mode: 0o4777 }));
    expect((await stat(join(target, "workspace/x"))).mode & 0o7000).toBe(0);
  });

  test("an archive larger than allowed is refused", async () => {
    await writeFile(file, gzipSync(Buffer.concat([entry("workspace/x"), END_OF_ARCHIVE])));
    const tooLarge = unpackArchive(file, target, { maxBytes: 3, maxEntries: 10 });
    await expect(tooLarge).rejects.toThrow(/larger/);
    const tooMany = unpackArchive(file, target, { maxBytes: 10, maxEntries: 0 });
    await expect(tooMany).rejects.toThrow(/larger/);
  });

  test("a damaged archive is an error, wherever it is damaged", async () => {
    await write("workspace/a", "hello");
    await write("workspace/b", Buffer.alloc(3_000, "ab"));
    await packArchive(data, await listEntries(data), file);
    const good = await readFile(file);
    const tar = gunzipSync(good);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), async (length) => {
        await writeFile(file, good.subarray(0, length));
        await expect(unpackArchive(file, target)).rejects.toThrow();
        await rm(join(target, "workspace"), { recursive: true, force: true });
        await writeFile(
          file,
          gzipSync(tar.subarray(0, Math.floor((tar.length * length) / good.length / 2))),
        );
        await expect(unpackArchive(file, target)).rejects.toThrow();
        await rm(join(target, "workspace"), { recursive: true, force: true });
      }),
      { numRuns: 40 },
    );
  });

  test("any bytes: an error or files in the target, never a hang", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), async (bytes) => {
        await writeFile(file, gzipSync(Buffer.from(bytes)));
        await unpackArchive(file, target).catch(() => undefined);
      }),
      { numRuns: 60 },
    );
  });
});

import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sealBundle } from "../shared/skills/bundle.js";
import type { NewSkillFile } from "../shared/skills/layout.js";
import { skillBundle } from "./skillBundle.js";

let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), "af-bundle-"))));
afterEach(() => rm(root, { recursive: true, force: true }));

const GOOD = { "SKILL.md": "# Weather\n", "scripts/index.mjs": "export default 1;\n" };

async function pack(files: Record<string, string | Uint8Array>, ...args: string[]) {
  const dir = join(root, "Weather");
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
  let out = "";
  let err = "";
  const io = { out: (t: string) => void (out += t), err: (t: string) => void (err += t) };
  const code = await skillBundle([dir, "--version", "1.2.3", ...args], io);
  return { code, out, err };
}

test("prints what deployGlobalSkill takes, without hidden files and the marker", async () => {
  const hidden = { ".af-global-skill.json": "{}", ".git/config": "x", "scripts/.cache": "x" };
  const { code, out, err } = await pack({ ...GOOD, ...hidden, "assets/é.txt": "\ufeffbom" });
  expect(code).toBe(0);
  const printed = JSON.parse(out) as { files: NewSkillFile[] };
  const given = [
    ...Object.entries({ ...GOOD, "assets/é.txt": "\ufeffbom" }).map(([path, content]) => ({
      path,
      content,
    })),
  ];
  const { files, sha256 } = await sealBundle(given, "esm");
  expect(printed).toEqual({ slug: "weather", version: "1.2.3", moduleFormat: "esm", files });
  for (const path of [".af-global-skill.json", ".git", "scripts/.cache"])
    expect(err).toContain(`left out: ${path}\n`);
  expect(err).toContain(sha256);
});

test("says when a bundle is too long for the shell", async () => {
  expect((await pack(GOOD)).err).not.toContain("too many");
  const { code, err } = await pack({ ...GOOD, "assets/long.txt": "x".repeat(131_000) });
  expect(code).toBe(0);
  expect(err).toContain("too many for an argument");
});

test("a CommonJS skill, a slug and a channel", async () => {
  const files = { "SKILL.md": "x", "scripts/index.cjs": "x" };
  const { out } = await pack(files, "--slug", "other", "--channel", "canary");
  expect(JSON.parse(out)).toMatchObject({
    ...{ slug: "other", moduleFormat: "cjs", releaseChannel: "canary" },
  });
});

test("every refusal is explained, all of them at once, and nothing is printed", async () => {
  await mkdir(join(root, "Weather"));
  await symlink("/etc/passwd", join(root, "Weather", "link"));
  const { code, out, err } = await pack({
    ...GOOD,
    "skill.md": "clash",
    "ends.": "x",
    "image.png": new Uint8Array([0x89, 0x50, 0xff]),
  });
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toContain("refused: link: is a link");
  expect(err).toContain("refused: skill.md: is the same as SKILL.md");
  expect(err).toContain('refused: "ends.": some file system');
  expect(err).toContain("refused: image.png: is not UTF-8");
});

test.each([
  [{ "SKILL.md": "x" }, "must include scripts/index.mjs"],
  [{ "scripts/index.mjs": "x" }, "must include SKILL.md"],
  [{ ...GOOD, big: "x".repeat(200_001) }, "a bundle takes 200000"],
])("what the component would refuse is refused here", async (files, reason) => {
  const { code, err } = await pack(files as Record<string, string>);
  expect(code).toBe(1);
  expect(err).toContain(reason);
});

test("used wrongly, it says how to use it", async () => {
  expect(await pack(GOOD, "--channel", "beta")).toMatchObject({ code: 2, out: "" });
  expect((await pack(GOOD, "--nonsense")).err).toContain("Usage:");
  expect((await pack(GOOD, "second")).code).toBe(2);
  const { code, err } = await (async () => {
    let text = "";
    const io = { out: () => undefined, err: (t: string) => void (text += t) };
    return { code: await skillBundle([join(root, "no"), "--version", "1.0.0"], io), err: text };
  })();
  expect({ code, err: err.slice(0, 15) }).toEqual({ code: 1, err: "refused: ENOENT" });
});

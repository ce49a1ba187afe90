import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ManifestSkill } from "../../shared/skills/layout.js";
import { hashManifest } from "../../shared/skills/manifest.js";
import { virtualClock } from "../clock.fixture.js";
import { EngineBroken, FunctionRefused, TokenRefused } from "../errors.js";
import type { SkillsManifest, SkillsReport } from "../protocol.js";
import { nodeDisk } from "./disk.js";
import { loadSkills, type SkillsSettings } from "./load.js";
import { dyingDisk, forged, manifest, skill, tempDir, tree } from "./skills.fixture.js";

let temp: Awaited<ReturnType<typeof tempDir>>;
let dir: string;
beforeEach(async () => {
  temp = await tempDir();
  dir = join(temp.root, "workspace", "skills");
});
afterEach(() => temp.dispose());

async function load(
  served: SkillsManifest | Error,
  more: Partial<SkillsSettings> = {},
  disk = nodeDisk,
) {
  const logged: string[] = [];
  const reports: SkillsReport[] = [];
  const note = (event: string, fields: object = {}) =>
    void logged.push(`${event} ${JSON.stringify(fields)}`);
  const loaded = await loadSkills({
    gateway: {
      skillsManifest: () =>
        served instanceof Error ? Promise.reject(served) : Promise.resolve(served),
      reportSkills: (report) => {
        reports.push(report);
        return Promise.resolve(true);
      },
    },
    settings: {
      ...{ mode: "db_manifest", dir, releaseChannel: "stable", required: false },
      ...{ timeoutMs: 15_000, unmanaged: "keep" },
      ...more,
    },
    clock: virtualClock(),
    log: { info: note, warn: note, error: note },
    disk,
  });
  return { loaded: loaded.map((one) => `${one.slug}@${one.version}`), logged, reports };
}

const dirs = async () => [
  ...new Set(Object.keys(await tree(dir)).map((path) => path.split("/")[0])),
];

test("writes what the manifest lists, removes managed skills that left it, and says what it loaded", async () => {
  const both = await manifest([await skill("alpha"), await skill("beta")]);
  const first = await load(both);
  expect(first.loaded).toEqual(["alpha@1.0.0", "beta@1.0.0"]);
  expect(first.reports).toEqual([
    {
      manifestVersion: both.manifestVersion,
      skills: [
        { slug: "alpha", version: "1.0.0" },
        { slug: "beta", version: "1.0.0" },
      ],
      refused: [],
    },
  ]);
  const lock = JSON.parse((await nodeDisk.read(join(dir, ".skills.lock.json"))) ?? "") as object;
  expect(lock).toMatchObject({
    layoutVersion: "openclaw-workspace-skill-v1",
    manifestVersion: both.manifestVersion,
    skills: [{ slug: "alpha" }, { slug: "beta" }],
  });
  expect((await load(await manifest([await skill("beta", "2.0.0")]))).loaded).toEqual([
    "beta@2.0.0",
  ]);
  expect(await dirs()).toEqual([".skills.lock.json", "beta"]);
  expect((await tree(dir))["beta/SKILL.md"]).toBe("# beta 2.0.0\n");
});

test("what is there already is left untouched; a file that was changed or added makes the skill new", async () => {
  const same = await manifest([await skill("alpha")]);
  await load(same);
  expect((await load(same, {}, dyingDisk(1, "after"))).loaded).toEqual([]); // recovery clears the staging
  for (const path of ["alpha/SKILL.md", "alpha/scripts/extra.mjs"]) {
    await writeFile(join(dir, path), "changed by the agent");
    expect((await load(same)).logged[0]).toContain('"changed":1');
    expect((await tree(dir))["alpha/SKILL.md"]).toBe("# alpha 1.0.0\n");
    expect(Object.keys(await tree(join(dir, "alpha")))).toHaveLength(3);
  }
  expect((await load(same)).logged[0]).toContain('"changed":0');
});

test("one damaged skill never keeps the others away, and keeps its own former release", async () => {
  await load(await manifest([await skill("alpha"), await skill("broken")]));
  const broken = await skill("broken", "2.0.0");
  broken.files[0]!.content = "tampered";
  const escaping = await forged("escaping", ["../../outside"]);
  const served = await manifest([await skill("alpha", "2.0.0"), broken, escaping]);
  const { loaded, reports } = await load(served);
  expect(loaded).toEqual(["alpha@2.0.0"]);
  expect(reports[0]?.refused.map((one) => one.slug)).toEqual(["broken", "escaping"]);
  expect(reports[0]?.refused[1]?.reason).toBe("invalid_relative_path:../../outside");
  expect(reports[0]?.manifestVersion).toBe(await hashManifest([served.skills[0] as ManifestSkill]));
  expect((await tree(dir))["broken/SKILL.md"]).toBe("# broken 1.0.0\n");
  expect(await dirs()).toEqual([".skills.lock.json", "alpha", "broken"]);
});

test.each([
  ["two skills of one directory", (a: ManifestSkill) => [a, { ...a }], "another skill's"],
  ["a foreign directory", (a: ManifestSkill) => [{ ...a, skillDirName: "../x" }], "directory name"],
  [
    "a marker of another release",
    (a: ManifestSkill) => [{ ...a, version: "9.9.9" }],
    "another release",
  ],
  ["no marker", (a: ManifestSkill) => [{ ...a, files: a.files.slice(0, -1) }], "has no"],
])("%s is refused", async (_name, change, reason) => {
  const { reports } = await load(await manifest(change(await skill("alpha"))));
  expect(reports[0]?.refused.map((one) => one.reason).join()).toContain(reason);
});

test("directories that agent-factory did not write stay, unless the policy says otherwise", async () => {
  for (const name of ["own", "alpha"]) {
    await mkdir(join(dir, name), { recursive: true });
    await writeFile(join(dir, name, "SKILL.md"), "mine");
  }
  await mkdir(join(temp.root, "elsewhere"));
  await writeFile(join(temp.root, "elsewhere", "precious"), "mine");
  await symlink(join(temp.root, "elsewhere"), join(dir, "linked"));
  const served = await manifest([await skill("alpha")]);
  const kept = await load(served);
  expect(kept.loaded).toEqual([]);
  expect(kept.reports[0]?.refused[0]?.reason).toContain("did not write has the name alpha");
  expect((await tree(dir))["alpha/SKILL.md"]).toBe("mine");
  expect(await nodeDisk.kind(join(dir, "linked"))).toBe("other");
  const strict = await load(served, { unmanaged: "remove" });
  expect(strict.loaded).toEqual(["alpha@1.0.0"]);
  expect(await nodeDisk.list(dir)).toEqual([".skills.lock.json", "alpha"]);
  expect((await tree(temp.root))["elsewhere/precious"]).toBe("mine");
});

test("a manifest that is not what it says changes nothing", async () => {
  await load(await manifest([await skill("alpha")]));
  const before = await tree(dir);
  const next = await manifest([await skill("alpha", "2.0.0")]);
  for (const served of [
    { ...next, layoutVersion: "v2" },
    { ...next, manifestVersion: "0".repeat(64) },
    new FunctionRefused(404, "NOT_FOUND", "no such function"),
  ]) {
    const { loaded, logged } = await load(served);
    expect(loaded).toEqual([]);
    expect(logged.join()).toContain("skills_failed");
    expect(await tree(dir)).toEqual(before);
  }
});

test("required skills stop the worker when one is missing; a dead token always does", async () => {
  const served = await manifest([await forged("escaping", ["../x"])]);
  const required = { required: true };
  await expect(load(served, required)).rejects.toThrow(EngineBroken);
  await expect(load(new Error("unreachable"), required)).rejects.toThrow(/required.*unreachable/);
  await expect(load(new TokenRefused("dead"))).rejects.toThrow(TokenRefused);
});

test("without skills nothing is written, and mode off asks for nothing", async () => {
  expect((await load(await manifest([]))).reports).toHaveLength(1);
  expect((await load(new Error("not asked"), { mode: "off", required: true })).loaded).toEqual([]);
  expect(await nodeDisk.kind(dir)).toBeNull();
});

test("a skills directory that is a link is not followed", async () => {
  await mkdir(join(temp.root, "workspace"));
  await mkdir(join(temp.root, "elsewhere"));
  await symlink(join(temp.root, "elsewhere"), dir);
  const { logged } = await load(await manifest([await skill("alpha")]));
  expect(logged.join()).toContain("is a link");
  expect(await tree(join(temp.root, "elsewhere"))).toEqual({});
});

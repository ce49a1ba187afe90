import { describe, expect, it } from "vitest";
import {
  bundleBytes,
  findBundleFault,
  hasSameFiles,
  hashBundle,
  sealBundle,
  sha256Hex,
} from "./bundle.js";
import { hashManifest, toManifestSkill, toSkillDirName } from "./manifest.js";
import type { ModuleFormat, NewSkillFile, SkillFile } from "./layout.js";

const SKILL = { path: "SKILL.md", content: "# Weather\n\nAsk for the weather – anywhere.\n" };
const ENTRY = { path: "scripts/index.mjs", content: 'export default () => "sunny";\n' };
const ASSET = { path: "assets/Über.txt", content: "ü\r\n" };
/** Computed apart from this code, with another language's SHA-256. */
const GOLDEN = {
  skill: "c98f6da7e57b57c7f9b871c15444cb07aa690b87a8afb12e77db023ad3050f0f",
  entry: "cf9e20a17024322a0f153fde05ebff02b36a736dc573cfcba387d625a3c1ac58",
  asset: "992ec2a46da99aa00c19af2df453d0e3328a348e1011e55fe12d17b1a8e24463",
  bundle: "09d96de6e3588b06fa12dc01a64381b9c8d8818713584f3ae9eda62b4b7a674c",
  marker: "c442ab293ea11c0cb591a78d2395ccf310adf6a334364b8ec028a8cad9ebe208",
  manifest: "9f7c52812ac4ecbea97b0db32382c410d681ee1dbeaefd52bb4416467d49b9e7",
  empty: "2e1cfa82b035c26cbbbdae632cea070514eb8b773f616aaeaf668e2f0be8f10d",
};

const seal = async (files: NewSkillFile[], format: ModuleFormat = "esm") =>
  await sealBundle(files, format);
const refusal = async (files: NewSkillFile[], format?: ModuleFormat): Promise<unknown> =>
  await seal(files, format).then(
    () => "accepted",
    (error: { data: unknown }) => error.data,
  );
const invalid = (message: string) => ({ code: "INVALID_ARGUMENT", message });

/** The worker's rule, written down apart from the code under test. */
async function plainSha(text: string): Promise<string> {
  const bytes = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)),
  );
  let hex = "";
  for (const byte of bytes) hex += (byte < 16 ? "0" : "") + byte.toString(16);
  return hex;
}

describe("sealBundle", () => {
  it("sorts by code unit and hashes to the golden values, whatever the order given", async () => {
    const expected = {
      sha256: GOLDEN.bundle,
      files: [
        { ...SKILL, sha256: GOLDEN.skill },
        { ...ASSET, sha256: GOLDEN.asset },
        { ...ENTRY, sha256: GOLDEN.entry },
      ],
    };
    expect(await seal([SKILL, ENTRY, ASSET])).toEqual(expected);
    expect(await seal([ASSET, ENTRY, SKILL])).toEqual(expected);
  });

  it("agrees with the rule computed by hand", async () => {
    const { files, sha256 } = await seal([ENTRY, SKILL]);
    const text = `SKILL.md\n${await plainSha(SKILL.content)}\n${SKILL.content}\n---\nscripts/index.mjs\n${await plainSha(ENTRY.content)}\n${ENTRY.content}`;
    expect(sha256).toBe(await plainSha(text));
    expect(await Promise.all(files.map(async (file) => await plainSha(file.content)))).toEqual(
      files.map((file) => file.sha256),
    );
  });

  it("takes right checksums in any case, normalises paths", async () => {
    const { files } = await seal([
      { ...SKILL, path: "/SKILL.md", sha256: ` ${GOLDEN.skill.toUpperCase()} ` },
      { ...ENTRY, path: "scripts\\index.mjs" },
    ]);
    expect(files).toEqual([
      { ...SKILL, sha256: GOLDEN.skill },
      { ...ENTRY, sha256: GOLDEN.entry },
    ]);
  });

  it("takes exactly 200,000 bytes, not one more", async () => {
    const rest = 200_000 - bytesOf(SKILL.content) - bytesOf(ENTRY.content);
    const filler = (size: number) => ({ path: "data.txt", content: "é".repeat(size / 2) + "x" });
    expect(rest % 2).toBe(1);
    expect((await seal([SKILL, ENTRY, filler(rest - 1)])).files).toHaveLength(3);
    expect(await refusal([SKILL, ENTRY, filler(rest + 1)])).toEqual({
      code: "PAYLOAD_TOO_LARGE",
      message: "Global skill bundle too large (max 200KB).",
    });
  });

  it("takes exactly 256 files, not one more", async () => {
    const files = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ path: `f${index}`, content: "" }));
    expect((await seal([SKILL, ENTRY, ...files(254)])).files).toHaveLength(256);
    expect(await refusal([SKILL, ENTRY, ...files(255)])).toEqual({
      code: "PAYLOAD_TOO_LARGE",
      message: "Global skill bundle has more than 256 files.",
    });
  });

  it.each<[string, NewSkillFile[], string]>([
    ["no file", [], "Global skill bundle must contain at least one file."],
    [
      "a parent",
      [{ path: "scripts/../../x", content: "" }],
      "invalid_relative_path:scripts/../../x",
    ],
    ["an empty path", [{ path: "", content: "" }], "invalid_relative_path:"],
    ["a backslash parent", [{ path: "..\\x", content: "" }], "invalid_relative_path:..\\x"],
    [
      "a very long path",
      [{ path: "y".repeat(5_000), content: "" }],
      `invalid_relative_path:${"y".repeat(200)}`,
    ],
    [
      "the marker",
      [{ path: "/.AF-global-skill.json", content: "" }],
      "Bundle files must not include .af-global-skill.json.",
    ],
    [
      "one path twice",
      [SKILL, { path: "\\SKILL.md", content: "" }],
      "Duplicate bundle file path: SKILL.md",
    ],
    [
      "a case clash",
      [SKILL, { path: "skill.md", content: "" }],
      "Bundle file path skill.md clashes with SKILL.md.",
    ],
    [
      "a file as a directory",
      [SKILL, { path: "SKILL.md/x", content: "" }],
      "Bundle file path SKILL.md/x clashes with SKILL.md.",
    ],
    ["a blank checksum", [{ ...SKILL, sha256: " " }], "Missing bundle checksum for SKILL.md."],
    [
      "a wrong checksum",
      [{ ...SKILL, sha256: GOLDEN.entry }],
      "Global skill checksum mismatch for SKILL.md.",
    ],
    [
      "half a surrogate pair",
      [{ path: "SKILL.md", content: "\ud83d" }],
      "The content of SKILL.md is not valid Unicode text.",
    ],
    ["no SKILL.md", [ENTRY], "Global skill bundle must include SKILL.md."],
    [
      "no entry",
      [SKILL, { ...ENTRY, path: "scripts/index.cjs" }],
      "Global skill bundle must include scripts/index.mjs.",
    ],
  ])("%s -> INVALID_ARGUMENT", async (_what, files, message) => {
    expect(await refusal(files)).toEqual(invalid(message));
  });

  it("a cjs bundle needs scripts/index.cjs", async () => {
    const message = "Global skill bundle must include scripts/index.cjs.";
    expect(await refusal([SKILL, ENTRY], "cjs")).toEqual(invalid(message));
    const { files } = await seal([SKILL, { ...ENTRY, path: "scripts/index.cjs" }], "cjs");
    expect(files).toHaveLength(2);
  });

  it("names the first file that is wrong", async () => {
    const files = [
      { ...SKILL, sha256: "0" },
      { path: "..", content: "" },
    ];
    expect(await refusal(files)).toEqual(invalid("Global skill checksum mismatch for SKILL.md."));
    expect(await refusal(files.reverse())).toEqual(invalid("invalid_relative_path:.."));
  });
});

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

describe("findBundleFault", () => {
  const stored = async (change: (files: SkillFile[]) => SkillFile[] = (files) => files) => {
    const { files, sha256 } = await seal([SKILL, ENTRY, ASSET]);
    return {
      slug: "weather",
      version: "1.0.0",
      moduleFormat: "esm" as const,
      files: change(files),
      sha256,
    };
  };
  const MISMATCH = "Global skill bundle checksum mismatch for weather@1.0.0.";

  it("intact -> null, also in the order of 3.x", async () => {
    expect(await findBundleFault(await stored())).toBeNull();
    const legacy = await stored((files) => [...files].reverse());
    expect(await findBundleFault({ ...legacy, sha256: await hashBundle(legacy.files) })).toBeNull();
  });

  it.each<[string, (files: SkillFile[]) => SkillFile[], string]>([
    ["another content", ([a, ...rest]) => [{ ...a!, content: "x" }, ...rest], MISMATCH],
    ["another checksum", ([a, ...rest]) => [{ ...a!, sha256: GOLDEN.entry }, ...rest], MISMATCH],
    ["another order", (files) => [...files].reverse(), MISMATCH],
    [
      "a file lost",
      (files) => files.slice(0, 2),
      "Global skill bundle must include scripts/index.mjs.",
    ],
    [
      "a path that escapes",
      (files) => [...files, { path: "..", content: "", sha256: "" }],
      "invalid_relative_path:..",
    ],
    [
      "a path that is not normal",
      (files) => [...files, { path: "/a", content: "", sha256: "" }],
      "invalid_relative_path:/a",
    ],
    [
      "a clash",
      (files) => [...files, { path: "SKILL.md/x", content: "", sha256: "" }],
      "invalid_relative_path:SKILL.md/x",
    ],
    [
      "a marker",
      (files) => [...files, { path: ".af-global-skill.json", content: "", sha256: "" }],
      "invalid_relative_path:.af-global-skill.json",
    ],
  ])("%s -> reported", async (_what, change, reason) => {
    expect(await findBundleFault(await stored(change))).toBe(reason);
  });

  it("wrong file checksums under a right bundle hash -> reported", async () => {
    const bundle = await stored(([a, ...rest]) => [{ ...a!, sha256: GOLDEN.entry }, ...rest]);
    expect(await findBundleFault({ ...bundle, sha256: await hashBundle(bundle.files) })).toBe(
      MISMATCH,
    );
  });
});

describe("the manifest", () => {
  const skill = async (slug = "weather", version = "1.0.0") =>
    await toManifestSkill({
      slug,
      version,
      moduleFormat: "esm",
      entryPoint: "default",
      ...(await seal([SKILL, ENTRY, ASSET])),
    });

  it("adds the marker last, as pretty JSON in a fixed order of keys", async () => {
    const { files, skillDirName } = await skill();
    expect(skillDirName).toBe("weather");
    expect(files.map((file) => file.path)).toEqual([
      "SKILL.md",
      "assets/Über.txt",
      "scripts/index.mjs",
      ".af-global-skill.json",
    ]);
    expect(files.at(-1)).toEqual({
      path: ".af-global-skill.json",
      sha256: GOLDEN.marker,
      content: `{
  "slug": "weather",
  "version": "1.0.0",
  "sha256": "${GOLDEN.bundle}",
  "managedBy": "agent-factory",
  "entryPoint": "default",
  "moduleFormat": "esm"
}
`,
    });
  });

  it("hashes to the golden values", async () => {
    expect(await hashManifest([])).toBe(GOLDEN.empty);
    expect(await sha256Hex("empty")).toBe(GOLDEN.empty);
    expect(await hashManifest([await skill()])).toBe(GOLDEN.manifest);
  });

  it("joins skills by a bar", async () => {
    const line = (slug: string) =>
      `${slug}@1.0.0:${GOLDEN.bundle}:SKILL.md:${GOLDEN.skill},assets/Über.txt:${GOLDEN.asset},scripts/index.mjs:${GOLDEN.entry}`;
    expect(await hashManifest([await skill("aa"), await skill("bb")])).toBe(
      await plainSha(`${line("aa")}|${line("bb")}`),
    );
  });

  it.each([
    ["a_b-1", "a_b-1"],
    ["A.b/c d", "a-b-c-d"],
    ["../x", "---x"],
  ])("directory of %j is %j", (slug, expected) => {
    expect(toSkillDirName(slug)).toBe(expected);
  });

  it("weighs paths, checksums and contents", async () => {
    const { files } = await seal([SKILL, ENTRY]);
    const texts = files.flatMap(({ path, content, sha256 }) => [path, content, sha256]);
    expect(bundleBytes(files)).toBe(bytesOf(texts.join("")));
  });

  it("compares files whatever their order", () => {
    const [a, b] = [
      { ...SKILL, sha256: "1" },
      { ...ENTRY, sha256: "2" },
    ];
    expect(hasSameFiles([a, b], [b, a])).toBe(true);
    expect(hasSameFiles([a], [a, b])).toBe(false);
    expect(hasSameFiles([a, b], [a, { ...b, content: "" }])).toBe(false);
    expect(hasSameFiles([a, b], [a, { ...b, path: "c" }])).toBe(false);
  });
});

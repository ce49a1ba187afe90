import { describe, expect, it } from "vitest";
import { createPathRegister, normalisePath, usesMarkerName } from "./paths.js";

describe("normalisePath", () => {
  it.each([
    ["SKILL.md", "SKILL.md"],
    ["/SKILL.md", "SKILL.md"],
    ["///scripts/index.mjs", "scripts/index.mjs"],
    ["scripts\\index.mjs", "scripts/index.mjs"],
    ["\\scripts\\lib\\a.mjs", "scripts/lib/a.mjs"],
    [".hidden", ".hidden"],
    ["a..b/c...d", "a..b/c...d"],
    ["with space/é.md", "with space/é.md"],
    ["x".repeat(255), "x".repeat(255)],
  ])("%j -> %j", (value, expected) => {
    expect(normalisePath(value)).toBe(expected);
  });

  it.each([
    ["nothing", ""],
    ["only slashes", "//"],
    ["a dot", "."],
    ["the parent", ".."],
    ["the parent of a directory", "scripts/.."],
    ["a parent on the way", "scripts/../../x"],
    ["a parent with backslashes", "scripts\\..\\..\\x"],
    ["an absolute parent", "/../x"],
    ["a dot segment first", "./scripts/index.mjs"],
    ["a dot segment inside", "scripts/./index.mjs"],
    ["a dotted marker", "./.af-global-skill.json"],
    ["an empty segment", "a//b"],
    ["a trailing slash", "scripts/"],
    ["a trailing backslash", "scripts\\"],
    ["a drive", "C:\\x"],
    ["a drive with slashes", "c:/x"],
    ["a drive-relative path", "C:x"],
    ["a drive below a prefix", "//?/C:/x"],
    ["NUL", "a\0b"],
    ["a line feed", "a\nb"],
    ["an escape character", "a\u001bb"],
    ["DEL", "a\u007fb"],
    ["a C1 control character", "a\u0085b"],
    ["a zero-width character", "SKILL\u200b.md"],
    ["a direction override", "a\u202eb"],
    ["a soft hyphen", "a\u00adb"],
    ["a variation selector", "a\ufe0fb"],
    ["a line separator", "a\u2028b"],
    ["half of a surrogate pair", "a\ud800b"],
    ["a trailing dot", "SKILL.md."],
    ["a trailing space", "SKILL.md "],
    ["a directory that ends in a dot", "scripts./a"],
    ["three dots", "..."],
    ["256 bytes", "x".repeat(256)],
    ["256 bytes in 128 characters", "é".repeat(128)],
  ])("%s -> refused", (_what, value) => {
    expect(normalisePath(value)).toBeNull();
  });
});

describe("usesMarkerName", () => {
  it.each([
    [".af-global-skill.json", true],
    [".AF-Global-Skill.JSON", true],
    [".af-global-s\u212aill.json", true],
    [".af-global-ſkill.json", true],
    [".af-global-skill.json/x", true],
    ["scripts/.af-global-skill.json", true],
    ["af-global-skill.json", false],
    [".af-global-skill.json5", false],
  ])("%j -> %s", (path, expected) => {
    expect(usesMarkerName(path)).toBe(expected);
  });
});

describe("createPathRegister", () => {
  const last = (...paths: string[]) => paths.map(createPathRegister()).at(-1);

  it("accepts files that share directories", () => {
    expect(last("a/b/c", "a/b/d", "a/e", "b")).toBeNull();
  });
  it("the same file twice -> duplicate", () => {
    expect(last("a/b", "a/b")).toEqual({ kind: "duplicate" });
  });
  it.each([
    ["a file where a directory is", ["SKILL.md/x", "SKILL.md"], "SKILL.md"],
    ["a directory where a file is", ["SKILL.md", "SKILL.md/x"], "SKILL.md"],
    ["a deep directory where a file is", ["a/b", "a/b/c/d"], "a/b"],
    ["another case", ["SKILL.md", "skill.MD"], "SKILL.md"],
    ["another case of a directory", ["Docs/a", "docs/b"], "Docs"],
    ["another case of a directory and a file", ["Docs/a", "docs"], "Docs"],
    ["another composition", ["\u00e9", "e\u0301"], "\u00e9"],
    ["sharp s", ["straße", "STRASSE"], "straße"],
    ["capital sharp s", ["\u1e9e", "ss"], "\u1e9e"],
    ["the Kelvin sign", ["k", "\u212a"], "k"],
    ["final sigma", ["ΑΣ", "ας"], "ΑΣ"],
  ])("%s -> clash", (_what, paths, other) => {
    expect(last(...paths)).toEqual({ kind: "clash", other });
  });
  it("a refused path leaves no trace", () => {
    const register = createPathRegister();
    register("A");
    expect(register("b/x")).toBeNull();
    expect(register("a/new")).not.toBeNull();
    expect(register("B")).not.toBeNull();
    expect(register("new")).toBeNull();
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPathRegister, normalisePath, usesMarkerName } from "./paths.js";

const RUNS = 5_000;

/** Pieces that have broken path checks before, in every order. */
const piece = fc.constantFrom(
  ...[
    "a",
    "A",
    "b",
    "ß",
    "ẞ",
    "SS",
    "ss",
    "é",
    "e\u0301",
    "É",
    "k",
    "\u212a",
    "ſ",
    "s",
    "İ",
    "i",
    "ı",
  ],
  ...[
    "σ",
    "ς",
    "Σ",
    "ﬁ",
    "fi",
    ".",
    "..",
    "...",
    "/",
    "//",
    "\\",
    "/",
    " ",
    ":",
    "C:",
    "\0",
    "\n",
    "\u200b",
  ],
  ...[
    "\u202e",
    "\ud800",
    "\udc00",
    "~",
    "SKILL.md",
    "skill.MD",
    "scripts",
    "Scripts",
    "index.mjs",
    "-",
  ],
  ...[".af-global-skill.json", ".AF-Global-Skill.JSON"],
);
const path = fc.oneof(
  { weight: 6, arbitrary: fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join("")) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
);

function accept(values: readonly string[]): string[] {
  const register = createPathRegister();
  return values.flatMap((value) => {
    const found = normalisePath(value);
    return found === null || usesMarkerName(found) || register(found) !== null ? [] : [found];
  });
}

/** Where a path ends up below /root, resolved the way a file system does it. */
function resolve(value: string): string[] {
  const names = ["root"];
  for (const name of value.replaceAll("\\", "/").split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

/** File systems differ in how they compare names; these are the usual ways. */
const COMPARISONS = [
  (name: string) => name.normalize("NFC").toLowerCase(),
  (name: string) => name.normalize("NFC").toUpperCase(),
  (name: string) => name.normalize("NFD").toLowerCase(),
  (name: string) => name.normalize("NFD").toUpperCase(),
  (name: string) => name.replace(/[. ]+$/gm, "").toLowerCase(),
];

describe("accepted paths", () => {
  it("never escape, and stay what they are", () => {
    fc.assert(
      fc.property(path, (value) => {
        const found = normalisePath(value);
        if (found === null) return;
        expect(resolve(found)).toEqual(["root", ...found.split("/")]);
        expect(found).not.toMatch(/[\\\p{Cc}]|^\/|^[A-Za-z]:/u);
        expect(normalisePath(found)).toBe(found);
      }),
      { numRuns: RUNS },
    );
  });

  it("never collide on a case-insensitive file system, as files or as directories", () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(path, { maxLength: 12 }), (values) => {
        const files = accept(values);
        accepted += files.length;
        for (const compare of COMPARISONS) {
          const isFile = new Map<string, boolean>();
          for (const file of files) {
            const names = file.split("/");
            names.forEach((_, index) => {
              const key = names
                .slice(0, index + 1)
                .map(compare)
                .join("/");
              const last = index === names.length - 1;
              expect(last ? isFile.has(key) : isFile.get(key) === true).toBe(false);
              isFile.set(key, last);
            });
          }
          expect(files.some((file) => compare(file) === ".af-global-skill.json")).toBe(false);
        }
      }),
      { numRuns: RUNS },
    );
    expect(accepted).toBeGreaterThan(RUNS);
  });

  it("includes every plain bundle: nothing is refused that is safe", () => {
    const name = fc.stringMatching(/^[a-z0-9_-]{1,10}(\.[a-z]{1,4})?$/);
    const plain = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
    fc.assert(
      fc.property(plain, (value) => {
        expect(normalisePath(value)).toBe(value);
      }),
    );
  });
});

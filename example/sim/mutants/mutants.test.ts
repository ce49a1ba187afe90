import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { mutated } from "./apply.js";
import { MUTANTS } from "./list.js";
import { toMarkdown } from "./summary.js";

const src = (file: string) => fileURLToPath(new URL(`../../../src/${file}`, import.meta.url));

test.each(MUTANTS)("can be planted: $name", (mutant) => {
  const source = fs.readFileSync(src(mutant.file), "utf8");
  expect(mutated(mutant, source)).not.toBe(source);
  for (const file of mutant.tests) expect(fs.existsSync(src(file)), file).toBe(true);
});

test("a mutant whose text is gone is an error that names it", () => {
  const mutant = { name: "gone", file: "x.ts", find: "no such text", replace: "", tests: [] };
  expect(() => mutated(mutant, "source")).toThrow("'gone' does not apply: its text occurs 0 times");
});

test("the summary counts what was caught and marks what was not", () => {
  const conditions = {
    date: "2026-11-23",
    node: "20",
    cpus: 2,
    seeds: 8,
    steps: 400,
    minutes: 6.2,
  };
  const text = toMarkdown(
    [
      { name: "a", file: "x.ts", by: "simulator, seed 1: done is done" },
      { name: "b", file: "y.ts", by: null },
    ],
    conditions,
  );
  expect(text).toMatch(/^1\/2 caught on 2026-11-23: .*, 7 minutes in all\.$/m);
  expect(text).toContain("| b | y.ts | **nothing** |");
});

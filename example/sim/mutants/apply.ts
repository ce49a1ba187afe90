/** A copy of the sources, and a mutant planted in it. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./list.js";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const COPIED = ["src", "example", "package.json", "tsconfig.json", "vitest.config.ts"];

/** A copy of the sources in a new directory, which the caller removes. */
export function copySources(): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "mutants-"));
  const kept = (from: string) => !/[\\/](node_modules|dist)$/.test(from);
  for (const name of COPIED)
    fs.cpSync(path.join(ROOT, name), path.join(root, name), { recursive: true, filter: kept });
  fs.symlinkSync(fs.realpathSync(path.join(ROOT, "node_modules")), path.join(root, "node_modules"));
  return root;
}

/** The mutated text of its file. @throws Error when the search does not occur exactly once */
export function mutated({ name, file, find, replace }: Mutant, source: string): string {
  const times = source.split(find).length - 1;
  if (times !== 1)
    throw new Error(`'${name}' does not apply: its text occurs ${times} times in src/${file}.`);
  return source.replace(find, () => replace);
}

/** Plants the mutant below `root`; returns what takes it out again. */
export function plant(mutant: Mutant, root: string): () => void {
  const file = path.join(root, "src", mutant.file);
  const source = fs.readFileSync(file, "utf8");
  fs.writeFileSync(file, mutated(mutant, source));
  return () => fs.writeFileSync(file, source);
}

/** Plants a mutant in a copy of the sources. */
import fs from "node:fs";
import path from "node:path";
import type { Mutant } from "./list.js";

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

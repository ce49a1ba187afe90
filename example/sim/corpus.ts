/** Schedules that are run with the tests: seeds that cover much, and every failure that was ever found, shrunk. */
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { FAULTS, type Fault } from "./weather.js";
import type { SimOptions } from "./world.js";
import type { Schedule } from "./shrink.js";

export type CorpusEntry = {
  /** What it once broke, or what it covers. */
  name: string;
  seed: number;
  steps: number;
  /** Left out: all of them. */
  faults?: Fault[];
  only?: string[];
};

const FILE = fileURLToPath(new URL("./corpus.json", import.meta.url));

export function readCorpus(): CorpusEntry[] {
  return JSON.parse(fs.readFileSync(FILE, "utf8")) as CorpusEntry[];
}

export function toOptions({ seed, steps, faults, only }: CorpusEntry): SimOptions {
  return { seed, steps, faults: faults ?? FAULTS, ...(only && { only: new Set(only) }) };
}

/** Makes a failing schedule a test for good. */
export function land(name: string, { seed, steps, faults, only }: Schedule): void {
  const enabled = faults.length === FAULTS.length ? {} : { faults: [...faults] };
  const entry: CorpusEntry = { name, seed, steps, ...enabled, only: [...only] };
  fs.writeFileSync(FILE, `${JSON.stringify([...readCorpus(), entry], null, 2)}\n`);
}

/** The command line of `npm run sim`. */
import { parseArgs } from "node:util";
import { FAULTS, type Fault } from "./weather.js";

export type CliOptions = {
  seed: number;
  seeds: number;
  steps: number;
  minutes: number | null;
  faults: Fault[];
  /** Land the shrunk failure in the corpus under this name. */
  land: string | null;
  quiet: boolean;
  shrink: boolean;
};

export const HELP = `npm run sim -- [options]
  --seed N        the seed (first seed of several); default 1
  --steps M       steps of trouble per seed; default 1000
  --seeds K       K seeds, one after the other; without: one seed, with its trace
  --minutes T     seeds until T minutes are over
  --faults a,b    only these faults; "none" for none; default all:
                  ${FAULTS.join(", ")}
  --land NAME     put the shrunk failure into the corpus that npm test runs
  --quiet         no trace
  --no-shrink     stop at the first failure as it is`;

function toFaults(text: string | undefined): Fault[] {
  if (text === undefined) return FAULTS;
  if (text === "none") return [];
  return text.split(",").map((name) => {
    const fault = FAULTS.find((known) => known === name.trim());
    if (fault === undefined)
      throw new Error(`There is no fault '${name}'. There are: ${FAULTS.join(", ")}.`);
    return fault;
  });
}

function toNumber(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new Error(`--${name} must be a whole number, got '${text}'.`);
  return value;
}

/** Null: help was asked for. @throws Error for anything that is no option */
export function readOptions(args: string[]): CliOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string" },
      seeds: { type: "string" },
      steps: { type: "string" },
      minutes: { type: "string" },
      faults: { type: "string" },
      land: { type: "string" },
      quiet: { type: "boolean", default: false },
      "no-shrink": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  return {
    seed: toNumber("seed", values.seed, 1),
    seeds: toNumber("seeds", values.seeds, 1),
    steps: toNumber("steps", values.steps, 1_000),
    minutes: values.minutes === undefined ? null : toNumber("minutes", values.minutes, 10),
    faults: toFaults(values.faults),
    land: values.land ?? null,
    quiet: values.quiet,
    shrink: !values["no-shrink"],
  };
}

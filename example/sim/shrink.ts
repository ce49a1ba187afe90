/** From a failing run to the few events that it takes: leaves out what the same promise is broken without. */
import { simulate, type SimResult } from "./run.js";
import type { SimOptions } from "./world.js";

export type Schedule = Pick<SimOptions, "seed" | "steps" | "faults"> & { only: readonly string[] };
export type Shrunk = { schedule: Schedule; result: SimResult; runs: number };

const MAX_RUNS = 80;

/** `null` when the run breaks no promise. */
export async function shrink(options: SimOptions, maxRuns = MAX_RUNS): Promise<Shrunk | null> {
  let result = await simulate(options);
  let runs = 1;
  const invariant = result.violation?.invariant;
  if (invariant === undefined) return null;
  let { steps } = result;
  let only = result.struck;

  const attempt = async (fewer: string[], shorter: number): Promise<boolean> => {
    runs += 1;
    const next = await simulate({ ...options, steps: shorter, only: new Set(fewer) });
    if (next.violation?.invariant !== invariant) return false;
    result = next;
    // What the shorter schedule does not come to is no part of it.
    only = next.struck;
    steps = Math.min(shorter, next.steps);
    return true;
  };

  await attempt(only, steps);
  for (let size = Math.ceil(only.length / 2); size >= 1 && runs < maxRuns;) {
    let removed = false;
    for (let at = only.length - size; at > -size && runs < maxRuns; at -= size) {
      const from = Math.max(0, at);
      const fewer = [...only.slice(0, from), ...only.slice(from + size)];
      if (fewer.length < only.length && (await attempt(fewer, steps))) removed = true;
    }
    if (size === 1 && !removed) break;
    size = removed && size > only.length ? only.length : Math.max(1, Math.floor(size / 2));
    if (size === 1 && only.length === 0) break;
  }
  const { seed, faults } = options;
  return { schedule: { seed, steps, faults, only }, result, runs };
}

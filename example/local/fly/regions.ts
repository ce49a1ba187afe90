import { errors } from "./errors.js";
import type { World } from "./world.js";

export const REGIONS = [
  "ams",
  "arn",
  "bom",
  "cdg",
  "dfw",
  "ewr",
  "fra",
  "gru",
  "iad",
  "jnb",
  "lax",
  "lhr",
  "nrt",
  "ord",
  "sin",
  "sjc",
  "syd",
  "yyz",
] as const;

/** One region out of what was asked for: a code, a list of codes, `any`, or nothing. */
export function chooseRegion(world: World, asked: string | undefined): string {
  if (asked === undefined || asked === "" || asked === "any") return world.random.pick(REGIONS);
  const first = asked.split(",")[0]?.trim() ?? "";
  if (!REGIONS.some((region) => region === first)) {
    throw errors.invalid(`region: "${first}" is not a region`);
  }
  return first;
}

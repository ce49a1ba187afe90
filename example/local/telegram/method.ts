import type { Parameters } from "./parameters.js";
import type { Bot, World } from "./world.js";

export type Arguments = [world: World, bot: Bot, parameters: Parameters];

/** Returns the `result` of the answer. */
export type Method = (...given: Arguments) => unknown;

/** A result that comes with a sentence of what was done. */
export interface Described {
  result: unknown;
  description: string;
}

/**
 * Randomness of a run. What happens outside (users, faults) is drawn by key, not in sequence: leaving one event out
 * leaves the draws of all others as they were, which is what makes shrinking work.
 */
import { createRandom, type Random } from "../local/fly/random.js";

export class Draws {
  readonly #root: Random;

  constructor(seed: number) {
    this.#root = createRandom(seed);
  }

  /** A generator of its own for everything that is called by this name. */
  stream(name: string): Random {
    return this.#root.stream(name);
  }

  /** In [0, 1), always the same for the same key. */
  at(key: string): number {
    return this.#root.stream(key).next();
  }
}

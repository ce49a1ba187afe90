import type { Random } from "./random.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** How long each step takes, drawn between the two bounds, in milliseconds. */
export interface Timings {
  /** created to starting: placement and image pull. */
  launch: readonly [number, number];
  /** starting to started. */
  boot: readonly [number, number];
  /** Time a process without a hook needs to end after its signal. */
  processExit: readonly [number, number];
  /** After `stopped`, how long a start is refused. */
  startRefusal: readonly [number, number];
  /** destroying to destroyed. */
  destroy: readonly [number, number];
  /** destroyed to 404. */
  retention: readonly [number, number];
  /** destroyed to "its volume can be deleted". */
  volumeUnbind: readonly [number, number];
  /** creating to created. */
  volumeCreate: readonly [number, number];
  /** scheduling_destroy to pending_destroy. */
  volumeSchedule: readonly [number, number];
  /** pending_destroy to 404. */
  volumeRetention: readonly [number, number];
}

const usual: Timings = {
  launch: [0.5 * SECOND, 2 * SECOND],
  boot: [0.5 * SECOND, 4 * SECOND],
  processExit: [0.2 * SECOND, 5 * SECOND],
  startRefusal: [0, 8 * SECOND],
  destroy: [0.5 * SECOND, 5 * SECOND],
  retention: [30 * SECOND, 30 * SECOND],
  volumeUnbind: [0, 10 * SECOND],
  volumeCreate: [0, 3 * SECOND],
  volumeSchedule: [0.5 * SECOND, 5 * SECOND],
  volumeRetention: [24 * HOUR, 24 * HOUR],
};

const slow: Timings = {
  ...usual,
  launch: [70 * SECOND, 70 * SECOND],
  boot: [30 * SECOND, 30 * SECOND],
  processExit: [5 * MINUTE, 5 * MINUTE],
  destroy: [MINUTE, MINUTE],
  retention: [10 * MINUTE, 10 * MINUTE],
  volumeUnbind: [MINUTE, MINUTE],
};

const instant: Timings = {
  launch: [0, 0],
  boot: [0, 0],
  processExit: [0, 0],
  startRefusal: [0, 0],
  destroy: [0, 0],
  retention: [30 * SECOND, 30 * SECOND],
  volumeUnbind: [0, 0],
  volumeCreate: [0, 0],
  volumeSchedule: [0, 0],
  volumeRetention: [24 * HOUR, 24 * HOUR],
};

export const TIMING_PROFILES = { usual, slow, instant };
export type TimingProfile = keyof typeof TIMING_PROFILES;

export class Delays {
  #base: Timings;
  readonly #regions = new Map<string, Partial<Timings>>();

  constructor(
    timings: TimingProfile | Partial<Timings>,
    private readonly random: Random,
    /** A factor of 20 makes every step twenty times shorter. */
    public speed: number,
  ) {
    this.#base = typeof timings === "string" ? TIMING_PROFILES[timings] : { ...usual, ...timings };
  }

  set(timings: Partial<Timings>, region?: string): void {
    if (region === undefined) this.#base = { ...this.#base, ...timings };
    else this.#regions.set(region, { ...this.#regions.get(region), ...timings });
  }

  draw(step: keyof Timings, region: string): number {
    const [min, max] = this.#regions.get(region)?.[step] ?? this.#base[step];
    return this.random.between(min, max) / this.speed;
  }
}

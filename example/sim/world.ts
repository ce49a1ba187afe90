/** Everything one run consists of. The parts know each other only through this. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { LocalFlyCore } from "../local/fly/core.js";
import type { SimClock } from "./clock.js";
import type { Database, Write } from "./database.js";
import type { T } from "./deployment.js";
import type { Draws } from "./draws.js";
import type { LocalTelegramCore } from "../local/telegram/core.js";
import type { Chats } from "./chats.js";
import type { Fault, Weather } from "./weather.js";
import type { Model } from "./model.js";
import type { Setting } from "./setting.js";

export type SimOptions = {
  seed: number;
  steps: number;
  faults: readonly Fault[];
  /** Only these events and faults happen; left out: all that the seed draws. */
  only?: ReadonlySet<string>;
  /** Keeps every line; otherwise the last ones only. */
  fullTrace?: boolean;
};

/** A promise that was broken. */
export class Violation extends Error {
  constructor(
    readonly invariant: string,
    readonly detail: string,
  ) {
    super(`${invariant}: ${detail}`);
    this.name = "Violation";
  }
}

/** Who called which function; found again in the transaction that the call became. */
export type Operation = { actor: string; name: string; writes: Write[] };
export const operations = new AsyncLocalStorage<Operation>();

/** Measures without taking part. */
export type Watcher = {
  /** A worker's call was carried out. */
  called?: (worker: string, name: string, args: object, value: unknown, at: number) => void;
  /** An action is about to call a function or the outside. */
  step?: (action: string, step: string) => void;
  wrote?: (writes: readonly Write[], at: number) => void;
  /** The process of this machine has started. */
  started?: (machine: string, at: number) => void;
};

const KEPT_LINES = 400;

export class World {
  readonly lines: string[] = [];
  /** Ids of what happened outside, in order. */
  readonly struck: string[] = [];
  /** When each of them did. */
  readonly struckAt: number[] = [];
  violation: Violation | null = null;
  /** Faults and users are at rest; what is under way comes to its end. */
  calm = false;
  stepNumber = 0;
  watcher: Watcher | null = null;
  readonly #workers = new Map<string, number>();

  t!: T;
  database!: Database;
  fly!: LocalFlyCore;
  chats!: Chats;
  telegram!: LocalTelegramCore;
  model!: Model;

  constructor(
    readonly options: SimOptions,
    readonly draws: Draws,
    readonly clock: SimClock,
    readonly weather: Weather,
    readonly setting: Setting,
    readonly startedAt: number,
  ) {}

  trace(line: string): void {
    const at = ((this.clock.now() - this.startedAt) / 1000).toFixed(3).padStart(9);
    this.lines.push(`${String(this.stepNumber).padStart(5)} ${at}s  ${line}`);
    if (this.options.fullTrace !== true && this.lines.length > 2 * KEPT_LINES)
      this.lines.splice(0, this.lines.length - KEPT_LINES);
  }

  /** The first broken promise ends the run. */
  violate(invariant: string, detail: string): void {
    this.violation ??= new Violation(invariant, detail);
  }

  /**
   * True when this fault strikes here. The same key always gives the same answer. A schedule (`only`) says itself what
   * strikes, so that it does not go silent when the weather of its seed changes.
   */
  strike(fault: Fault, key: string): boolean {
    const rate = this.weather[fault];
    const isScheduled = this.options.only !== undefined;
    if (this.calm || (rate === 0 && !isScheduled)) return false;
    if (!isScheduled && this.draws.at(`${fault}/${key}`) >= rate) return false;
    return this.happens(`${fault}/${key}`);
  }

  /** A worker's place among those of the run: unlike its name, which holds a random id, it is the same after a change of the code. */
  numberOf(workerId: string): number {
    const known = this.#workers.get(workerId) ?? this.#workers.size + 1;
    this.#workers.set(workerId, known);
    return known;
  }

  /** Whether an event that the seed drew takes place in this run. */
  happens(id: string): boolean {
    const { only } = this.options;
    if (only !== undefined && !only.has(id)) return false;
    this.struck.push(id);
    this.struckAt.push(this.clock.now());
    this.trace(`! ${id}`);
    return true;
  }

  /** Between the bounds, always the same for the same key. */
  between(min: number, max: number, key: string): number {
    return Math.floor(min + this.draws.at(key) * (max - min));
  }

  /** Runs a call of the component as `actor`; returns what it wrote beside its result. */
  async as<R>(
    actor: string,
    name: string,
    call: () => Promise<R>,
  ): Promise<{ result: R; writes: Write[] }> {
    const operation: Operation = { actor, name, writes: [] };
    const result = await operations.run(operation, call);
    return { result, writes: operation.writes };
  }
}

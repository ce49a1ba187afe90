/** Virtual time: an ordered list of what is still to come. Nothing happens until somebody takes the next entry. */
import type { Clock } from "../local/fly/clock.js";

type Entry = { at: number; order: number; run: () => void };

export class SimClock implements Clock {
  #now: number;
  #order = 0;
  readonly #entries = new Map<number, Entry>();

  constructor(start: number) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  get pending(): number {
    return this.#entries.size;
  }

  /** When the next entry is due; null when there is none. */
  nextAt(): number | null {
    return this.#first()?.at ?? null;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const order = ++this.#order;
    const delay = Number.isFinite(delayMs) ? Math.max(0, Math.round(delayMs)) : 0;
    this.#entries.set(order, { at: this.#now + delay, order, run });
    return () => void this.#entries.delete(order);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.schedule(ms, resolve));
  }

  /** Moves to the next entry and runs it. False when there is none. */
  step(): boolean {
    const entry = this.#first();
    if (entry === null) return false;
    this.#entries.delete(entry.order);
    this.#now = Math.max(this.#now, entry.at);
    entry.run();
    return true;
  }

  #first(): Entry | null {
    let first: Entry | null = null;
    for (const entry of this.#entries.values())
      if (first === null || entry.at < first.at) first = entry;
    return first;
  }
}

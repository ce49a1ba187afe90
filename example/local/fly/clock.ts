import { ConnectionReset } from "./exchange.js";

/** The only source of time. Everything a local server does later goes through `schedule`. */
export interface Clock {
  now(): number;
  /** Returns a function that cancels. */
  schedule(delayMs: number, run: () => void): () => void;
}

export interface VirtualClock extends Clock {
  /** Runs what falls due, in time order, letting promises settle in between. */
  advance(ms: number): Promise<void>;
}

/** `setTimeout` fires at once for anything longer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export function realClock(): Clock {
  return {
    now: () => Date.now(),
    schedule(delayMs, run) {
      const timer = setTimeout(run, Math.min(Math.max(0, delayMs), MAX_TIMEOUT_MS));
      return () => clearTimeout(timer);
    },
  };
}

interface Entry {
  at: number;
  order: number;
  run: () => void;
}

const MICROTASK_TURNS = 12;

async function settle(): Promise<void> {
  for (let turn = 0; turn < MICROTASK_TURNS; turn++) await Promise.resolve();
}

export function virtualClock(startAt = Date.UTC(2026, 0, 1)): VirtualClock {
  let time = startAt;
  let order = 0;
  const entries = new Set<Entry>();

  function earliest(): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of entries) {
      if (!first || entry.at < first.at || (entry.at === first.at && entry.order < first.order)) {
        first = entry;
      }
    }
    return first;
  }

  return {
    now: () => time,
    schedule(delayMs, run) {
      const entry = { at: time + Math.max(0, delayMs), order: order++, run };
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    async advance(ms) {
      const end = time + ms;
      await settle();
      for (let next = earliest(); next && next.at <= end; next = earliest()) {
        time = next.at;
        entries.delete(next);
        next.run();
        await settle();
      }
      time = Math.max(time, end);
    },
  };
}

export interface Pause {
  /** Rejects when the client has gone or the server closes. */
  done: Promise<void>;
  cancel(): void;
}

/** Timers that end together: a closed server leaves nothing behind. */
export class Timers {
  readonly #cancels = new Set<() => void>();
  readonly #pauses = new Set<() => void>();
  #closed = false;

  constructor(private readonly clock: Clock) {}

  get closed(): boolean {
    return this.#closed;
  }

  after(delayMs: number, run: () => void): () => void {
    if (this.#closed || delayMs === Infinity) return () => {};
    const cancel = this.clock.schedule(delayMs, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
    return () => {
      this.#cancels.delete(cancel);
      cancel();
    };
  }

  /** A wait on behalf of a client; `Infinity` is a connection that hangs. */
  pause(delayMs: number, signal?: AbortSignal): Pause {
    let cancel = () => {};
    const done = new Promise<void>((resolve, reject) => {
      const drop = () => {
        cancel();
        reject(new ConnectionReset());
      };
      const cancelTimer = this.after(delayMs, () => {
        cancel();
        resolve();
      });
      cancel = () => {
        cancelTimer();
        this.#pauses.delete(drop);
        signal?.removeEventListener("abort", drop);
      };
      this.#pauses.add(drop);
      signal?.addEventListener("abort", drop, { once: true });
      if (this.#closed || signal?.aborted) drop();
    });
    return { done, cancel };
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    for (const drop of [...this.#pauses]) drop();
  }
}

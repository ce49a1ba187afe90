/** A clock that tests move by hand. */
import { createHook } from "node:async_hooks";
import type { Clock } from "./clock.js";

export type VirtualClock = Clock & {
  /** Moves time forward, waking every sleeper on the way at its own moment. */
  advance(ms: number): Promise<void>;
  /** Moves time from sleeper to sleeper until the promise settles. */
  drive<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
};

type Sleeper = { at: number; wake: () => void };

const FILE_WORK = /^(FSReq|CloseReq)/;
/** Everything that is neither in the thread pool nor a sleeper moves on in each turn of the event loop. */
const QUIET_TURNS = 30;

/** What the thread pool (de)compresses or hashes: no list of the process shows it. */
const pooled = new Set<number>();
type Compressor = { write: (...args: unknown[]) => unknown };
createHook({
  init: (id, type, _trigger, resource) => {
    if (type === "HASHREQUEST") pooled.add(id);
    if (type !== "ZLIB") return;
    const handle = resource as Compressor;
    const write = handle.write.bind(handle);
    handle.write = (...args) => {
      pooled.add(id);
      return write(...args);
    };
  },
  // Before, not after: the callback itself may begin the next write.
  before: (id) => void pooled.delete(id),
  destroy: (id) => void pooled.delete(id),
}).enable();

/** Waits until the process does nothing but wait: real file operations must not race against virtual time. */
async function settle(): Promise<void> {
  const busy = () =>
    pooled.size > 0 || process.getActiveResourcesInfo().some((name) => FILE_WORK.test(name));
  for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (busy()) quiet = 0;
  }
}

export function virtualClock(start = 1_700_000_000_000): VirtualClock {
  let now = start;
  const sleepers = new Set<Sleeper>();
  const wakeNext = (until: number): boolean => {
    const next = [...sleepers].sort((a, b) => a.at - b.at)[0];
    if (next === undefined || next.at > until) return false;
    now = Math.max(now, next.at);
    next.wake();
    return true;
  };
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const sleeper: Sleeper = {
          at: now + Math.max(0, ms),
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener("abort", sleeper.wake);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", sleeper.wake, { once: true });
      }),
    advance: async (ms) => {
      const until = now + ms;
      await settle();
      while (wakeNext(until)) await settle();
      now = until;
    },
    drive: async (promise, limitMs = 24 * 3_600_000) => {
      const state = { done: false };
      const finish = () => (state.done = true);
      promise.then(finish, finish);
      const until = now + limitMs;
      for (await settle(); !state.done; await settle()) {
        // Nothing to wake: it waits for a real operation, which has its own time.
        if (!wakeNext(until)) await new Promise((resolve) => setTimeout(resolve, 1));
        if (now > until) throw new Error("The clock ran out.");
      }
      return promise;
    },
  };
}

/** A clock that tests move by hand. */
import type { Clock } from "./clock.js";

export type VirtualClock = Clock & {
  /** Moves time forward, waking every sleeper on the way at its own moment. */
  advance(ms: number): Promise<void>;
  /** Moves time from sleeper to sleeper until the promise settles. */
  drive<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
};

type Sleeper = { at: number; wake: () => void };

const REAL_WORK = /^(FSReq|CloseReq)/;
const QUIET_TURNS = 30;
/** Compression shows in no list; it sits between file operations. */
const QUIET_MS_AFTER_WORK = 4;

/** Waits until the process does nothing but wait: real file operations must not race against virtual time. */
async function settle(): Promise<void> {
  const busy = () => process.getActiveResourcesInfo().some((name) => REAL_WORK.test(name));
  let worked = false;
  for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (busy()) [worked, quiet] = [true, 0];
  }
  for (let quiet = 0; worked && quiet < QUIET_MS_AFTER_WORK; quiet++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
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

/** Time and chance of a measurement: seeded, and moved from sleeper to sleeper, so that every run is the same run. */

export type VirtualTime = {
  sleep(ms: number): Promise<void>;
  /** Moves time on until the promise settles. */
  drive<T>(promise: Promise<T>): Promise<T>;
  random(): number;
  /** Gives `Date.now` and `Math.random` back. */
  restore(): void;
};

/** Takes over `Date.now` and `Math.random` of this process until `restore`. */
export function takeTime(seed: number, start = 1_800_000_000_000): VirtualTime {
  const [realNow, realRandom] = [Date.now, Math.random];
  let now = start;
  let state = seed;
  /** mulberry32 */
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  Date.now = () => Math.floor(now);
  Math.random = random;
  let order = 0;
  const sleepers: { at: number; order: number; wake: () => void }[] = [];
  return {
    random,
    sleep: (ms) =>
      new Promise((wake) => {
        sleepers.push({ at: now + Math.max(0, ms), order: order++, wake });
      }),
    drive: async (promise) => {
      const state = { settled: false };
      const settle = () => (state.settled = true);
      promise.then(settle, settle);
      for (;;) {
        // Everything between two sleeps is promises: one turn of the event loop runs them all.
        await new Promise((resolve) => setImmediate(resolve));
        if (state.settled) return await promise;
        let next = 0;
        for (let i = 1; i < sleepers.length; i++) {
          const [a, b] = [sleepers[i], sleepers[next]];
          if (a && b && (a.at < b.at || (a.at === b.at && a.order < b.order))) next = i;
        }
        const [sleeper] = sleepers.splice(next, 1);
        if (sleeper === undefined) continue;
        now = Math.max(now, sleeper.at);
        sleeper.wake();
      }
    },
    restore: () => {
      Date.now = realNow;
      Math.random = realRandom;
    },
  };
}

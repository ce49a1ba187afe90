/**
 * A clock for tests: `sleep` costs no real time. Whenever nothing else is left to do, the clock jumps to the
 * earliest sleeper, so concurrent sleepers wake in the order of their due times.
 */
export type VirtualClock = {
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Moves the clock without waking anybody late: sleepers wake on the way. */
  advance: (ms: number) => Promise<void>;
};

export function createVirtualClock(start = Date.UTC(2026, 0, 1)): VirtualClock {
  let time = start;
  let pumping = false;
  const sleepers: { due: number; wake: () => void }[] = [];

  const idle = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  function wakeNext(): void {
    sleepers.sort((a, b) => a.due - b.due);
    const next = sleepers.shift();
    if (!next) return;
    time = Math.max(time, next.due);
    next.wake();
  }
  async function pump(): Promise<void> {
    if (pumping) return;
    pumping = true;
    for (await idle(); sleepers.length > 0; await idle()) wakeNext();
    pumping = false;
  }
  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      sleepers.push({ due: time + ms, wake: resolve });
      void pump();
    });
  }
  return { now: () => time, sleep, advance: (ms) => sleep(ms) };
}

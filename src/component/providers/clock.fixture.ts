/**
 * A clock for tests: `sleep` costs no real time. Whenever nothing else is left to do, the clock jumps to the
 * next thing that is due, so concurrent sleepers wake in order. It stands still while nobody sleeps.
 */
export type VirtualClock = {
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Runs something when the clock comes by; never a reason for the clock to move. Returns a cancel. */
  schedule: (delayMs: number, run: () => void) => () => void;
  /** A sleep of the test itself: everything due in between happens on the way. */
  advance: (ms: number) => Promise<void>;
};

type Due = { at: number; run: () => void; sleeper: boolean };

export function createVirtualClock(start = Date.UTC(2026, 0, 1)): VirtualClock {
  let time = start;
  let pumping = false;
  const due = new Set<Due>();

  const idle = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  const somebodySleeps = () => [...due].some((entry) => entry.sleeper);

  async function pump(): Promise<void> {
    if (pumping) return;
    pumping = true;
    for (await idle(); somebodySleeps(); await idle()) {
      const [next] = [...due].sort((a, b) => a.at - b.at);
      if (!next) break;
      due.delete(next);
      time = Math.max(time, next.at);
      next.run();
    }
    pumping = false;
  }
  function add(delayMs: number, run: () => void, sleeper: boolean): () => void {
    const entry = { at: time + Math.max(0, delayMs), run, sleeper };
    due.add(entry);
    return () => void due.delete(entry);
  }
  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      add(ms, resolve, true);
      void pump();
    });
  }
  return {
    now: () => time,
    sleep,
    schedule: (delayMs, run) => add(delayMs, run, false),
    advance: sleep,
  };
}

/** Time as an argument: everything that waits takes a `Clock`, so tests can move it by hand. */
export type Clock = {
  now: () => number;
  /** Resolves after `ms`, or at once when `signal` aborts. Never rejects: the caller looks at its signal. */
  sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
};

/** A timer beyond this fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(0, ms), MAX_TIMER_MS));
      signal?.addEventListener("abort", done, { once: true });
    }),
};

export const TIMED_OUT = Symbol("timed out");

/** The promise's outcome, or `TIMED_OUT` after `ms`; the promise itself goes on unwatched. */
export async function within<T>(
  promise: Promise<T>,
  ms: number,
  clock: Clock,
): Promise<T | typeof TIMED_OUT> {
  const settled = new AbortController();
  try {
    return await Promise.race([
      promise,
      clock.sleep(ms, settled.signal).then((): typeof TIMED_OUT => TIMED_OUT),
    ]);
  } finally {
    settled.abort();
  }
}

/** A signal that aborts after `ms`, or with any of `others`. Call `cancel` when the work is done. */
export function deadline(
  ms: number,
  clock: Clock,
  ...others: AbortSignal[]
): { signal: AbortSignal; expired: () => boolean; cancel: () => void } {
  const timer = new AbortController();
  const cancelled = new AbortController();
  void clock.sleep(ms, cancelled.signal).then(() => {
    if (!cancelled.signal.aborted) timer.abort();
  });
  return {
    signal: AbortSignal.any([timer.signal, ...others]),
    expired: () => timer.signal.aborted,
    cancel: () => cancelled.abort(),
  };
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

import type { Clock } from "./clock.js";
import { GatewayUnreachable } from "./errors.js";

export const BACKOFF_BASE_MS = 250;
export const BACKOFF_MAX_MS = 15_000;

/** What a transfer may take on a slow line, in ms: a second for every 100 kB. */
export const transferMs = (bytes: number): number => Math.ceil(bytes / 100);

/** Doubles with every attempt; between half and all of it, so that many workers do not return together. */
export function backoffMs(
  attempt: number,
  random: () => number,
  baseMs = BACKOFF_BASE_MS,
  maxMs = BACKOFF_MAX_MS,
): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(full * (0.5 + random() / 2));
}

/** How long to go on trying a call that is safe to repeat. */
export type Patience = { budgetMs: number; signal?: AbortSignal };

/** Repeats `call` while the gateway is unreachable, until the budget is spent or the signal aborts. */
export async function retrying<T>(
  call: () => Promise<T>,
  patience: Patience,
  clock: Clock,
  random: () => number,
): Promise<T> {
  const until = clock.now() + patience.budgetMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof GatewayUnreachable)) throw error;
      const wait = Math.max(backoffMs(attempt, random), error.retryAfterMs ?? 0);
      if (patience.signal?.aborted || clock.now() + wait > until) throw error;
      await clock.sleep(wait, patience.signal);
      if (patience.signal?.aborted) throw error;
    }
  }
}

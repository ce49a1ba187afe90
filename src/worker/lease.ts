import type { Clock } from "./clock.js";
import { describe, FunctionRefused, isNotOurs, TokenRefused } from "./errors.js";
import type { Gateway } from "./gateway.js";
import type { Log } from "./log.js";
import type { Job } from "./protocol.js";

export type HeldLease = {
  /** Aborts when the lease is lost, or can no longer be shown to be held. */
  signal: AbortSignal;
  /** Why it was lost; an error that ends the worker when the token was refused. */
  lostBecause(): string | TokenRefused | null;
  release(): void;
};

export type LeaseTiming = {
  heartbeatIntervalMs: number;
  leaseMs: number;
  /** When the call that gave the lease was sent. */
  claimedAt: number;
};

/**
 * When the lease may end, on our own clock. The gateway's clock may differ from ours, so its `leaseExpiresAt` only
 * shortens the estimate (a claim that was repeated returns an older lease), and never below two heartbeats.
 */
export function firstExpiry(job: Pick<Job, "leaseExpiresAt">, timing: LeaseTiming): number {
  const byServer = job.leaseExpiresAt - timing.claimedAt;
  const floor = 2 * timing.heartbeatIntervalMs;
  return timing.claimedAt + Math.min(timing.leaseMs, Math.max(byServer, floor));
}

/** Beats until released. A refused beat, or none confirmed before the lease would end, aborts the signal. */
export function holdLease(
  gateway: Pick<Gateway, "heartbeat">,
  job: Job,
  timing: LeaseTiming,
  clock: Clock,
  log: Log,
): HeldLease {
  const lost = new AbortController();
  const released = new AbortController();
  const over = AbortSignal.any([lost.signal, released.signal]);
  let expiresAt = firstExpiry(job, timing);
  let reason: string | TokenRefused | null = null;
  const lose = (why: string | TokenRefused) => {
    if (over.aborted) return;
    reason = why;
    lost.abort();
  };

  const beat = async () => {
    let wait = timing.heartbeatIntervalMs;
    for (;;) {
      await clock.sleep(wait, over);
      if (over.aborted) return;
      const sentAt = clock.now();
      try {
        if (!(await gateway.heartbeat(job))) return lose("the heartbeat was refused");
        expiresAt = sentAt + timing.leaseMs;
        wait = timing.heartbeatIntervalMs;
      } catch (error) {
        if (error instanceof TokenRefused) return lose(error);
        if (error instanceof FunctionRefused && isNotOurs(error)) return lose(error.message);
        log.warn("heartbeat_failed", { messageId: job.messageId, error: describe(error) });
        wait = Math.min(timing.heartbeatIntervalMs, 2_000);
      }
    }
  };

  const watch = async () => {
    while (!over.aborted) {
      const left = expiresAt - clock.now();
      if (left <= 0) return lose("no heartbeat was confirmed in time");
      await clock.sleep(left, over);
    }
  };

  void beat();
  void watch();
  return { signal: lost.signal, lostBecause: () => reason, release: () => released.abort() };
}

/** The worker's lifecycle on one page, and the decisions about liveness and idleness. */
import { IDLE_HEARTBEAT_MS, type LoadedSkills, type WorkerStatus } from "./validators.js";

/** The only legal moves; a move to the same status is a no-op. `stopped` is terminal. */
export const TRANSITIONS: Readonly<Record<WorkerStatus, readonly WorkerStatus[]>> = {
  active: ["draining"],
  draining: ["stopping"],
  stopping: ["stopped"],
  stopped: [],
};

export function canTransition(from: WorkerStatus, to: WorkerStatus): boolean {
  return from === to || TRANSITIONS[from].includes(to);
}

/** True while the worker gave a sign of life within `staleAfterMs`. */
export function isFresh(
  worker: { heartbeatAt: number },
  staleAfterMs: number,
  now: number,
): boolean {
  return worker.heartbeatAt > now - staleAfterMs;
}

/**
 * When an idle worker is due to drain: idleTimeoutMs after its last claim, but a worker that was busy longer
 * than that still gets a minute (or its whole idle time, if shorter) for the user's next message.
 */
export function idleDeadline(lastClaimAt: number, idleTimeoutMs: number, now: number): number {
  return Math.max(
    lastClaimAt + idleTimeoutMs,
    now + Math.min(idleTimeoutMs, MIN_IDLE_AFTER_WORK_MS),
  );
}
const MIN_IDLE_AFTER_WORK_MS = 60_000;

/**
 * How old an idle worker's heartbeat may grow before a poll renews it: a minute, but always well before the worker
 * would count as stale.
 */
export function idleHeartbeatMs(staleAfterMs: number): number {
  return Math.min(IDLE_HEARTBEAT_MS, Math.floor(staleAfterMs / 3));
}

/** A line for the trail: what was loaded, then what was not. */
export function describeSkills({ skills, refused }: LoadedSkills): string {
  const loaded = skills.map(({ slug, version }) => `${slug}@${version}`).join(", ");
  const missing = refused.map(({ slug }) => slug).join(", ");
  return [loaded, missing === "" ? "" : `not loaded: ${missing}`].filter(Boolean).join("; ");
}

/**
 * Pause between the polls of an idle worker. Short right after work, when a follow-up is likely; a worker
 * that idles for an hour makes about 300 calls.
 */
export function pollDelayMs(idleForMs: number): number {
  if (idleForMs < 30_000) return 1_000;
  if (idleForMs < 120_000) return 3_000;
  if (idleForMs < 600_000) return 10_000;
  return 15_000;
}

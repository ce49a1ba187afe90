/** The journey of a message as lines that a person can follow. Pure: events in, lines out. */

export type JourneyEvent = {
  /** Of a message or of a worker; decides the words. */
  source: "message" | "machine";
  subject: string;
  kind: string;
  at: number;
  detail: string | null;
};

/** The phases in their order; a journey is complete when each happened. */
export const PHASES = [
  "queued",
  "decided",
  "machine created",
  "booted",
  "claimed",
  "hydrated",
  "answered",
  "completed",
  "draining",
  "snapshot",
  "destroyed",
] as const;
export type Phase = (typeof PHASES)[number];

const PHASE_OF: Readonly<Record<string, Phase>> = {
  "message/enqueued": "queued",
  "machine/reserved": "decided",
  "machine/created": "machine created",
  "machine/adopted": "machine created",
  "machine/ready": "booted",
  "message/claimed": "claimed",
  "message/hydrated": "hydrated",
  "message/answer_stored": "answered",
  "message/completed": "completed",
  "machine/drain": "draining",
  "machine/snapshot_ready": "snapshot",
  "machine/stopped": "destroyed",
};

const LABELS: Readonly<Record<string, string>> = {
  destroyed: "machine gone",
  gone: "machine died",
};

export function phaseOf(event: JourneyEvent): Phase | null {
  return PHASE_OF[`${event.source}/${event.kind}`] ?? null;
}

/**
 * The time of every phase, in milliseconds since the first event: the first event of the phase that does not come
 * before the phase before it. So the journey is that of the worker that answered, not of one that was killed.
 */
export function phaseTimes(events: readonly JourneyEvent[]): Map<Phase, number> {
  const ordered = [...events].sort((a, b) => a.at - b.at);
  const start = ordered[0]?.at ?? 0;
  const times = new Map<Phase, number>();
  let reached = start;
  for (const phase of PHASES) {
    const next = ordered.find((event) => phaseOf(event) === phase && event.at >= reached);
    if (next === undefined) continue;
    reached = next.at;
    times.set(phase, next.at - start);
  }
  return times;
}

/** The phases that have not happened. */
export function missingPhases(times: ReadonlyMap<Phase, number>): Phase[] {
  return PHASES.filter((phase) => !times.has(phase));
}

/** One event as a line: time since the start, phase or kind, subject, detail. */
export function eventLine(event: JourneyEvent, startAt: number): string {
  const label = phaseOf(event) ?? LABELS[event.kind] ?? event.kind.replaceAll("_", " ");
  const detail = event.detail === null || event.detail === "" ? "" : `  ${event.detail}`;
  return `${milliseconds(event.at - startAt)}  ${label.padEnd(16)} ${event.subject}${detail}`;
}

/** The table at the end: every phase with the time it took. */
export function summary(times: ReadonlyMap<Phase, number>, costUsd: number): string[] {
  let previous = 0;
  const rows = PHASES.map((phase) => {
    const at = times.get(phase);
    if (at === undefined) return `  ${phase.padEnd(16)}        –`;
    const took = at - previous;
    previous = at;
    const bar = "▪".repeat(Math.min(40, Math.round(took / 250)));
    return `  ${phase.padEnd(16)} ${milliseconds(at)}  +${String(took).padStart(5)} ms ${bar}`;
  });
  return [...rows, `  ${"cost".padEnd(16)} $${costUsd.toFixed(6)} by the meter of the local Fly`];
}

function milliseconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2).padStart(7)} s`;
}

/**
 * A meter and what it charges. A charge may be negative: what was charged on the belief that a machine still ran is
 * given back when it turns out to have ended earlier. Pure.
 */
import { DAY_MS, HOUR_MS } from "../../shared/time.js";
import {
  ACCRUE_EVERY_MS,
  type Meter,
  type MeteredPhase,
  type Rates,
  type Usage,
} from "./validators.js";

export type Charge = { kind: "running" | "stopped" | "volume"; from: number; to: number };
export type Metered = { meter: Meter; charges: Charge[] };

export const NO_USAGE: Usage = { runningMs: 0, stoppedMs: 0, volumeMs: 0, usd: 0 };

/** A meter at the moment when the volume is ordered; the machine comes later. */
export function newMeter(rates: Rates, now: number): Meter {
  return {
    rates,
    phase: "none",
    phaseSince: now,
    machineUntil: now,
    hasVolume: true,
    volumeUntil: now,
  };
}

/** Charges machine and volume up to `now` as they are. */
export function accrue(meter: Meter, now: number): Metered {
  const machine = chargeMachine(meter, now);
  const volume = chargeVolume(machine.meter, now);
  return { meter: volume.meter, charges: [...machine.charges, ...volume.charges] };
}

/**
 * The machine is in `phase` since `at`, which is found out at `now`. An `at` before the last known change is taken for
 * that change: providers and we have different clocks.
 */
export function changePhase(meter: Meter, phase: MeteredPhase, at: number, now: number): Metered {
  if (meter.phase === phase) return { meter, charges: [] };
  const since = Math.min(now, Math.max(meter.phaseSince, at));
  const before = chargeMachine(meter, since);
  const after = chargeMachine({ ...before.meter, phase, phaseSince: since }, now);
  return { meter: after.meter, charges: [...before.charges, ...after.charges] };
}

/** The volume is gone since `at`. */
export function endVolume(meter: Meter, at: number): Metered {
  const charged = chargeVolume(meter, at);
  return { ...charged, meter: { ...charged.meter, hasVolume: false } };
}

/** The volume is there (again) since `now`. */
export function beginVolume(meter: Meter, now: number): Meter {
  return meter.hasVolume ? meter : { ...meter, hasVolume: true, volumeUntil: now };
}

/** The machine's guest does not run since `stoppedAt`, and nothing of it is left since `goneAt`. */
export function endMachine(meter: Meter, stoppedAt: number, goneAt: number, now: number): Metered {
  const stopped = meter.phase === "running" ? changePhase(meter, "stopped", stoppedAt, now) : null;
  const gone = changePhase(stopped?.meter ?? meter, "none", goneAt, now);
  return { meter: gone.meter, charges: [...(stopped?.charges ?? []), ...gone.charges] };
}

/** What is known of a machine whose end nobody saw. */
export type Traces = {
  /** In a list or by its id. */
  seenAt: number;
  /** A call of its worker, which is never silent for longer than `silenceMs`; its creation counts as one. */
  heardAt: number;
  silenceMs: number;
  /** We ordered its end, if it was still there; null: we did not. */
  orderedAt: number | null;
  missingAt: number;
};

/** Meters learn at least this often that a listed machine is there. */
const SEEN_EVERY_MS = 2 * ACCRUE_EVERY_MS;

/**
 * When it ended: as ordered, if there was a sign of it then; or, of a worker that spoke until then, while it was silent
 * as usual; or half-way between the last sign of it and its absence.
 */
export function estimateEnd(traces: Traces): number {
  const { seenAt, heardAt, silenceMs, orderedAt, missingAt } = traces;
  const last = Math.min(missingAt, Math.max(seenAt, heardAt));
  if (orderedAt !== null && orderedAt - last <= SEEN_EVERY_MS)
    return Math.min(missingAt, Math.max(last, orderedAt));
  const spokeUntilThen = seenAt - heardAt <= silenceMs;
  const unknownMs = spokeUntilThen ? Math.min(missingAt - last, silenceMs) : missingAt - last;
  return last + unknownMs / 2;
}

function chargeMachine(meter: Meter, to: number): Metered {
  const { phase, machineUntil: from } = meter;
  const charges = phase === "none" || from === to ? [] : [{ kind: phase, from, to }];
  return { meter: { ...meter, machineUntil: to }, charges };
}

function chargeVolume(meter: Meter, to: number): Metered {
  if (!meter.hasVolume || meter.volumeUntil === to) return { meter, charges: [] };
  const charge: Charge = { kind: "volume", from: meter.volumeUntil, to };
  return { meter: { ...meter, volumeUntil: to }, charges: [charge] };
}

/** What a charge is, UTC day by UTC day; `at` lies in the day. */
export function usageByDay(charge: Charge, rates: Rates): { at: number; usage: Usage }[] {
  const sign = charge.to < charge.from ? -1 : 1;
  const [start, end] = sign === 1 ? [charge.from, charge.to] : [charge.to, charge.from];
  const days: { at: number; usage: Usage }[] = [];
  for (let from = start; from < end;) {
    const to = Math.min(end, (Math.floor(from / DAY_MS) + 1) * DAY_MS);
    const ms = sign * (to - from);
    const usage = { ...NO_USAGE, usd: (ms / HOUR_MS) * rates[charge.kind] };
    usage[`${charge.kind}Ms`] = ms;
    days.push({ at: from, usage });
    from = to;
  }
  return days;
}

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    runningMs: a.runningMs + b.runningMs,
    stoppedMs: a.stoppedMs + b.stoppedMs,
    volumeMs: a.volumeMs + b.volumeMs,
    usd: a.usd + b.usd,
  };
}

/** USD per hour that the meter runs up now. */
export function hourlyUsd({ phase, hasVolume, rates }: Meter): number {
  return (phase === "none" ? 0 : rates[phase]) + (hasVolume ? rates.volume : 0);
}

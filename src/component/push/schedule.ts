/**
 * When a push is due: local wall time in the job's zone, resolved by Temporal. The rules, for every zone:
 * - a slot that a clock change skips moves forward by the length of the gap (02:30 becomes 03:30);
 * - a slot that a clock change repeats fires once, at its first occurrence (both: "compatible");
 * - a day of month beyond the end of the month is the month's last day;
 * - the finest recurrence is a slot a day: there is none by minutes or hours.
 */
import { Temporal } from "temporal-polyfill";
import { refuse } from "../../shared/errors.js";
import { SECOND_MS } from "../../shared/time.js";
import type { Periodicity, Schedule, Slot } from "./validators.js";

const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
/** A slot that begins within this time after a job was made or moved counts as gone by. */
const NEXT_SLOT_MARGIN_MS = SECOND_MS;
/** Slots looked at from the day before: skipped days and clock changes take two of them at most. */
const SLOTS_AHEAD = 4;

// ── Checking ────────────────────────────────────────────────────────────────

/**
 * The schedule with a trimmed time, when it fits `periodicity`.
 * @throws INVALID_ARGUMENT naming what is wrong
 */
export function checkSchedule(periodicity: Periodicity, schedule: Schedule): Schedule {
  if (periodicity !== "manual" && schedule.kind === "manual")
    refuse("INVALID_ARGUMENT", "Recurring periodicity requires a non-manual schedule");
  if (schedule.kind !== periodicity)
    refuse("INVALID_ARGUMENT", "Schedule kind must match periodicity");
  return schedule.kind === "manual" ? schedule : checkSlot(schedule);
}

/** The slot with a trimmed time. @throws INVALID_ARGUMENT */
export function checkSlot(slot: Slot): Slot {
  const time = slot.time.trim();
  if (!TIME.test(time)) refuse("INVALID_ARGUMENT", `Invalid time '${slot.time}', expected HH:mm`);
  if (slot.kind === "weekly" && !isWholeWithin(slot.weekday, 1, 7))
    refuse("INVALID_ARGUMENT", "Weekly schedule weekday must be in range 1..7");
  if (
    slot.kind === "monthly" &&
    slot.dayOfMonth !== "last" &&
    !isWholeWithin(slot.dayOfMonth, 1, 31)
  )
    refuse("INVALID_ARGUMENT", "Monthly schedule dayOfMonth must be 1..31 or 'last'");
  return { ...slot, time };
}

/** The times that a template of `periodicity` suggests. @throws INVALID_ARGUMENT */
export function checkSuggestedTimes(periodicity: Periodicity, times: readonly Slot[]): Slot[] {
  if (periodicity === "manual" && times.length > 0)
    refuse("INVALID_ARGUMENT", "Manual template does not accept suggested times");
  if (times.some((slot) => slot.kind !== periodicity))
    refuse("INVALID_ARGUMENT", "All suggested times must match template periodicity");
  return times.map(checkSlot);
}

/** The trimmed zone; every one that the runtime's Intl knows. @throws INVALID_ARGUMENT */
export function checkTimezone(timezone: string): string {
  const zone = timezone.trim();
  if (zone === "") refuse("INVALID_ARGUMENT", "Timezone is required");
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: zone });
  } catch {
    refuse("INVALID_ARGUMENT", `Invalid timezone '${timezone}'`, { timezone });
  }
  return zone;
}

function isWholeWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

// ── The next slot ───────────────────────────────────────────────────────────

/** The first slot for a job that begins or is moved at `now`; undefined for a manual one. */
export function firstRunAt(schedule: Schedule, timezone: string, now: number): number | undefined {
  return nextRunAfter(schedule, timezone, now + NEXT_SLOT_MARGIN_MS);
}

/** The earliest slot strictly later than `after`; undefined for a manual schedule. */
export function nextRunAfter(
  schedule: Schedule,
  timezone: string,
  after: number,
): number | undefined {
  if (schedule.kind === "manual") return undefined;
  const today = Temporal.Instant.fromEpochMilliseconds(Math.floor(after))
    .toZonedDateTimeISO(timezone)
    .toPlainDate();
  const time = Temporal.PlainTime.from(schedule.time.trim());
  // From yesterday: a slot late in that day may have been moved past midnight.
  let date = firstDateFrom(schedule, today.subtract({ days: 1 }));
  for (let i = 0; i < SLOTS_AHEAD; i++) {
    const at = date
      .toPlainDateTime(time)
      .toZonedDateTime(timezone, { disambiguation: "compatible" });
    if (at.epochMilliseconds > after) return at.epochMilliseconds;
    date = followingDate(schedule, date);
  }
  throw new Error(`Unable to compute next ${schedule.kind} run`);
}

/** The first date of the schedule that is not before `date`. */
function firstDateFrom(slot: Slot, date: Temporal.PlainDate): Temporal.PlainDate {
  switch (slot.kind) {
    case "daily":
      return date;
    case "weekly":
      return date.add({ days: (slot.weekday - date.dayOfWeek + 7) % 7 });
    case "monthly": {
      const inMonth = dayOf(date.toPlainYearMonth(), slot.dayOfMonth);
      return Temporal.PlainDate.compare(inMonth, date) >= 0
        ? inMonth
        : followingDate(slot, inMonth);
    }
  }
}

function followingDate(slot: Slot, date: Temporal.PlainDate): Temporal.PlainDate {
  switch (slot.kind) {
    case "daily":
      return date.add({ days: 1 });
    case "weekly":
      return date.add({ days: 7 });
    case "monthly":
      return dayOf(date.toPlainYearMonth().add({ months: 1 }), slot.dayOfMonth);
  }
}

function dayOf(month: Temporal.PlainYearMonth, day: number | "last"): Temporal.PlainDate {
  return month.toPlainDate({ day: day === "last" ? month.daysInMonth : day });
}

// ── Edits ───────────────────────────────────────────────────────────────────

type Timing = { schedule: Schedule; timezone: string; enabled: boolean; nextRunAt?: number };

/**
 * The next run of a job after an edit, in this order:
 * - disabled: none;
 * - a slot is due and was not dispatched yet: it stays, whatever else changed;
 * - the timing is the same and a run is planned: it stays;
 * - otherwise the first slot from now.
 */
export function runAfterEdit(
  before: Timing,
  after: Omit<Timing, "nextRunAt">,
  now: number,
): number | undefined {
  if (!after.enabled) return undefined;
  const planned = before.enabled ? before.nextRunAt : undefined;
  const sameTiming =
    before.timezone === after.timezone && isSameSchedule(before.schedule, after.schedule);
  if (planned !== undefined && (planned <= now || sameTiming)) return planned;
  return firstRunAt(after.schedule, after.timezone, now);
}

function isSameSchedule(a: Schedule, b: Schedule): boolean {
  if (a.kind === "manual" || b.kind === "manual") return a.kind === b.kind;
  if (a.kind !== b.kind || a.time.trim() !== b.time.trim()) return false;
  if (a.kind === "weekly" && b.kind === "weekly") return a.weekday === b.weekday;
  if (a.kind === "monthly" && b.kind === "monthly") return a.dayOfMonth === b.dayOfMonth;
  return true;
}

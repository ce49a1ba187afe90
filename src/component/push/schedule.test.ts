/**
 * Slots against a table: for each zone the clock changes follow from its published rule, written down here as
 * arithmetic on UTC. Neither Intl nor Temporal takes part in what is expected.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../shared/time.js";
import {
  checkSchedule,
  checkSlot,
  checkSuggestedTimes,
  checkTimezone,
  firstRunAt,
  nextRunAfter,
  runAfterEdit,
} from "./schedule.js";
import type { Schedule, Slot } from "./validators.js";

const YEARS = [2024, 2025, 2026] as const;
const START = Date.UTC(2024, 0, 1);
const END = Date.UTC(2027, 0, 1);

// ── Clock changes by rule ───────────────────────────────────────────────────

const SUN = 0;
const THU = 4;
const FRI = 5;

/** Midnight UTC of the first `weekday` on or after a date. */
function onOrAfter(year: number, month: number, day: number, weekday: number): number {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getTime() + ((weekday - date.getUTCDay() + 7) % 7) * DAY_MS;
}
/** Midnight UTC of the last `weekday` of a month. */
function lastOf(year: number, month: number, weekday: number): number {
  const date = new Date(Date.UTC(year, month, 0));
  return date.getTime() - ((date.getUTCDay() - weekday + 7) % 7) * DAY_MS;
}

type Change = { at: number; offset: number };
type Zone = { base: number; changes: (year: number) => Change[] };
const hours = (n: number) => n * HOUR_MS;
const fixed = (offset: number): Zone => ({ base: offset, changes: () => [] });
const europe = (standard: number): Zone => ({
  base: hours(standard),
  changes: (year) => [
    { at: lastOf(year, 3, SUN) + hours(1), offset: hours(standard + 1) },
    { at: lastOf(year, 10, SUN) + hours(1), offset: hours(standard) },
  ],
});
const northAmerica = (standard: number): Zone => ({
  base: hours(standard),
  changes: (year) => [
    { at: onOrAfter(year, 3, 8, SUN) + hours(2 - standard), offset: hours(standard + 1) },
    { at: onOrAfter(year, 11, 1, SUN) + hours(2 - standard - 1), offset: hours(standard) },
  ],
});

const ZONES: Record<string, Zone> = {
  UTC: fixed(0),
  "Asia/Kolkata": fixed(hours(5.5)),
  "Asia/Kathmandu": fixed(hours(5.75)),
  "Pacific/Kiritimati": fixed(hours(14)),
  "Europe/Rome": europe(1),
  "Europe/London": europe(0),
  "America/New_York": northAmerica(-5),
  "America/Los_Angeles": northAmerica(-8),
  // Changes at its own midnight: 00:30 does not exist on one Sunday and exists twice on another.
  "America/Havana": {
    base: hours(-5),
    changes: (year) => [
      { at: onOrAfter(year, 3, 8, SUN) + hours(5), offset: hours(-4) },
      { at: onOrAfter(year, 11, 1, SUN) + hours(5), offset: hours(-5) },
    ],
  },
  "Africa/Cairo": {
    base: hours(2),
    changes: (year) => [
      { at: lastOf(year, 4, FRI) - hours(2), offset: hours(3) },
      { at: lastOf(year, 10, THU) + hours(21), offset: hours(2) },
    ],
  },
  "America/Santiago": {
    base: hours(-3),
    changes: (year) => [
      { at: onOrAfter(year, 4, 2, SUN) + hours(3), offset: hours(-4) },
      { at: onOrAfter(year, 9, 2, SUN) + hours(4), offset: hours(-3) },
    ],
  },
  "Australia/Sydney": {
    base: hours(11),
    changes: (year) => [
      { at: onOrAfter(year, 4, 1, SUN) - hours(8), offset: hours(10) },
      { at: onOrAfter(year, 10, 1, SUN) - hours(8), offset: hours(11) },
    ],
  },
  // Half an hour of daylight saving.
  "Australia/Lord_Howe": {
    base: hours(11),
    changes: (year) => [
      { at: onOrAfter(year, 4, 1, SUN) - hours(9), offset: hours(10.5) },
      { at: onOrAfter(year, 10, 1, SUN) - hours(8.5), offset: hours(11) },
    ],
  },
  "Pacific/Auckland": {
    base: hours(13),
    changes: (year) => [
      { at: onOrAfter(year, 4, 1, SUN) - hours(10), offset: hours(12) },
      { at: lastOf(year, 9, SUN) - hours(10), offset: hours(13) },
    ],
  },
};

/** The instant of a wall time: earliest when it is repeated, moved by the gap when it is skipped. */
function resolver({ base, changes }: Zone): (local: number) => number {
  const all = [{ at: Number.NEGATIVE_INFINITY, offset: base }, ...YEARS.flatMap(changes)];
  return (local) => {
    for (const [index, { at, offset }] of all.entries()) {
      const until = all[index + 1]?.at ?? Number.POSITIVE_INFINITY;
      const instant = local - offset;
      if (instant < at) return local - all[index - 1]!.offset; // before it begins: in its gap
      if (instant < until) return instant;
    }
    throw new Error("no offset");
  };
}

/** Every slot from START to END, in order and each instant once. */
function table(zone: Zone, slot: Slot): number[] {
  const resolve = resolver(zone);
  const [hour, minute] = slot.time.split(":").map(Number);
  const instants = new Set<number>();
  for (let day = START - 2 * DAY_MS; day < END + 2 * DAY_MS; day += DAY_MS) {
    const date = new Date(day);
    const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
    const wanted =
      slot.kind === "daily" ||
      (slot.kind === "weekly" && (date.getUTCDay() || 7) === slot.weekday) ||
      (slot.kind === "monthly" &&
        date.getUTCDate() ===
          (slot.dayOfMonth === "last" ? last : Math.min(slot.dayOfMonth, last)));
    if (wanted) instants.add(resolve(day + hour! * HOUR_MS + minute! * MINUTE_MS));
  }
  return [...instants].sort((a, b) => a - b).filter((at) => at > START && at < END);
}

/** The same by asking for one slot after the other. */
function chain(zone: string, slot: Slot): number[] {
  const instants: number[] = [];
  for (let at = nextRunAfter(slot, zone, START); at !== undefined && at < END;)
    at = nextRunAfter(slot, zone, (instants.push(at), at));
  return instants;
}

const TIMES = ["00:00", "00:30", "02:30", "23:45"];
const SLOTS: Slot[] = [
  ...[...TIMES, "01:59", "02:00"].map((time): Slot => ({ kind: "daily", time })),
  ...TIMES.flatMap((time) => [1, 5, 7].map((weekday): Slot => ({ kind: "weekly", weekday, time }))),
  ...TIMES.flatMap((time) =>
    ([1, 29, 30, 31, "last"] as const).map((dayOfMonth): Slot => ({
      kind: "monthly",
      dayOfMonth,
      time,
    })),
  ),
];

describe("slots of three years", () => {
  test.each(Object.entries(ZONES))("%s", (name, zone) => {
    for (const slot of SLOTS)
      expect(chain(name, slot), JSON.stringify(slot)).toEqual(table(zone, slot));
  });

  test("the table holds clock changes", () => {
    const zone = ZONES["Europe/Rome"]!;
    const slots = table(zone, { kind: "daily", time: "02:30" });
    const steps = new Set(slots.map((at, i) => at - (slots[i - 1] ?? at - DAY_MS)));
    expect([...steps].sort((a, b) => a - b).map((ms) => ms / HOUR_MS)).toEqual([23, 24, 25]);
  });
});

describe("clock changes", () => {
  const iso = (at: number | undefined) => new Date(at ?? NaN).toISOString();
  test.each([
    // 02:30 does not exist: 03:30 summer time.
    ["Europe/Rome", "2026-03-28T12:00Z", "02:30", "2026-03-29T01:30:00.000Z"],
    ["America/New_York", "2026-03-07T12:00Z", "02:30", "2026-03-08T07:30:00.000Z"],
    // 02:30 and 01:30 exist twice: the first one.
    ["Europe/Rome", "2026-10-24T12:00Z", "02:30", "2026-10-25T00:30:00.000Z"],
    ["America/New_York", "2026-10-31T12:00Z", "01:30", "2026-11-01T05:30:00.000Z"],
  ])("%s from %s at %s", (zone, from, time, expected) => {
    const slot = { kind: "daily", time } as const;
    const at = nextRunAfter(slot, zone, Date.parse(from));
    expect(iso(at)).toBe(expected);
    expect(nextRunAfter(slot, zone, at!)! - at!).toBeGreaterThan(20 * HOUR_MS);
  });

  test("a day that a zone skipped fires once, with the next one", () => {
    // Samoa crossed the date line: there was no 30 December 2011.
    const slot = { kind: "daily", time: "09:00" } as const;
    const first = nextRunAfter(slot, "Pacific/Apia", Date.UTC(2011, 11, 29, 20))!;
    const second = nextRunAfter(slot, "Pacific/Apia", first)!;
    expect(iso(first)).toBe("2011-12-30T19:00:00.000Z");
    expect(second - first).toBe(DAY_MS);
  });
});

test("the next slot is later, the earliest, and shows its own wall time or the one after the gap", () => {
  const zones = fc.constantFrom(...Object.keys(ZONES));
  const two = (n: number) => String(n).padStart(2, "0");
  const time = fc
    .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
    .map(([h, m]) => `${two(h)}:${two(m)}`);
  fc.assert(
    fc.property(zones, time, fc.integer({ min: START, max: END }), (zone, at, after) => {
      const slot = { kind: "daily", time: at } as const;
      const next = nextRunAfter(slot, zone, after)!;
      expect(next).toBeGreaterThan(after);
      expect(nextRunAfter(slot, zone, next - 1)).toBe(next);
      expect(next - after).toBeLessThanOrEqual(26 * HOUR_MS);
    }),
    { numRuns: 300 },
  );
});

describe("a first run", () => {
  const slot = { kind: "daily", time: "09:00" } as const;
  const nine = Date.UTC(2026, 4, 1, 9);
  test("is more than a second away", () => {
    expect(firstRunAt(slot, "UTC", nine - 1_001)).toBe(nine);
    expect(firstRunAt(slot, "UTC", nine - 1_000)).toBe(nine + DAY_MS);
  });
  test("does not exist for manual schedules", () => {
    expect(firstRunAt({ kind: "manual" }, "UTC", nine)).toBeUndefined();
  });
});

describe("an edit", () => {
  const daily: Schedule = { kind: "daily", time: "09:00" };
  const later: Schedule = { kind: "daily", time: "18:00" };
  const nine = Date.UTC(2026, 4, 1, 9);
  const before = { schedule: daily, timezone: "UTC", enabled: true, nextRunAt: nine };
  const same = { schedule: daily, timezone: "UTC", enabled: true };
  test("of a due job keeps the slot", () => {
    expect(runAfterEdit(before, same, nine + 1)).toBe(nine);
    expect(runAfterEdit(before, { ...same, schedule: later }, nine)).toBe(nine);
    expect(runAfterEdit(before, { ...same, schedule: { kind: "manual" } }, nine)).toBe(nine);
  });
  test("just before the slot keeps it", () => {
    expect(runAfterEdit(before, same, nine - 1)).toBe(nine);
  });
  test("of the timing moves a slot that is not due", () => {
    expect(runAfterEdit(before, { ...same, schedule: later }, nine - 1)).toBe(nine + 9 * HOUR_MS);
    expect(runAfterEdit(before, { ...same, timezone: "Asia/Kolkata" }, nine - 10)).toBe(
      nine + 18.5 * HOUR_MS,
    );
  });
  test("that disables takes the run away; enabling plans the next", () => {
    expect(runAfterEdit(before, { ...same, enabled: false }, nine)).toBeUndefined();
    const off = { schedule: daily, timezone: "UTC", enabled: false };
    expect(runAfterEdit(off, same, nine)).toBe(nine + DAY_MS);
  });
});

describe("refusals", () => {
  const daily = (time: string): Slot => ({ kind: "daily", time });
  test.each([["9:00"], ["24:00"], ["09:60"], [""], ["noon"], ["09:00:00"]])("time %j", (time) => {
    expect(() => checkSlot(daily(time))).toThrow(`Invalid time '${time}', expected HH:mm`);
  });
  test("blanks around a time are tolerated", () => {
    expect(checkSlot(daily(" 09:05 "))).toEqual(daily("09:05"));
  });
  test.each([0, 8, 1.5, NaN])("weekday %j", (weekday) => {
    expect(() => checkSlot({ kind: "weekly", weekday, time: "09:00" })).toThrow(
      "Weekly schedule weekday must be in range 1..7",
    );
  });
  test.each([0, 32, 1.5, NaN])("day of month %j", (dayOfMonth) => {
    expect(() => checkSlot({ kind: "monthly", dayOfMonth, time: "09:00" })).toThrow(
      "Monthly schedule dayOfMonth must be 1..31 or 'last'",
    );
  });
  test("kinds", () => {
    expect(() => checkSchedule("weekly", daily("09:00"))).toThrow(
      "Schedule kind must match periodicity",
    );
    expect(() => checkSchedule("manual", daily("09:00"))).toThrow(
      "Schedule kind must match periodicity",
    );
    expect(() => checkSchedule("daily", { kind: "manual" })).toThrow(
      "Recurring periodicity requires a non-manual schedule",
    );
    expect(() => checkSuggestedTimes("manual", [daily("09:00")])).toThrow(
      "Manual template does not accept suggested times",
    );
    expect(() => checkSuggestedTimes("weekly", [daily("09:00")])).toThrow(
      "All suggested times must match template periodicity",
    );
  });
  test("zones", () => {
    expect(() => checkTimezone("  ")).toThrow("Timezone is required");
    expect(() => checkTimezone("Mars/Olympus")).toThrow("Invalid timezone 'Mars/Olympus'");
    for (const zone of Intl.supportedValuesOf("timeZone")) {
      expect(checkTimezone(zone)).toBe(zone);
      expect(nextRunAfter(daily("09:00"), zone, START)).toBeGreaterThan(START);
    }
    expect(checkTimezone(" Europe/Rome ")).toBe("Europe/Rome");
  });
});

import { describe, expect, test } from "vitest";
import { nextRun, type CronSchedule } from "./schedule.js";

// A Thursday.
const NOW = "2026-01-15T10:20:30.500Z";

const next = (schedule: CronSchedule, after = NOW) =>
  new Date(nextRun(schedule, Date.parse(after))).toISOString().replace(":00.000Z", "Z");

describe("nextRun", () => {
  test.each<[CronSchedule, string]>([
    [{ type: "interval", minutes: 5 }, "2026-01-15T10:25:30.500Z"],
    [{ type: "interval", seconds: 1 }, "2026-01-15T10:20:31.500Z"],
    [{ type: "interval", hours: 2 }, "2026-01-15T12:20:30.500Z"],
    [{ type: "hourly" }, "2026-01-15T11:00Z"],
    [{ type: "hourly", minuteUTC: 21 }, "2026-01-15T10:21Z"],
    [{ type: "hourly", minuteUTC: 20 }, "2026-01-15T11:20Z"],
    [{ type: "daily", hourUTC: 10, minuteUTC: 20 }, "2026-01-16T10:20Z"],
    [{ type: "daily", hourUTC: 23 }, "2026-01-15T23:00Z"],
    [{ type: "weekly", dayOfWeek: "thursday", hourUTC: 9 }, "2026-01-22T09:00Z"],
    [{ type: "weekly", dayOfWeek: "sunday", hourUTC: 9 }, "2026-01-18T09:00Z"],
    [{ type: "monthly", day: 31, hourUTC: 0 }, "2026-01-31T00:00Z"],
    [{ type: "monthly", day: 1, hourUTC: 0, minuteUTC: 5 }, "2026-02-01T00:05Z"],
    [{ type: "cron", cron: "*/15 * * * *" }, "2026-01-15T10:30Z"],
    [{ type: "cron", cron: "5/20 8-9,22 * * *" }, "2026-01-15T22:05Z"],
    [{ type: "cron", cron: "0 0 29 2 *" }, "2028-02-29T00:00Z"],
    [{ type: "cron", cron: "0 0 * * 7" }, "2026-01-18T00:00Z"],
    [{ type: "cron", cron: "0 0 1 * 5" }, "2026-01-16T00:00Z"],
  ])("%j → %s", (schedule, expected) => {
    expect(next(schedule)).toBe(expected);
  });

  test("short months are skipped", () => {
    const schedule: CronSchedule = { type: "monthly", day: 31, hourUTC: 0 };
    expect(next(schedule, "2026-01-31T00:00:00Z")).toBe("2026-03-31T00:00Z");
  });

  test.each(["* * *", "60 * * * *", "*/0 * * * *", "0 0 30 2 *", "0 0 * * MON"])(
    "%s is refused",
    (cron) => {
      expect(() => next({ type: "cron", cron })).toThrow();
    },
  );
});

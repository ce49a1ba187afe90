/** Schedules in words and from form fields. */
export type Schedule =
  | { kind: "manual" }
  | { kind: "daily"; time: string }
  | { kind: "weekly"; time: string; weekday: number }
  | { kind: "monthly"; time: string; dayOfMonth: number | "last" };

export const WEEKDAYS = [
  "Monday",
  "Tuesday",
  "Wednesday",
  "Thursday",
  "Friday",
  "Saturday",
  "Sunday",
];

export function scheduleText(schedule: Schedule): string {
  switch (schedule.kind) {
    case "manual":
      return "only by hand";
    case "daily":
      return `every day at ${schedule.time}`;
    case "weekly":
      return `every ${WEEKDAYS[schedule.weekday - 1] ?? "week"} at ${schedule.time}`;
    case "monthly":
      return schedule.dayOfMonth === "last"
        ? `on the last day of the month at ${schedule.time}`
        : `on day ${schedule.dayOfMonth} of the month at ${schedule.time}`;
  }
}

export type ScheduleFields = {
  kind: Schedule["kind"];
  time: string;
  weekday: string;
  dayOfMonth: string;
};

export const DEFAULT_SCHEDULE: ScheduleFields = {
  kind: "daily",
  time: "09:00",
  weekday: "1",
  dayOfMonth: "1",
};

export function scheduleOf({ kind, time, weekday, dayOfMonth }: ScheduleFields): Schedule {
  switch (kind) {
    case "manual":
      return { kind };
    case "daily":
      return { kind, time };
    case "weekly":
      return { kind, time, weekday: Number(weekday) };
    case "monthly":
      return { kind, time, dayOfMonth: dayOfMonth === "last" ? "last" : Number(dayOfMonth) };
  }
}

/** The zone of this browser. */
export const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
export const ZONES: readonly string[] = [
  ...new Set([OWN_ZONE, ...Intl.supportedValuesOf("timeZone")]),
];

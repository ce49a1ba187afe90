/** When a cron runs next. Everything but intervals is a cron string at minute granularity, in UTC. */

export type CronSchedule =
  | { type: "interval"; seconds?: number; minutes?: number; hours?: number }
  | { type: "hourly"; minuteUTC?: number }
  | { type: "daily"; hourUTC: number; minuteUTC?: number }
  | { type: "weekly"; dayOfWeek: string; hourUTC: number; minuteUTC?: number }
  | { type: "monthly"; day: number; hourUTC: number; minuteUTC?: number }
  | { type: "cron"; cron: string };

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Leap days come every four years, but for 1900, 2100, …: eight years see any date. */
const HORIZON_MS = 8 * 366 * DAY_MS;
const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** The first time after `after` (both in ms since the epoch). */
export function nextRun(schedule: CronSchedule, after: number): number {
  if (schedule.type === "interval") {
    const { seconds = 0, minutes = 0, hours = 0 } = schedule;
    return after + (seconds + 60 * minutes + 3600 * hours) * 1000;
  }
  return nextCron(cronString(schedule), after);
}

function cronString(schedule: Exclude<CronSchedule, { type: "interval" }>): string {
  if (schedule.type === "cron") return schedule.cron;
  const minute = schedule.minuteUTC ?? 0;
  switch (schedule.type) {
    case "hourly":
      return `${minute} * * * *`;
    case "daily":
      return `${minute} ${schedule.hourUTC} * * *`;
    case "weekly":
      return `${minute} ${schedule.hourUTC} * * ${DAYS.indexOf(schedule.dayOfWeek)}`;
    case "monthly":
      return `${minute} ${schedule.hourUTC} ${schedule.day} * *`;
  }
}

function nextCron(cron: string, after: number): number {
  const fields = cron.trim().split(/\s+/);
  const [minute, hour, day, month, weekday] = fields;
  if (!minute || !hour || !day || !month || !weekday || fields.length !== 5) {
    throw new Error(`A cron string has five fields: "${cron}"`);
  }
  const minutes = parseField(minute, 0, 59);
  const hours = parseField(hour, 0, 23);
  const days = parseField(day, 1, 31);
  const months = parseField(month, 1, 12);
  const weekdays = parseField(weekday, 0, 7);
  if (weekdays.has(7)) weekdays.add(0);
  const dayMatches = (at: Date) => {
    if (!months.has(at.getUTCMonth() + 1)) return false;
    const [byDay, byWeekday] = [days.has(at.getUTCDate()), weekdays.has(at.getUTCDay())];
    // The classic rule: two restricted day fields widen each other.
    return day !== "*" && weekday !== "*" ? byDay || byWeekday : byDay && byWeekday;
  };

  let at = (Math.floor(after / MINUTE_MS) + 1) * MINUTE_MS;
  while (at < after + HORIZON_MS) {
    const date = new Date(at);
    if (!dayMatches(date)) at = (Math.floor(at / DAY_MS) + 1) * DAY_MS;
    else if (hours.has(date.getUTCHours()) && minutes.has(date.getUTCMinutes())) return at;
    else at += MINUTE_MS;
  }
  throw new Error(`This cron never runs: "${cron}"`);
}

/** `*`, `5`, `1-5`, `*` or a range with `/step`, and lists of those. */
function parseField(field: string, min: number, max: number): Set<number> {
  const values = new Set<number>();
  for (const part of field.split(",")) {
    const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
    if (match === null) throw new Error(`Unsupported cron field "${field}"`);
    const [, first, last, step] = match;
    const from = first === undefined ? min : Number(first);
    const open = first === undefined || (last === undefined && step !== undefined);
    const to = open ? max : Number(last ?? first);
    if (from < min || to > max || step === "0")
      throw new Error(`Cron field out of range: "${field}"`);
    for (let value = from; value <= to; value += Number(step ?? 1)) values.add(value);
  }
  return values;
}

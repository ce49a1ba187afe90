/** How times, sizes and names look, everywhere. */
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "12 s", "3 min", "2 h", "5 d". */
export function durationText(ms: number): string {
  const span = Math.max(0, ms);
  if (span < MINUTE) return `${Math.floor(span / SECOND)} s`;
  if (span < HOUR) return `${Math.floor(span / MINUTE)} min`;
  if (span < 2 * DAY) return `${Math.floor(span / HOUR)} h`;
  return `${Math.floor(span / DAY)} d`;
}

export function agoText(at: number, now: number): string {
  return now - at < SECOND ? "just now" : `${durationText(now - at)} ago`;
}

export function inText(at: number, now: number): string {
  return at <= now ? "now" : `in ${durationText(at - now)}`;
}

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DATE_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Today: the time of day; else with its date. */
export function timeText(at: number, now = Date.now()): string {
  return Math.abs(now - at) < 12 * HOUR ? TIME.format(at) : DATE_TIME.format(at);
}

/** A moment on the clocks of another zone: "Mon, Nov 23, 09:00". */
export function zoneTimeText(at: number, timeZone: string): string {
  try {
    return new Intl.DateTimeFormat(undefined, {
      timeZone,
      weekday: "short",
      day: "numeric",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    }).format(at);
  } catch {
    return DATE_TIME.format(at);
  }
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

export function usdText(usd: number): string {
  return usd > 0 && usd < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`;
}

/** Long ids are told apart by their end. */
export function shortId(id: string): string {
  return id.length <= 14 ? id : `…${id.slice(-10)}`;
}

export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** UTC days and months by their names: 2026-11-22, 2026-11. */
import { DAY_MS } from "../../shared/time.js";
import type { Granularity } from "./validators.js";

export function periodOf(granularity: Granularity, at: number): string {
  return new Date(at).toISOString().slice(0, granularity === "day" ? 10 : 7);
}

/** The first moment after the period that `at` is in. */
export function periodEnd(granularity: Granularity, at: number): number {
  const date = new Date(at);
  return granularity === "day"
    ? (Math.floor(at / DAY_MS) + 1) * DAY_MS
    : Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

/** The name of the period that lies `count` periods before the one of `at`. */
export function periodBefore(granularity: Granularity, at: number, count: number): string {
  const date = new Date(at);
  return granularity === "day"
    ? periodOf("day", at - count * DAY_MS)
    : periodOf("month", Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - count, 1));
}

import { refuse } from "../../shared/errors.js";

/** The caller's clock, or ours. A clock that is no time would make times that never come. */
export function clock(nowMs: number | undefined): number {
  if (nowMs === undefined) return Date.now();
  if (!Number.isFinite(nowMs) || nowMs < 0)
    refuse("INVALID_ARGUMENT", `nowMs must be a time in milliseconds, got ${nowMs}.`);
  return nowMs;
}

/** One-line JSON logs. Everything passes `redact`; a field never carries a payload or a secret. */
import { redact } from "../../shared/redact.js";
import { env } from "./functions.js";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];
export type LogFields = Record<string, string | number | boolean | null | undefined>;

/** Writes `event` with `fields` when LOG_LEVEL (default info) lets it through. */
export function log(level: LogLevel, event: string, fields: LogFields = {}): void {
  const threshold = LEVELS.indexOf((env.LOG_LEVEL ?? "info") as LogLevel);
  if (LEVELS.indexOf(level) < Math.max(threshold, 0)) return;
  console[level](redact(JSON.stringify({ event, ...fields })));
}

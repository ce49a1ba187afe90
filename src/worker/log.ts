import { redact } from "../shared/redact.js";
import type { Clock } from "./clock.js";

export type LogFields = Record<string, string | number | boolean | null | undefined>;
export type LogLevel = "info" | "warn" | "error";
export type Log = {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
};

/** Shorter values stand in texts by chance. */
const MIN_SECRET_LENGTH = 6;

/** Takes `secrets` (exact values), and what looks like one, out of a text. */
export function cleaner(secrets: readonly string[]): (text: string) => string {
  const known = secrets.filter((secret) => secret.length >= MIN_SECRET_LENGTH);
  return (text) =>
    redact(known.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text));
}

/**
 * One JSON object a line: `{at, level, event, workerId, …}`. Every string is redacted by pattern, and
 * `secrets` (exact values this process was given) are masked wherever they appear.
 */
export function createLog(options: {
  workerId: string;
  clock: Pick<Clock, "now">;
  write: (line: string) => void;
  secrets?: readonly string[];
}): Log {
  const clean = cleaner(options.secrets ?? []);
  const emit = (level: LogLevel, event: string, fields: LogFields = {}) => {
    const line = {
      at: new Date(options.clock.now()).toISOString(),
      level,
      event,
      workerId: options.workerId,
      ...fields,
    };
    const text = JSON.stringify(line, (_key, value: unknown) =>
      typeof value === "string" ? clean(value) : value,
    );
    options.write(`${text}\n`);
  };
  return {
    info: (event, fields) => emit("info", event, fields),
    warn: (event, fields) => emit("warn", event, fields),
    error: (event, fields) => emit("error", event, fields),
  };
}

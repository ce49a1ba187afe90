import { redact } from "../shared/redact.js";
import type { Clock } from "./clock.js";

export type LogFields = Record<string, string | number | boolean | null | undefined>;
export type LogLevel = "info" | "warn" | "error";
export type Log = {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
};

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
  const secrets = (options.secrets ?? []).filter((secret) => secret.length >= 6);
  const clean = (text: string) =>
    redact(secrets.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text));
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

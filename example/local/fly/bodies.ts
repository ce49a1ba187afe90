import { z } from "zod";
import { bodyText, type LocalRequest } from "./exchange.js";
import { errors } from "./errors.js";

const vGuest = z.looseObject({
  cpu_kind: z.enum(["shared", "performance"]).default("shared"),
  cpus: z.int().positive().default(1),
  memory_mb: z.int().positive().default(256),
});

const vDuration = z.union([z.string(), z.number()]);

const vSignal = z.enum(["SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGTERM"]);
export type StopSignal = z.infer<typeof vSignal>;

/** What the server acts on is checked; every other field is taken and echoed. */
export const vMachineConfig = z.looseObject({
  image: z.string(),
  env: z.record(z.string(), z.string()).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  init: z.looseObject({}).default({}),
  guest: vGuest.default({ cpu_kind: "shared", cpus: 1, memory_mb: 256 }),
  restart: z
    .looseObject({
      policy: z.enum(["no", "on-failure", "always", "spot-price"]).default("on-failure"),
      max_retries: z.int().nonnegative().optional(),
    })
    .default({ policy: "on-failure", max_retries: 10 }),
  auto_destroy: z.boolean().optional(),
  stop_config: z
    .looseObject({ signal: vSignal.optional(), timeout: vDuration.optional() })
    .optional(),
  mounts: z.array(z.looseObject({ volume: z.string(), path: z.string() })).optional(),
});
export type MachineConfig = z.infer<typeof vMachineConfig>;

export const vCreateMachine = z.looseObject({
  name: z.string().optional(),
  region: z.string().optional(),
  config: vMachineConfig,
  skip_launch: z.boolean().optional(),
  skip_service_registration: z.boolean().optional(),
  lease_ttl: z.number().optional(),
});

export const vStopMachine = z.looseObject({
  signal: vSignal.optional(),
  timeout: vDuration.optional(),
});

export const vCreateVolume = z.looseObject({
  name: z.string(),
  region: z.string().optional(),
  size_gb: z.int().min(1).max(500).default(3),
  encrypted: z.boolean().default(true),
  auto_backup_enabled: z.boolean().default(true),
  snapshot_retention: z.int().min(1).max(60).default(5),
});

/** A body as JSON, refused in the words of the real service when it is not an object. */
export function parseBody<T>(request: LocalRequest, schema: z.ZodType<T>, goType: string): T {
  const text = bodyText(request.body);
  let json: unknown = {};
  if (text.trim() !== "") {
    try {
      json = JSON.parse(text);
    } catch {
      throw errors.invalid("could not parse the body as JSON");
    }
  }
  const type = Array.isArray(json) ? "array" : json === null ? "object" : typeof json;
  if (type === "boolean") throw errors.wrongJsonType("bool", goType);
  if (type !== "object") throw errors.wrongJsonType(type, goType);
  const parsed = schema.safeParse(json ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw errors.invalid(`${issue?.path.join(".") ?? "body"}: ${issue?.message ?? "invalid"}`);
}

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A Go duration such as "1m30s", or a whole number of nanoseconds. */
export function parseDuration(value: string | number): number {
  if (typeof value === "number") return value / 1e6;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) {
    throw errors.invalid(`time: invalid duration "${value}"`);
  }
  let total = 0;
  for (const [, amount = "0", unit = "s"] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (UNIT_MS[unit] ?? 0);
  }
  return total;
}

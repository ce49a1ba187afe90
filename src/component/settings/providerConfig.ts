/** Which provider configs may be stored. Refused when set, so that no pass meets one that cannot work. */
import { agentFactoryError, type ErrorCode } from "../../shared/errors.js";
import type { Guest, Prices, ProviderConfig } from "../config.js";

export type ConfigProblem = { code: ErrorCode; field: string; message: string };

const REQUIRED_TEXTS = [
  "appName",
  "organizationSlug",
  "image",
  "region",
  "volumeName",
  "volumePath",
] as const;

const REGION = /^[a-z][a-z0-9-]{0,31}$/;

/** They become parts of the provider's URLs, of names and of mounts. */
const GRAMMAR: readonly [keyof ProviderConfig, RegExp, string][] = [
  [
    "appName",
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    "lower-case letters, digits and inner dashes, at most 63",
  ],
  ["region", REGION, "one region code such as 'iad'"],
  ["image", /^[^\s\p{Cc}]{1,512}$/u, "an image reference without spaces"],
  ["volumeName", /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, "letters, digits, '_' and '-', at most 63"],
  ["volumePath", /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/, "an absolute path such as '/data'"],
];

/** Fly's sizes: memory per CPU in MB, and how many CPUs a machine can have. */
const GUEST_SIZES = {
  shared: { cpus: [1, 2, 4, 8], stepMb: 256, minPerCpuMb: 256, maxPerCpuMb: 2_048 },
  performance: { cpus: [1, 2, 4, 8, 16], stepMb: 2_048, minPerCpuMb: 2_048, maxPerCpuMb: 8_192 },
} as const;
const MAX_VOLUME_GB = 500;
const MAX_STOP_TIMEOUT_SECONDS = 300;
const MAX_RESTARTS = 100;
const MAX_FALLBACK_REGIONS = 10;
/** Above it a price is a slip, such as cents for dollars. */
const MAX_PRICE = 10_000;

/**
 * The first reason why `config` cannot be used, or null.
 * Also for configs that 3.x stored unchecked, before they are used.
 */
export function findProviderConfigProblem(config: ProviderConfig): ConfigProblem | null {
  if (config.kind !== "fly") {
    return {
      code: "PROVIDER_UNSUPPORTED",
      field: "kind",
      message: `Unsupported provider '${config.kind}'`,
    };
  }
  for (const field of REQUIRED_TEXTS) {
    if (config[field].trim() === "") return missing(field);
  }
  if (!Number.isFinite(config.volumeSizeGb) || config.volumeSizeGb <= 0)
    return missing("volumeSizeGb");
  for (const [field, pattern, expected] of GRAMMAR) {
    const value = String(config[field]);
    if (!pattern.test(value))
      return invalid(field, `must be ${expected}, got '${value.slice(0, 80)}'.`);
  }
  return (
    checkWholeNumber("volumeSizeGb", config.volumeSizeGb, MAX_VOLUME_GB) ??
    (config.stopTimeoutSeconds === undefined
      ? null
      : checkWholeNumber(
          "stopTimeoutSeconds",
          config.stopTimeoutSeconds,
          MAX_STOP_TIMEOUT_SECONDS,
        )) ??
    (config.apiBaseUrl === undefined ? null : checkApiBaseUrl(config.apiBaseUrl)) ??
    (config.guest === undefined ? null : checkGuest(config.guest)) ??
    checkPrices(config.prices ?? {}) ??
    (config.restartMaxRetries === undefined
      ? null
      : checkWholeNumber("restartMaxRetries", config.restartMaxRetries, MAX_RESTARTS)) ??
    checkFallbackRegions(config.fallbackRegions ?? [])
  );
}

/** @throws PROVIDER_UNSUPPORTED, CONFIG_INCOMPLETE or INVALID_ARGUMENT, naming the field. */
export function assertProviderConfig(config: ProviderConfig): void {
  const problem = findProviderConfigProblem(config);
  if (problem !== null)
    throw agentFactoryError(problem.code, problem.message, { field: problem.field });
}

function checkWholeNumber(field: string, value: number, max: number): ConfigProblem | null {
  if (Number.isInteger(value) && value >= 1 && value <= max) return null;
  return invalid(field, `must be a whole number from 1 to ${max}, got ${value}.`);
}

/** The provider's token goes to this address: nothing but TLS, or this very machine. */
function checkApiBaseUrl(text: string): ConfigProblem | null {
  const expected =
    "must be an https:// address, or http:// on this machine (localhost, 127.0.0.1, [::1])";
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return invalid("apiBaseUrl", `${expected}.`);
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return invalid("apiBaseUrl", `${expected}, without user, query or fragment.`);
  }
  const isLoopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback)) return null;
  return invalid("apiBaseUrl", `${expected}.`);
}

function checkGuest({ cpuKind, cpus, memoryMb }: Guest): ConfigProblem | null {
  const size = GUEST_SIZES[cpuKind];
  if (!(size.cpus as readonly number[]).includes(cpus)) {
    return invalid(
      "guest.cpus",
      `must be one of ${size.cpus.join(", ")} for ${cpuKind} CPUs, got ${cpus}.`,
    );
  }
  const [min, max] = [size.minPerCpuMb * cpus, size.maxPerCpuMb * cpus];
  if (Number.isInteger(memoryMb / size.stepMb) && memoryMb >= min && memoryMb <= max) return null;
  return invalid(
    "guest.memoryMb",
    `must be a multiple of ${size.stepMb} from ${min} to ${max} for ${cpus} ${cpuKind} CPUs, got ${memoryMb}.`,
  );
}

function checkFallbackRegions(regions: readonly string[]): ConfigProblem | null {
  if (regions.length > MAX_FALLBACK_REGIONS)
    return invalid(
      "fallbackRegions",
      `must be at most ${MAX_FALLBACK_REGIONS} region codes, got ${regions.length}.`,
    );
  const bad = regions.find((region) => !REGION.test(region));
  return bad === undefined
    ? null
    : invalid("fallbackRegions", `must be region codes such as 'iad', got '${bad.slice(0, 80)}'.`);
}

function checkPrices(prices: Partial<Prices>): ConfigProblem | null {
  for (const [name, price] of Object.entries(prices))
    if (!Number.isFinite(price) || price < 0 || price > MAX_PRICE)
      return invalid(`prices.${name}`, `must be a number from 0 to ${MAX_PRICE}, got ${price}.`);
  return null;
}

function missing(field: string): ConfigProblem {
  return {
    code: "CONFIG_INCOMPLETE",
    field,
    message: `Missing providerConfig.${field}. Pass providerConfig explicitly when starting/reconciling workers.`,
  };
}

function invalid(field: string, what: string): ConfigProblem {
  return { code: "INVALID_ARGUMENT", field, message: `providerConfig.${field} ${what}` };
}

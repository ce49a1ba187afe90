/** Where an agent's bridge is and how it is called: from hydration, then from the machine's environment. */
import { z } from "zod";

/** The bridge part of a hydration bundle. */
export type HydratedBridgeRuntimeConfig = {
  baseUrl: string | null;
  /** JSON object: app key → base URL. */
  appBaseUrlMapJson: string | null;
  serviceId: string | null;
  appKey: string | null;
  serviceKey: string | null;
  /** The secret reference that `serviceKey` came from. */
  serviceKeySecretRef: string | null;
  botIdentity?: string | null;
};

/** Everything a call of the bridge needs. */
export type ResolvedBridgeRuntimeConfig = {
  /** Without a trailing slash. */
  baseUrl: string;
  serviceId: string;
  appKey: string;
  serviceKey: string;
};

/** Environment variables by name; blank ones count as absent. */
export type BridgeEnv = Readonly<Record<string, string | undefined>>;

const ENV_NAMES = {
  baseUrl: ["OPENCLAW_AGENT_BRIDGE_BASE_URL", "AGENT_BRIDGE_BASE_URL"],
  serviceId: ["OPENCLAW_SERVICE_ID", "AGENT_BRIDGE_SERVICE_ID"],
  serviceKey: ["OPENCLAW_SERVICE_KEY", "AGENT_BRIDGE_SERVICE_KEY"],
  appKey: ["OPENCLAW_AGENT_APP", "OPENCLAW_APP_KEY", "AGENT_BRIDGE_APP_KEY"],
} as const;

/** The order in which missing fields are named in the error. */
const FIELDS = ["baseUrl", "serviceId", "serviceKey", "appKey"] as const;

/** The process's own environment; empty where there is no process. */
export function processEnv(): BridgeEnv {
  return typeof process === "undefined" ? {} : process.env;
}

/**
 * Completes the hydrated config from the environment. Each field: hydrated value, then its variables in order;
 * `baseUrl` at last from `appBaseUrlMapJson[appKey]` (a malformed map counts as none). Values are trimmed, and one
 * trailing slash of the base URL is removed.
 *
 * @returns the config, or the fields that are missing in one sentence; never throws
 */
export function resolveBridgeRuntimeConfig(
  hydrated: HydratedBridgeRuntimeConfig | null,
  env: BridgeEnv = processEnv(),
): { ok: true; config: ResolvedBridgeRuntimeConfig } | { ok: false; error: string } {
  const found = Object.fromEntries(
    FIELDS.map((field) => [
      field,
      firstText([hydrated?.[field], ...ENV_NAMES[field].map((name) => env[name])]),
    ]),
  ) as Record<(typeof FIELDS)[number], string | null>;
  found.baseUrl ??= mappedBaseUrl(hydrated?.appBaseUrlMapJson, found.appKey);

  const { baseUrl, serviceId, serviceKey, appKey } = found;
  if (baseUrl === null || serviceId === null || serviceKey === null || appKey === null) {
    const missing = FIELDS.filter((field) => found[field] === null).join(", ");
    return { ok: false, error: `Agent Bridge config incompleta: ${missing}` };
  }
  return {
    ok: true,
    config: { baseUrl: baseUrl.replace(/\/$/, ""), serviceId, appKey, serviceKey },
  };
}

function firstText(values: readonly unknown[]): string | null {
  for (const value of values) {
    if (typeof value === "string" && value.trim() !== "") return value.trim();
  }
  return null;
}

const baseUrlMap = z.record(z.string(), z.unknown());

function mappedBaseUrl(json: string | null | undefined, appKey: string | null): string | null {
  if (!json || appKey === null) return null;
  try {
    const map = baseUrlMap.parse(JSON.parse(json));
    return Object.hasOwn(map, appKey) ? firstText([map[appKey]]) : null;
  } catch {
    return null;
  }
}

/** The environment of a machine, and the addresses in it. */
import { refuse } from "../../shared/errors.js";
import { DEFAULT_WORKER_RUNTIME_ENV } from "../config.js";

/**
 * The HTTP-actions address of a deployment from either form of its URL: `.convex.cloud` becomes `.convex.site`;
 * any other host (self-hosted, local) is taken as it is.
 * @throws CONFIG_INCOMPLETE when it is no http(s) URL
 */
export function siteUrlOf(convexUrl: string): string {
  return rewriteHost(convexUrl, /\.convex\.cloud$/, ".convex.site");
}

/** The API address (`.convex.cloud`) of a deployment from either form of its URL. */
export function cloudUrlOf(convexUrl: string): string {
  return rewriteHost(convexUrl, /\.convex\.site$/, ".convex.cloud");
}

function rewriteHost(convexUrl: string, pattern: RegExp, replacement: string): string {
  const text = convexUrl.trim();
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return refuse(
      "CONFIG_INCOMPLETE",
      "The secret 'convex.url' is not a URL. Import the deployment's URL.",
    );
  }
  if (url.protocol !== "https:" && url.protocol !== "http:")
    refuse("CONFIG_INCOMPLETE", "The secret 'convex.url' must start with https://.");
  const host = url.hostname.replace(pattern, replacement);
  const port = url.port === "" ? "" : `:${url.port}`;
  return `${url.protocol}//${host}${port}${url.pathname.replace(/\/+$/, "")}`;
}

/** `<site><prefix>/worker`: where machines call when the transport is the gateway. */
export function gatewayUrlOf(convexUrl: string, pathPrefix: string): string {
  return `${siteUrlOf(convexUrl)}${pathPrefix}/worker`;
}

/** `<site><prefix>/health`: answers as soon as the routes are mounted. */
export function healthUrlOf(convexUrl: string, pathPrefix: string): string {
  return `${siteUrlOf(convexUrl)}${pathPrefix}/health`;
}

export type EnvironmentInput = {
  convexUrl: string;
  transport: "gateway" | "direct";
  pathPrefix: string;
  workerId: string;
  workspaceId: string;
  idleTimeoutMs: number;
  stopTimeoutSeconds: number;
  conversationId: string | null;
  agentKey: string | null;
  token: string;
  /** Bridge values of the agent the machine is for; blank ones are dropped. */
  bridge: { serviceId?: string; serviceKey?: string; linkingSharedSecret?: string };
  /** From the worker runtime config. */
  extra: Readonly<Record<string, string>>;
};

/** Seconds that a worker leaves unused of the provider's stop grace. */
const STOP_MARGIN_SECONDS = 10;

/**
 * The environment in the order of precedence: defaults, the operator's own, bridge, identity and addresses. Blank
 * values are dropped at the end; a blank identity or address still displaces one that the operator set, a blank
 * bridge value does not. With the gateway, CONVEX_URL carries the token in its path for images that set no header.
 */
export function machineEnvironment(input: EnvironmentInput): Record<string, string> {
  const { bridge } = input;
  const bridgeValues = {
    OPENCLAW_SERVICE_ID: bridge.serviceId ?? "",
    OPENCLAW_SERVICE_KEY: bridge.serviceKey ?? "",
    OPENCLAW_LINKING_SHARED_SECRET: bridge.linkingSharedSecret ?? "",
  };
  return withoutBlanks({
    ...DEFAULT_WORKER_RUNTIME_ENV,
    ...input.extra,
    ...withoutBlanks(bridgeValues),
    ...addresses(input),
    AGENT_FACTORY_STOP_GRACE_MS: String(
      Math.max(1, input.stopTimeoutSeconds - STOP_MARGIN_SECONDS) * 1_000,
    ),
    WORKSPACE_ID: input.workspaceId,
    WORKER_ID: input.workerId,
    AGENT_FACTORY_WORKER_ID: input.workerId,
    WORKER_IDLE_TIMEOUT_MS: String(input.idleTimeoutMs),
    OPENCLAW_AGENT_KEY: input.agentKey ?? "",
    OPENCLAW_CONVERSATION_ID: input.conversationId ?? "",
  });
}

function addresses({ convexUrl, transport, pathPrefix, token }: EnvironmentInput) {
  if (transport === "direct")
    return {
      CONVEX_URL: cloudUrlOf(convexUrl),
      AGENT_FACTORY_GATEWAY_URL: "",
      AGENT_FACTORY_WORKER_TOKEN: "",
    };
  const gatewayUrl = gatewayUrlOf(convexUrl, pathPrefix);
  return {
    CONVEX_URL: `${gatewayUrl}/${token}`,
    AGENT_FACTORY_GATEWAY_URL: gatewayUrl,
    AGENT_FACTORY_WORKER_TOKEN: token,
  };
}

function withoutBlanks(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value.trim() !== ""));
}

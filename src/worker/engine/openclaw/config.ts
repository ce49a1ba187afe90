/** OpenClaw's own files and environment, rendered anew for every start and never part of a snapshot. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { OpenClawSettings } from "./settings.js";

export type Places = {
  /** The memory: both are part of snapshots. */
  stateDir: string;
  workspace: string;
  /** Rebuilt at every start. */
  privateDir: string;
  configFile: string;
};

export function placesIn(dataDir: string): Places {
  const privateDir = join(dataDir, ".agent-factory", "openclaw");
  return {
    stateDir: join(dataDir, ".clawdbot"),
    workspace: join(dataDir, "workspace"),
    privateDir,
    configFile: join(privateDir, "openclaw.json"),
  };
}

/** The session of a conversation. OpenClaw lower-cases session keys, so the id itself would not stay distinct. */
export function sessionKeyOf(conversationId: string): string {
  const digest = createHash("sha256").update(conversationId).digest("hex");
  return `agent:main:af-${digest}`;
}

/**
 * Tools whose other end is not here: a schedule of a machine that will be gone (`cron` is the older name of
 * `automations`), people who sit before the gateway's own screens, devices paired with it, and its own updates.
 */
export const TOOLS_LEFT_OUT = [
  ...["automations", "cron", "gateway", "ask_user", "secrets"],
  ...["nodes", "mobile_ui", "computer"],
];

/** Without any provider's key: `relayUrl` knows them, `relayToken` is only good on this machine. */
export function renderConfig(
  settings: OpenClawSettings,
  options: {
    places: Places;
    port: number;
    gatewayToken: string;
    relayUrl: string;
    relayToken: string;
  },
): object {
  const [provider, ...rest] = settings.model.split("/");
  const id = rest.join("/");
  const reasoning = settings.thinking !== undefined && settings.thinking !== "off";
  const model = {
    ...{ id, name: id, reasoning, input: ["text", "image"] },
    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    ...{ contextWindow: settings.contextTokens, maxTokens: settings.maxOutputTokens },
  };
  const providers = settings.providers.map(({ name, api }) => [
    name,
    {
      baseUrl: `${options.relayUrl}/${encodeURIComponent(name)}`,
      apiKey: options.relayToken,
      api,
      models: name === provider ? [model] : [],
    },
  ]);
  return {
    gateway: {
      ...{ mode: "local", port: options.port, bind: "loopback" },
      auth: { mode: "token", token: options.gatewayToken },
      controlUi: { enabled: false },
      http: { endpoints: { chatCompletions: { enabled: settings.transport === "http" } } },
    },
    agents: {
      defaults: {
        workspace: options.places.workspace,
        skipBootstrap: true,
        // Turns that nobody asked for: they cost, and their answers reach nobody.
        heartbeat: { every: "0m" },
        model: { primary: settings.model },
      },
    },
    tools: { exec: { notifyOnExit: false }, deny: TOOLS_LEFT_OUT },
    // What a former machine's memory has scheduled would call the model, too.
    cron: { enabled: false },
    models: {
      ...{ mode: "merge", catalogRefresh: { enabled: false } },
      providers: Object.fromEntries(providers) as object,
    },
    update: { checkOnStart: false },
    plugins: { allow: ["memory-core"] },
    browser: { enabled: false },
    discovery: { mdns: { mode: "off" } },
  };
}

/** Everything the gateway, and so the agent's shell, knows of our environment. */
export function gatewayEnvironment(
  settings: OpenClawSettings,
  places: Places,
  own: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const harmless = ["PATH", "LANG", "LC_ALL", "TZ"].flatMap((name) =>
    own[name] === undefined ? [] : [[name, own[name]] as const],
  );
  return {
    ...Object.fromEntries(harmless),
    ...settings.forwarded,
    HOME: join(places.privateDir, "home"),
    TMPDIR: join(places.privateDir, "tmp"),
    OPENCLAW_STATE_DIR: places.stateDir,
    OPENCLAW_CONFIG_PATH: places.configFile,
    OPENCLAW_NO_RESPAWN: "1",
    OPENCLAW_NO_AUTO_UPDATE: "1",
    OPENCLAW_DISABLE_BONJOUR: "1",
    OPENCLAW_SKIP_CHANNELS: "1",
    NODE_COMPILE_CACHE: join(places.privateDir, "compile-cache"),
  };
}

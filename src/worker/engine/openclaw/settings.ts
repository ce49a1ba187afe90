/** The engine's part of the environment. */
import { z } from "zod";
import { SECOND_MS } from "../../../shared/time.js";
import { EnvError } from "../../env.js";

export type Environment = Readonly<Record<string, string | undefined>>;
type Auth = "bearer" | "x-api-key";

/** A model provider. Its key stays in this process: OpenClaw calls it through the relay. */
export type Provider = {
  name: string;
  baseUrl: string;
  /** OpenClaw's name for the wire format. */
  api: string;
  apiKey: string;
  auth: Auth;
};

export type OpenClawSettings = {
  /** The installed npm package `openclaw`. */
  packageDir: string;
  /** Node 24 or later. */
  node: string;
  /** `provider/model`. */
  model: string;
  providers: Provider[];
  contextTokens: number;
  maxOutputTokens: number;
  /** Passed with every run; needs a model that reasons. */
  thinking: string | undefined;
  transport: "websocket" | "http";
  /** The user and group of the gateway, when this process may choose: then the agent cannot read our memory or environment. */
  user: { uid: number; gid: number } | null;
  /** Variables that the agent's shell gets beside the harmless ones. */
  forwarded: Record<string, string>;
  readyTimeoutMs: number;
};

const KNOWN: readonly { name: string; baseUrl: string; api: string; key: string; auth: Auth }[] = [
  {
    ...{ name: "openai", baseUrl: "https://api.openai.com/v1", api: "openai-completions" },
    ...{ key: "OPENAI_API_KEY", auth: "bearer" },
  },
  {
    ...{ name: "moonshot", baseUrl: "https://api.moonshot.ai/v1", api: "openai-completions" },
    ...{ key: "MOONSHOT_API_KEY", auth: "bearer" },
  },
  {
    ...{ name: "anthropic", baseUrl: "https://api.anthropic.com", api: "anthropic-messages" },
    ...{ key: "ANTHROPIC_API_KEY", auth: "x-api-key" },
  },
];

/** What a skill needs to call the app's bridge as its agent. */
const FORWARDED = "OPENCLAW_SERVICE_ID,OPENCLAW_SERVICE_KEY,OPENCLAW_LINKING_SHARED_SECRET";

const text = (fallback?: string) =>
  z
    .string()
    .optional()
    .transform((value) => (value?.trim() ? value.trim() : fallback));
const whole = (fallback: number) =>
  text(String(fallback))
    .transform(Number)
    .refine((value) => Number.isSafeInteger(value) && value > 0, "must be a positive whole number");

const schema = z.object({
  AGENT_FACTORY_OPENCLAW_DIR: text("/opt/openclaw/node_modules/openclaw"),
  AGENT_FACTORY_OPENCLAW_NODE: text(process.execPath),
  AGENT_FACTORY_OPENCLAW_TRANSPORT: text("websocket").refine(
    (value) => value === "websocket" || value === "http",
    "must be websocket or http",
  ),
  AGENT_FACTORY_OPENCLAW_USER: text().refine(
    (value) => value === undefined || /^\d+:\d+$/.test(value),
    "must be <uid>:<gid>",
  ),
  AGENT_FACTORY_OPENCLAW_FORWARD: z.string().optional().default(FORWARDED),
  AGENT_FACTORY_OPENCLAW_READY_TIMEOUT_MS: whole(90 * SECOND_MS),
  OPENCLAW_AGENT_MODEL: text().refine(
    (value) => value !== undefined && /^[^\s/]+\/\S+$/.test(value),
    "must be <provider>/<model>, for example openai/gpt-5-mini",
  ),
  OPENCLAW_THINKING: text(),
  AGENT_FACTORY_MODEL_BASE_URL: text().refine(
    (value) => value === undefined || /^https?:\/\/[^\s/]/.test(value),
    "must be an http(s) address",
  ),
  AGENT_FACTORY_MODEL_API_KEY: text(),
  AGENT_FACTORY_MODEL_CONTEXT_TOKENS: whole(128_000),
  AGENT_FACTORY_MODEL_MAX_OUTPUT_TOKENS: whole(8_192),
});

/**
 * Reads the engine's settings. `AGENT_FACTORY_MODEL_BASE_URL` with its key makes the model's provider any
 * OpenAI-compatible server; otherwise the provider is one of those that we know. @throws EnvError
 */
export function parseOpenClawSettings(source: Environment): OpenClawSettings {
  const parsed = schema.safeParse(source);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new EnvError(`${issue?.path.join(".") ?? "environment"}: ${issue?.message ?? "invalid"}`);
  }
  const env = parsed.data;
  const model = env.OPENCLAW_AGENT_MODEL ?? "";
  const providers = providersOf(source, env, model.slice(0, model.indexOf("/")));
  const [uid, gid] = (env.AGENT_FACTORY_OPENCLAW_USER ?? "").split(":").map(Number);
  const forwarded = env.AGENT_FACTORY_OPENCLAW_FORWARD.split(",").flatMap((name) => {
    const value = source[name.trim()];
    return value === undefined || value.trim() === "" ? [] : [[name.trim(), value] as const];
  });
  return {
    packageDir: env.AGENT_FACTORY_OPENCLAW_DIR ?? "",
    node: env.AGENT_FACTORY_OPENCLAW_NODE ?? process.execPath,
    model,
    providers,
    contextTokens: env.AGENT_FACTORY_MODEL_CONTEXT_TOKENS,
    maxOutputTokens: env.AGENT_FACTORY_MODEL_MAX_OUTPUT_TOKENS,
    thinking: env.OPENCLAW_THINKING,
    transport: env.AGENT_FACTORY_OPENCLAW_TRANSPORT === "http" ? "http" : "websocket",
    user: uid !== undefined && gid !== undefined ? { uid, gid } : null,
    forwarded: Object.fromEntries(forwarded),
    readyTimeoutMs: env.AGENT_FACTORY_OPENCLAW_READY_TIMEOUT_MS,
  };
}

function providersOf(source: Environment, env: z.infer<typeof schema>, name: string): Provider[] {
  const known = KNOWN.flatMap(({ key, ...provider }) => {
    const apiKey = source[key]?.trim();
    return apiKey ? [{ ...provider, apiKey }] : [];
  });
  const baseUrl = env.AGENT_FACTORY_MODEL_BASE_URL;
  if (baseUrl !== undefined) {
    const apiKey = env.AGENT_FACTORY_MODEL_API_KEY ?? "";
    const own: Provider = { name, baseUrl, api: "openai-completions", apiKey, auth: "bearer" };
    return [own, ...known.filter((provider) => provider.name !== name)];
  }
  if (known.some((provider) => provider.name === name)) return known;
  const key = KNOWN.find((provider) => provider.name === name)?.key;
  throw new EnvError(
    `${key ?? "AGENT_FACTORY_MODEL_BASE_URL"}: is missing, and the model of OPENCLAW_AGENT_MODEL needs it`,
  );
}

/** The environment, parsed once. Every mistake is one line that names the variable. */
import { join } from "node:path";
import { z } from "zod";
import { MINUTE_MS } from "../shared/time.js";
import type { SkillsSettings } from "./skills/load.js";

/** The worker cannot start as configured. */
export class EnvError extends Error {
  override readonly name = "EnvError";
}

const optionalText = z
  .string()
  .optional()
  .transform((value) => (value === undefined || value.trim() === "" ? undefined : value.trim()));
const text = (fallback: string) => optionalText.transform((value) => value ?? fallback);
const url = optionalText.refine(
  (value) => value === undefined || /^https?:\/\/[^\s/]/.test(value),
  "must be an http(s) address",
);
const duration = (fallback: number, min = 0) =>
  optionalText
    .transform((value) => (value === undefined ? fallback : Number(value)))
    .refine(
      (value) => Number.isSafeInteger(value) && value >= min,
      `must be a whole number of milliseconds, at least ${min}`,
    );

const oneOf = <T extends string>(fallback: T, ...others: T[]) =>
  optionalText
    .transform((value) => value ?? fallback)
    .refine(
      (value): value is T => [fallback, ...others].some((known) => known === value),
      `must be one of ${[fallback, ...others].join(", ")}`,
    );

const schema = z.object({
  AGENT_FACTORY_GATEWAY_URL: url,
  AGENT_FACTORY_WORKER_TOKEN: optionalText,
  CONVEX_URL: url,
  WORKER_ID: optionalText.refine((value) => value !== undefined, "is missing"),
  WORKSPACE_ID: text("default"),
  OPENCLAW_CONVERSATION_ID: optionalText,
  OPENCLAW_AGENT_KEY: text("default"),
  WORKER_IDLE_TIMEOUT_MS: duration(5 * MINUTE_MS),
  AGENT_FACTORY_DATA_DIR: text("/data"),
  AGENT_FACTORY_STOP_GRACE_MS: duration(110_000, 1_000),
  AGENT_FACTORY_RUN_TIMEOUT_MS: duration(10 * MINUTE_MS, 1_000),
  AGENT_FACTORY_SNAPSHOT_INTERVAL_MS: duration(5 * MINUTE_MS, 100),
  AGENT_FACTORY_SNAPSHOT_IDLE_MS: duration(5_000),
  AGENT_FACTORY_FUNCTION_NAMESPACE: text("agentFactory"),
  CONVEX_HTTP_TIMEOUT_MS: duration(20_000, 100),
  SKILLS_BOOTSTRAP_MODE: oneOf("db_manifest", "off"),
  SKILLS_BOOTSTRAP_REQUIRED: oneOf("false", "true"),
  SKILLS_BOOTSTRAP_TIMEOUT_MS: duration(15_000, 100),
  SKILLS_RELEASE_CHANNEL: oneOf("stable", "canary"),
  SKILLS_UNMANAGED: oneOf("keep", "remove"),
  OPENCLAW_SKILLS_DIR: optionalText,
  TELEGRAM_API_BASE_URL: url.transform((value) => value ?? "https://api.telegram.org"),
});

export type WorkerEnv = {
  gatewayUrl: string;
  /** Absent when the token is part of `gatewayUrl`. */
  token: string | undefined;
  workerId: string;
  workspaceId: string;
  /** The conversation that the worker is reserved for. */
  conversation: { conversationId: string; agentKey: string } | null;
  idleTimeoutMs: number;
  dataDir: string;
  stopGraceMs: number;
  runTimeoutMs: number;
  snapshotIntervalMs: number;
  snapshotIdleMs: number;
  namespace: string;
  httpTimeoutMs: number;
  telegramBaseUrl: string;
  skills: SkillsSettings;
  /** Values that must never appear in a log. */
  secrets: string[];
};

/** Reads the worker's settings. Throws `EnvError`, without repeating any value. */
export function parseEnv(source: Readonly<Record<string, string | undefined>>): WorkerEnv {
  const parsed = schema.safeParse(source);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new EnvError(`${issue?.path.join(".") ?? "environment"}: ${issue?.message ?? "invalid"}`);
  }
  const env = parsed.data;
  const { gatewayUrl, token } = address(env);
  const conversationId = env.OPENCLAW_CONVERSATION_ID;
  return {
    gatewayUrl,
    token,
    workerId: env.WORKER_ID ?? "",
    workspaceId: env.WORKSPACE_ID,
    conversation:
      conversationId === undefined ? null : { conversationId, agentKey: env.OPENCLAW_AGENT_KEY },
    idleTimeoutMs: env.WORKER_IDLE_TIMEOUT_MS,
    dataDir: env.AGENT_FACTORY_DATA_DIR,
    stopGraceMs: env.AGENT_FACTORY_STOP_GRACE_MS,
    runTimeoutMs: env.AGENT_FACTORY_RUN_TIMEOUT_MS,
    snapshotIntervalMs: env.AGENT_FACTORY_SNAPSHOT_INTERVAL_MS,
    snapshotIdleMs: env.AGENT_FACTORY_SNAPSHOT_IDLE_MS,
    namespace: env.AGENT_FACTORY_FUNCTION_NAMESPACE,
    httpTimeoutMs: env.CONVEX_HTTP_TIMEOUT_MS,
    telegramBaseUrl: env.TELEGRAM_API_BASE_URL,
    skills: {
      mode: env.SKILLS_BOOTSTRAP_MODE,
      dir: env.OPENCLAW_SKILLS_DIR ?? join(env.AGENT_FACTORY_DATA_DIR, "workspace", "skills"),
      releaseChannel: env.SKILLS_RELEASE_CHANNEL,
      required: env.SKILLS_BOOTSTRAP_REQUIRED === "true",
      timeoutMs: env.SKILLS_BOOTSTRAP_TIMEOUT_MS,
      unmanaged: env.SKILLS_UNMANAGED,
    },
    secrets: [env.AGENT_FACTORY_WORKER_TOKEN, env.CONVEX_URL].filter(
      (value) => value !== undefined,
    ),
  };
}

function address(env: z.infer<typeof schema>): { gatewayUrl: string; token: string | undefined } {
  if (env.AGENT_FACTORY_GATEWAY_URL !== undefined) {
    if (env.AGENT_FACTORY_WORKER_TOKEN === undefined) {
      throw new EnvError(
        "AGENT_FACTORY_WORKER_TOKEN: is missing, and the gateway takes no one without",
      );
    }
    return { gatewayUrl: env.AGENT_FACTORY_GATEWAY_URL, token: env.AGENT_FACTORY_WORKER_TOKEN };
  }
  if (env.CONVEX_URL === undefined) {
    throw new EnvError("AGENT_FACTORY_GATEWAY_URL: is missing, and there is no CONVEX_URL either");
  }
  return { gatewayUrl: env.CONVEX_URL, token: undefined };
}

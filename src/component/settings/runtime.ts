/** The message and worker settings: what of the input is stored, and what is refused. */
import { refuse } from "../../shared/errors.js";
import {
  DEFAULT_PATH_PREFIX,
  isPathPrefix,
  PATH_PREFIX_RULE,
  type MessageConfig,
  type WorkerRuntimeConfig,
} from "../config.js";
import {
  MAX_SYSTEM_PROMPT_BYTES,
  MAX_WORKER_ENV_VALUE_LENGTH,
  MAX_WORKER_ENV_VARS,
  type WorkerRuntime,
} from "./validators.js";

/**
 * `config` as it is stored: the prompt trimmed, the retention floored; blank, non-finite and non-positive values
 * are absent. Null when nothing is left.
 */
export function normalizeMessageConfig(config: MessageConfig): MessageConfig | null {
  const systemPrompt = config.systemPrompt?.trim() ?? "";
  const bytes = new TextEncoder().encode(systemPrompt).length;
  if (bytes > MAX_SYSTEM_PROMPT_BYTES) {
    refuse(
      "PAYLOAD_TOO_LARGE",
      `messageConfig.systemPrompt has ${bytes} bytes; at most ${MAX_SYSTEM_PROMPT_BYTES} are stored.`,
    );
  }
  const retentionMs = Math.floor(config.telegramAttachmentRetentionMs ?? 0);
  const keepsRetention = Number.isFinite(retentionMs) && retentionMs > 0;
  const telegramApiBaseUrl = config.telegramApiBaseUrl?.trim() ?? "";
  if (telegramApiBaseUrl !== "" && !/^https?:\/\/[^\s/?#@]+$/.test(telegramApiBaseUrl)) {
    refuse(
      "INVALID_ARGUMENT",
      `messageConfig.telegramApiBaseUrl must be an origin like "http://127.0.0.1:8081".`,
    );
  }
  if (systemPrompt === "" && !keepsRetention && telegramApiBaseUrl === "") return null;
  return {
    ...(telegramApiBaseUrl === "" ? {} : { telegramApiBaseUrl }),
    ...(systemPrompt === "" ? {} : { systemPrompt }),
    ...(keepsRetention ? { telegramAttachmentRetentionMs: retentionMs } : {}),
  };
}

const ENV_NAME = /^[A-Z][A-Z0-9_]*$/;
/** The scheduler gives every machine its own value of these. */
const RESERVED_ENV =
  /^(?:CONVEX_URL|WORKSPACE_ID|OPENCLAW_AGENT_KEY|OPENCLAW_CONVERSATION_ID|WORKER_.*|AGENT_FACTORY_(?:GATEWAY_URL|WORKER_TOKEN|WORKER_ID|STOP_GRACE_MS))$/;

/** @throws INVALID_ARGUMENT naming the field. */
export function assertWorkerRuntimeConfig({ pathPrefix, env = {} }: WorkerRuntimeConfig): void {
  if (pathPrefix !== undefined && !isPathPrefix(pathPrefix)) {
    refuse(
      "INVALID_ARGUMENT",
      `workerConfig.pathPrefix ${PATH_PREFIX_RULE}, got '${pathPrefix.slice(0, 80)}'.`,
    );
  }
  const entries = Object.entries(env);
  if (entries.length > MAX_WORKER_ENV_VARS) {
    refuse(
      "INVALID_ARGUMENT",
      `workerConfig.env has ${entries.length} names; at most ${MAX_WORKER_ENV_VARS} are allowed.`,
    );
  }
  for (const [name, value] of entries) {
    if (!ENV_NAME.test(name)) {
      refuse(
        "INVALID_ARGUMENT",
        `workerConfig.env: '${name.slice(0, 80)}' is not a variable name (A-Z, 0-9 and _, starting with a letter).`,
      );
    }
    if (RESERVED_ENV.test(name)) {
      refuse(
        "INVALID_ARGUMENT",
        `workerConfig.env: '${name}' is set by agent-factory for every machine and cannot be overridden.`,
      );
    }
    if (value.length > MAX_WORKER_ENV_VALUE_LENGTH) {
      refuse(
        "INVALID_ARGUMENT",
        `workerConfig.env: the value of '${name}' is longer than ${MAX_WORKER_ENV_VALUE_LENGTH} characters.`,
      );
    }
  }
}

export function withWorkerDefaults(config: WorkerRuntimeConfig = {}): WorkerRuntime {
  return {
    transport: config.transport ?? "gateway",
    pathPrefix: config.pathPrefix ?? DEFAULT_PATH_PREFIX,
    env: config.env ?? {},
  };
}

import { v, type Infer } from "convex/values";

export const vBridgeConfig = v.object({
  enabled: v.boolean(),
  baseUrl: v.optional(v.string()),
  serviceId: v.optional(v.string()),
  appKey: v.optional(v.string()),
  serviceKeySecretRef: v.optional(v.string()),
  appBaseUrlMapJsonSecretRef: v.optional(v.string()),
});
export type BridgeConfig = Infer<typeof vBridgeConfig>;

/** What configureAgent takes. Optional fields that are omitted keep their stored value. */
export const vConfigureAgent = v.object({
  agentKey: v.string(),
  version: v.string(),
  /** Names of the secrets that the agent needs; those that every agent needs are added. */
  secretsRef: v.array(v.string()),
  /** Telegram's numeric bot id; "" clears it. */
  botIdentity: v.optional(v.string()),
  bridgeConfig: v.optional(vBridgeConfig),
  enabled: v.boolean(),
  /** "" clears it. */
  companyId: v.optional(v.string()),
  /** Unlinks the bot: its identity, and the Telegram tokens that `secretsRef` does not name. */
  clearBotIdentity: v.optional(v.boolean()),
  clearBridgeConfig: v.optional(v.boolean()),
});
export type ConfigureAgent = Infer<typeof vConfigureAgent>;

export const vAgentProfileView = v.object({
  agentKey: v.string(),
  version: v.string(),
  secretsRef: v.array(v.string()),
  botIdentity: v.union(v.null(), v.string()),
  bridgeConfig: v.union(v.null(), vBridgeConfig),
  enabled: v.boolean(),
  companyId: v.union(v.null(), v.string()),
  pausedAt: v.union(v.null(), v.number()),
});
export type AgentProfileView = Infer<typeof vAgentProfileView>;

/** Refs that every agent needs: where machines call home, and the provider's token. */
export const BASE_SECRET_REFS = ["convex.url", "fly.apiToken"] as const;
export const TELEGRAM_TOKEN_REF = "telegram.botToken";

/** True for `telegram.botToken` and `telegram.botToken.<anything>`. */
export function isTelegramTokenRef(ref: string): boolean {
  return ref === TELEGRAM_TOKEN_REF || ref.startsWith(`${TELEGRAM_TOKEN_REF}.`);
}

// ── Limits ──────────────────────────────────────────────────────────────────

export const MAX_AGENT_TEXT_LENGTH = 512;
export const MAX_AGENT_SECRET_REFS = 100;
export const DEFAULT_AGENTS_LIMIT = 100;
export const MAX_AGENTS_LIMIT = 200;

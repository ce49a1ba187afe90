/** The vocabulary of identity: who talks to which agent, and how a Telegram chat is tied to a user. */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";

export const vBindingStatus = literals("active", "revoked");
export const vBindingSource = literals("manual", "telegram_pairing", "api");
export const vPairingStatus = literals("pending", "used", "expired");
export type PairingStatus = Infer<typeof vPairingStatus>;

const vNullableString = v.union(v.null(), v.string());
const vNullableNumber = v.union(v.null(), v.number());
const vStringMap = v.record(v.string(), v.string());

export const bindArgs = {
  consumerUserId: v.string(),
  agentKey: v.string(),
  /** Telegram's numeric bot id; default: the agent's. */
  botIdentity: v.optional(v.string()),
  source: v.optional(vBindingSource),
  telegramUserId: v.optional(v.string()),
  telegramChatId: v.optional(v.string()),
  metadata: v.optional(vStringMap),
};

export const vBindingView = v.object({
  consumerUserId: v.string(),
  agentKey: v.string(),
  conversationId: v.string(),
  botIdentity: vNullableString,
  status: vBindingStatus,
  source: vBindingSource,
  telegramUserId: vNullableString,
  telegramChatId: vNullableString,
  metadata: v.union(v.null(), vStringMap),
  boundAt: v.number(),
  revokedAt: vNullableNumber,
});
export type BindingView = Infer<typeof vBindingView>;

export const vPairingCodeView = v.object({
  code: v.string(),
  consumerUserId: v.string(),
  agentKey: v.string(),
  botIdentity: vNullableString,
  status: vPairingStatus,
  createdAt: v.number(),
  expiresAt: v.number(),
  usedAt: vNullableNumber,
  telegramUserId: vNullableString,
  telegramChatId: vNullableString,
});
export type PairingCodeView = Infer<typeof vPairingCodeView>;

export const vUserResolution = v.object({ consumerUserId: v.string(), agentKey: vNullableString });
export const vTelegramResolution = v.object({
  consumerUserId: vNullableString,
  agentKey: vNullableString,
  conversationId: vNullableString,
});

export const vUserAgentStatus = literals("draft", "pairing", "active", "disabled", "failed");
export const vUserAgentView = v.object({
  consumerUserId: v.string(),
  agentKey: v.string(),
  displayName: vNullableString,
  telegramUsername: vNullableString,
  version: vNullableString,
  status: vUserAgentStatus,
  bindingStatus: v.union(v.null(), vBindingStatus),
  pairingStatus: v.union(v.null(), vPairingStatus),
  conversationId: vNullableString,
  canCreateNewAgent: v.boolean(),
  canDisable: v.boolean(),
  canChat: v.boolean(),
  canManagePushJobs: v.boolean(),
});
export type UserAgentView = Infer<typeof vUserAgentView>;

export const vUserAgentsOverview = v.object({
  agents: v.array(vUserAgentView),
  activeAgentKey: vNullableString,
  canCreateNewAgent: v.boolean(),
});

export const vOnboardingAction = literals(
  "import_token",
  "configure_webhook",
  "create_pairing",
  "complete_pairing",
  "ready",
);
export const vOnboardingState = v.object({
  agentKey: v.string(),
  telegramUsername: vNullableString,
  botIdentity: vNullableString,
  tokenSecretRef: vNullableString,
  tokenImported: v.boolean(),
  webhookReady: v.boolean(),
  pairingCode: vNullableString,
  pairingStatus: v.union(v.null(), vPairingStatus),
  pairingDeepLink: vNullableString,
  nextAction: vOnboardingAction,
});
export type OnboardingState = Infer<typeof vOnboardingState>;

export const vProviderReadiness = v.object({
  providerRuntimeConfigPresent: v.boolean(),
  workerRuntimeConfigPresent: v.boolean(),
  issues: v.array(v.string()),
});
export const vAgentReadiness = v.object({
  missingSecrets: v.array(v.string()),
  hasTelegramToken: v.boolean(),
  webhookReady: v.boolean(),
  ...vProviderReadiness.fields,
});
export type AgentReadiness = Infer<typeof vAgentReadiness>;

export const vSoftResetReport = v.object({
  revokedBindings: v.number(),
  annotatedBindings: v.number(),
  expiredPairings: v.number(),
  pendingPairingsMissingBotIdentity: v.number(),
  legacyBindingsMissingBotIdentity: v.number(),
  profilesMissingBotIdentity: v.number(),
  /** More rows wait than one call handles: call again. */
  more: v.boolean(),
});
export type SoftResetReport = Infer<typeof vSoftResetReport>;

export const vBlockedChatView = v.object({
  botIdentity: v.string(),
  telegramChatId: v.string(),
  reason: v.string(),
  since: v.number(),
});

// ── Limits ──────────────────────────────────────────────────────────────────

export const DEFAULT_PAIRING_TTL_MS = 15 * 60_000;
export const MIN_PAIRING_TTL_MS = 60_000;
export const MAX_PAIRING_TTL_MS = 24 * 60 * 60_000;
/** 36^10: nobody guesses one before it expires. */
export const PAIRING_CODE_LENGTH = 10;
/** Wrong codes that one chat may send in a window before every code is refused for the rest of it. */
export const MAX_PAIRING_ATTEMPTS = 5;
export const PAIRING_ATTEMPT_WINDOW_MS = 15 * 60_000;
export const MAX_IDENTITY_TEXT_LENGTH = 512;
export const MAX_BINDING_METADATA_BYTES = 8 * 1024;

/** What users and operators are shown about an agent, from the facts. */
import type {
  AgentReadiness,
  OnboardingState,
  PairingStatus,
  UserAgentView,
} from "./validators.js";

/** The conversation of a user with an agent; the same before and after Telegram is linked. */
export function conversationIdFor(agentKey: string, consumerUserId: string): string {
  return `user-agent:${agentKey}:${consumerUserId}`;
}

/** The link that opens the bot and sends it the code; null when the bot's name is not known. */
export function deepLinkFor(username: string | null, code: string): string | null {
  return username === null ? null : `https://t.me/${username}?start=${code}`;
}

export type UserAgentFacts = {
  consumerUserId: string;
  agentKey: string;
  profile: { version: string; enabled: boolean } | null;
  binding: {
    status: "active" | "revoked";
    conversationId: string;
    metadata?: Record<string, string>;
  } | null;
  /** The status, as of now, of the newest code that was never used. */
  openPairing: "pending" | "expired" | null;
  botUsername: string | null;
  userHasActiveBinding: boolean;
};

/** First match wins: bound, waiting for a code, disabled, draft. */
export function userAgentView(facts: UserAgentFacts): UserAgentView {
  const { profile, binding, openPairing } = facts;
  const bound = binding?.status === "active";
  const disabled = profile?.enabled === false;
  const status = bound
    ? disabled
      ? "failed"
      : "active"
    : openPairing === "pending"
      ? "pairing"
      : binding !== null || disabled
        ? "disabled"
        : "draft";
  const active = status === "active";
  return {
    consumerUserId: facts.consumerUserId,
    agentKey: facts.agentKey,
    displayName: binding?.metadata?.["displayName"] ?? null,
    telegramUsername: binding?.metadata?.["telegramUsername"] ?? facts.botUsername,
    version: profile?.version ?? null,
    status,
    bindingStatus: binding?.status ?? null,
    pairingStatus: bound ? "used" : openPairing,
    conversationId: binding?.conversationId ?? null,
    canCreateNewAgent: !facts.userHasActiveBinding,
    canDisable: active,
    canChat: active,
    canManagePushJobs: active,
  };
}

export type OnboardingFacts = {
  tokenImported: boolean;
  botIdentity: string | null;
  webhookReady: boolean;
  /** The user has an active binding to this agent with a Telegram chat. */
  linked: boolean;
  pairingStatus: PairingStatus | null;
};

/** The step that is missing. Each one can be done by the time it is asked for. */
export function nextOnboardingAction(facts: OnboardingFacts): OnboardingState["nextAction"] {
  if (!facts.tokenImported || facts.botIdentity === null) return "import_token";
  if (!facts.webhookReady) return "configure_webhook";
  if (facts.linked) return "ready";
  return facts.pairingStatus === "pending" ? "complete_pairing" : "create_pairing";
}

export type ReadinessFacts = Omit<AgentReadiness, "issues"> & {
  hasProfile: boolean;
  hasBotIdentity: boolean;
};

export function providerIssues(facts: {
  providerRuntimeConfigPresent: boolean;
  workerRuntimeConfigPresent: boolean;
}): string[] {
  return [
    ...(facts.providerRuntimeConfigPresent ? [] : ["missing_provider_runtime_config"]),
    ...(facts.workerRuntimeConfigPresent ? [] : ["missing_message_runtime_config"]),
  ];
}

/** The names of everything that keeps the agent from answering in Telegram. */
export function readinessIssues(facts: ReadinessFacts): string[] {
  return [
    ...providerIssues(facts),
    ...(facts.hasProfile ? [] : ["missing_agent_profile"]),
    ...(facts.hasTelegramToken ? [] : ["missing_telegram_token"]),
    ...(facts.hasBotIdentity ? [] : ["missing_bot_identity"]),
    ...(facts.webhookReady ? [] : ["webhook_not_verified"]),
  ];
}

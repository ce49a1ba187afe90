/** How far an agent is set up for Telegram, and what is missing. */
import { loadProfile, type AgentProfile } from "../agents/ops.js";
import { BASE_SECRET_REFS, isTelegramTokenRef, TELEGRAM_TOKEN_REF } from "../agents/validators.js";
import { hasActiveSecret } from "../secrets/ops.js";
import { loadMessageConfig, loadProviderConfig } from "../settings/ops.js";
import { botUsername, isWebhookVerified, loadBot } from "./bots.js";
import { loadNewestCode } from "./pairing.js";
import { deepLinkFor, nextOnboardingAction, providerIssues, readinessIssues } from "./policy.js";
import { findLatestBinding, type Reader } from "./store.js";
import type { AgentReadiness, OnboardingState } from "./validators.js";

/** Where the agent's token is: its first Telegram ref with a value, else the one that an import would fill. */
async function telegramToken(
  ctx: Reader,
  agentKey: string,
  profile: AgentProfile | null,
): Promise<{ ref: string; imported: boolean }> {
  const refs = (profile?.secretsRef ?? []).filter(isTelegramTokenRef);
  for (const ref of refs) if (await hasActiveSecret(ctx, ref)) return { ref, imported: true };
  return { ref: refs[0] ?? `${TELEGRAM_TOKEN_REF}.${agentKey}`, imported: false };
}

async function webhookReady(ctx: Reader, profile: AgentProfile | null): Promise<boolean> {
  return (
    profile?.botIdentity !== undefined && isWebhookVerified(await loadBot(ctx, profile.botIdentity))
  );
}

/** Where the user stands on the way to talking to the agent in Telegram, and the next step. */
export async function loadOnboardingState(
  ctx: Reader,
  { consumerUserId, agentKey }: { consumerUserId: string; agentKey: string },
  now: number,
): Promise<OnboardingState> {
  const profile = await loadProfile(ctx, agentKey);
  const token = await telegramToken(ctx, agentKey, profile);
  const username = await botUsername(ctx, profile?.botIdentity, token.ref);
  const binding = await findLatestBinding(ctx, consumerUserId, agentKey);
  const code = await loadNewestCode(ctx, consumerUserId, agentKey, now);
  const facts = {
    tokenImported: token.imported,
    botIdentity: profile?.botIdentity ?? null,
    webhookReady: token.imported && (await webhookReady(ctx, profile)),
    linked: binding?.status === "active" && binding.telegramChatId !== undefined,
    pairingStatus: code?.status ?? null,
  };
  const pairingCode = code?.status === "pending" ? code.code : null;
  return {
    agentKey,
    telegramUsername: username,
    botIdentity: facts.botIdentity,
    tokenSecretRef: token.ref,
    tokenImported: facts.tokenImported,
    webhookReady: facts.webhookReady,
    pairingCode,
    pairingStatus: facts.pairingStatus,
    pairingDeepLink: pairingCode === null ? null : deepLinkFor(username, pairingCode),
    nextAction: nextOnboardingAction(facts),
  };
}

export async function loadProviderReadiness(ctx: Reader) {
  const facts = {
    providerRuntimeConfigPresent: (await loadProviderConfig(ctx)) !== null,
    workerRuntimeConfigPresent: (await loadMessageConfig(ctx)) !== null,
  };
  return { ...facts, issues: providerIssues(facts) };
}

export async function loadAgentReadiness(ctx: Reader, agentKey: string): Promise<AgentReadiness> {
  const profile = await loadProfile(ctx, agentKey);
  const missingSecrets: string[] = [];
  for (const ref of profile?.secretsRef ?? [])
    if (!(await hasActiveSecret(ctx, ref))) missingSecrets.push(ref);
  const { issues: _ofProvider, ...provider } = await loadProviderReadiness(ctx);
  const facts = {
    missingSecrets,
    hasTelegramToken: (await telegramToken(ctx, agentKey, profile)).imported,
    webhookReady: await webhookReady(ctx, profile),
    ...provider,
  };
  const issues = readinessIssues({
    ...facts,
    hasProfile: profile !== null,
    hasBotIdentity: profile?.botIdentity !== undefined,
  });
  return { ...facts, issues };
}

/** The secrets that must have a value: an agent's own, or those that every agent needs. */
export async function requiredSecretRefs(
  ctx: Reader,
  agentKey: string | undefined,
): Promise<string[]> {
  const profile = agentKey === undefined ? null : await loadProfile(ctx, agentKey);
  if (profile === null) return [...BASE_SECRET_REFS, TELEGRAM_TOKEN_REF];
  const refs = profile.secretsRef;
  return refs.some(isTelegramTokenRef) ? refs : [...refs, `${TELEGRAM_TOKEN_REF}.${agentKey}`];
}

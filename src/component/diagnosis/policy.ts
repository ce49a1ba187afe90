/** What was found out about a deployment, as checks that say what to do. */
import type { SecretsKeyStatus } from "../secrets/validators.js";
import type { Check } from "./validators.js";

export type AgentFacts = {
  agentKey: string;
  missingSecrets: string[];
  hasTelegramToken: boolean;
  /** What Telegram says, when it was asked. */
  webhook: { ready: boolean; currentUrl: string | null; lastError: string | null } | null;
  /** Why Telegram could not be asked. */
  webhookError: string | null;
};

export type Facts = {
  key: SecretsKeyStatus;
  /** `null` when none is stored. */
  provider: { appName: string; problem: string | null } | null;
  /** Which of the two secrets have a value, or why they cannot be opened. */
  secrets: { providerToken: boolean; convexUrl: boolean } | { error: string };
  transport: "gateway" | "direct";
  /** Null when the gateway was not asked: no address, or workers call directly. */
  gateway: { kind: "ok" | "missing" | "silent"; url: string; message: string } | null;
  /** What the provider answered to one harmless call; null when it was not asked. */
  access: { error: string | null } | null;
  agents: AgentFacts[];
  moreAgents: boolean;
};

const check = (
  name: Check["name"],
  subject: string | null,
  status: Check["status"],
  message: string,
  fix: string | null = null,
): Check => ({ name, subject, status, message, fix });

const importing = (ref: string) =>
  `npx convex run operator:importSecret '{"secretRef":"${ref}","plaintextValue":"…"}'`;

export function toChecks(facts: Facts): Check[] {
  return [
    keyCheck(facts.key),
    providerConfigCheck(facts.provider),
    ...secretChecks(facts.secrets),
    ...gatewayChecks(facts),
    ...accessChecks(facts),
    ...facts.agents.flatMap(agentChecks),
    ...(facts.agents.length === 0
      ? [check("agent", null, "warning", "No agent is configured.", "Call configureAgent for one.")]
      : []),
    ...(facts.moreAgents
      ? [check("agent", null, "warning", "There are more agents than this looked at.")]
      : []),
  ];
}

function keyCheck(key: SecretsKeyStatus): Check {
  const bind =
    "Bind it in convex.config.ts (app.use(agentFactory, { env: { SECRETS_KEY: … } })) and set it: " +
    'npx convex env set AGENT_FACTORY_SECRETS_KEY "$(openssl rand -base64 32)"';
  if (key.problem !== null) return check("secrets_key", null, "problem", key.problem, bind);
  if (!key.keyConfigured)
    return check(
      "secrets_key",
      null,
      "problem",
      "SECRETS_KEY is not set: no secret can be stored.",
      bind,
    );
  if (key.staleRows > 0) {
    const message = `${key.staleRows} stored secrets are not sealed with the current key.`;
    return check("secrets_key", null, "warning", message, "npx convex run operator:resealSecrets");
  }
  return check("secrets_key", null, "ok", "SECRETS_KEY is set and seals every stored secret.");
}

function providerConfigCheck(provider: Facts["provider"]): Check {
  const fix =
    "Store one with setProviderRuntimeConfig: kind, appName, organizationSlug, image, region, volume.";
  if (provider === null)
    return check(
      "provider_config",
      null,
      "problem",
      "No provider is configured: no machine can be created.",
      fix,
    );
  if (provider.problem !== null)
    return check("provider_config", provider.appName, "problem", provider.problem, fix);
  return check(
    "provider_config",
    provider.appName,
    "ok",
    "The provider's configuration is complete.",
  );
}

function secretChecks(secrets: Facts["secrets"]): Check[] {
  if ("error" in secrets) {
    const fix = "Bind the key that sealed them as SECRETS_KEY_PREVIOUS, or import them again.";
    return [check("secret", null, "problem", secrets.error, fix)];
  }
  return [
    secretCheck("fly.apiToken", secrets.providerToken),
    secretCheck("convex.url", secrets.convexUrl),
  ];
}

function secretCheck(ref: string, present: boolean): Check {
  if (present) return check("secret", ref, "ok", `'${ref}' has a value.`);
  return check("secret", ref, "problem", `'${ref}' has no value.`, importing(ref));
}

function gatewayChecks({ gateway, transport }: Facts): Check[] {
  if (transport === "direct") {
    const message = "Workers call the app directly: its worker functions must be open to them.";
    return [
      check(
        "gateway",
        null,
        "warning",
        message,
        'setWorkerRuntimeConfig({ transport: "gateway" })',
      ),
    ];
  }
  if (gateway === null) return [];
  if (gateway.kind === "ok")
    return [check("gateway", gateway.url, "ok", "The worker gateway answers.")];
  const fix =
    gateway.kind === "missing"
      ? "Mount it in convex/http.ts: registerRoutes(http, components.agentFactory), then deploy."
      : "See that the secret 'convex.url' is this deployment's address (https://<name>.convex.site).";
  return [check("gateway", gateway.url, "problem", gateway.message, fix)];
}

function accessChecks({ access, provider }: Facts): Check[] {
  if (access === null || provider === null) return [];
  if (access.error === null)
    return [
      check("provider", provider.appName, "ok", "The provider accepts the token for the app."),
    ];
  const fix = `See that the app exists and that 'fly.apiToken' is a deploy token for it: fly tokens create deploy -a ${provider.appName}`;
  return [check("provider", provider.appName, "problem", access.error, fix)];
}

function agentChecks(agent: AgentFacts): Check[] {
  const { agentKey, webhook, webhookError } = agent;
  const missing = agent.missingSecrets.map((ref) =>
    check("agent", agentKey, "problem", `Its secret '${ref}' has no value.`, importing(ref)),
  );
  const found =
    missing.length > 0
      ? missing
      : [check("agent", agentKey, "ok", "All its secrets have a value.")];
  if (!agent.hasTelegramToken) return found;
  const fix = `npx convex run operator:configureTelegramWebhook '{"agentKey":"${agentKey}","convexSiteUrl":"https://<name>.convex.site"}'`;
  if (webhookError !== null)
    return [...found, check("webhook", agentKey, "problem", webhookError, fix)];
  if (webhook === null || !webhook.ready) {
    const where = webhook?.currentUrl ?? "nowhere";
    return [
      ...found,
      check("webhook", agentKey, "problem", `Telegram sends its updates to ${where}.`, fix),
    ];
  }
  if (webhook.lastError !== null)
    return [
      ...found,
      check(
        "webhook",
        agentKey,
        "warning",
        `Telegram's last delivery failed: ${webhook.lastError}`,
      ),
    ];
  return [...found, check("webhook", agentKey, "ok", "Telegram delivers its updates here.")];
}

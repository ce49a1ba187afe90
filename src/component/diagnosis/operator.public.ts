import { ConvexError } from "convex/values";
import { api, internal } from "../_generated/api.js";
import { action, type ActionCtx } from "../kit/functions.js";
import { governedProvider, ProviderError } from "../providers/ops.js";
import { healthUrlOf, probeGateway, type PassSetup } from "../scheduler/ops.js";
import { toChecks, type AgentFacts, type Facts } from "./policy.js";
import { vDiagnosis, type Diagnosis } from "./validators.js";

const PATIENCE_MS = 10_000;

/**
 * Looks at everything that a deployment needs to answer messages: the key for secrets, the provider's configuration
 * and token, the address of the gateway and whether it answers, every enabled agent's secrets and Telegram webhook (the
 * first 10 agents). Each check says what is wrong and what to do. Changes nothing but the remembered webhook state;
 * never throws for what it finds.
 */
export const diagnose = action({
  args: {},
  returns: vDiagnosis,
  handler: async (ctx): Promise<Diagnosis> => {
    const stored = await ctx.runQuery(internal.diagnosis.facts.stored, {});
    const setup = await openSetup(ctx);
    const agents: AgentFacts[] = [];
    for (const agent of stored.agents)
      agents.push({ ...agent, ...(await askTelegram(ctx, agent)) });
    const opened = typeof setup === "string" ? null : setup;
    const checks = toChecks({
      ...{ ...stored, agents, transport: opened?.transport ?? "gateway" },
      secrets:
        typeof setup === "string"
          ? { error: setup }
          : { providerToken: setup.flyApiToken !== null, convexUrl: setup.convexUrl !== null },
      gateway: opened === null ? null : await askGateway(opened),
      access: opened === null ? null : await askProvider(ctx, opened),
    });
    return { ok: checks.every((check) => check.status !== "problem"), checks };
  },
});

/** What a pass would work with, or why its secrets cannot be opened. */
async function openSetup(ctx: ActionCtx): Promise<PassSetup | string> {
  try {
    const setup: PassSetup = await ctx.runQuery(internal.scheduler.setup.load, {});
    return setup;
  } catch (error) {
    return error instanceof ConvexError
      ? String((error.data as { message?: unknown }).message)
      : "The stored secrets cannot be opened.";
  }
}

async function askGateway({
  convexUrl,
  transport,
  pathPrefix,
}: PassSetup): Promise<Facts["gateway"]> {
  if (convexUrl === null || transport === "direct") return null;
  const url = healthUrlOf(convexUrl, pathPrefix);
  const probe = await probeGateway(url);
  return { kind: probe.kind, url, message: probe.kind === "ok" ? "" : probe.message };
}

async function askProvider(
  ctx: ActionCtx,
  { providerConfig, flyApiToken: token }: PassSetup,
): Promise<Facts["access"]> {
  if (providerConfig === null || token === null) return null;
  try {
    await governedProvider(ctx, providerConfig, token, PATIENCE_MS).checkAccess();
    return { error: null };
  } catch (error) {
    if (error instanceof ProviderError) return { error: error.message };
    return { error: "The provider could not be asked." };
  }
}

async function askTelegram(
  ctx: ActionCtx,
  agent: Pick<AgentFacts, "agentKey" | "hasTelegramToken">,
): Promise<Pick<AgentFacts, "webhook" | "webhookError">> {
  if (!agent.hasTelegramToken) return { webhook: null, webhookError: null };
  try {
    const { agentKey } = agent;
    const found = await ctx.runAction(api.lib.getWebhookReadiness, { agentKey });
    const { webhookReady: ready, currentUrl, lastErrorMessage: lastError } = found;
    return { webhook: { ready, currentUrl, lastError }, webhookError: null };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { webhook: null, webhookError: `Telegram could not be asked: ${message.slice(0, 200)}` };
  }
}

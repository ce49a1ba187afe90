/** The verbs of agents. A change that starts or stops an agent is reported, so that the queue can follow. */
import { refuse } from "../../shared/errors.js";
import type { Id, MutationCtx } from "../kit/functions.js";
import { assertConfigureAgent, configureSettings, isRunnable } from "./policy.js";
import {
  countUnlinked,
  findProfile,
  findProfileOfBot,
  findProfiles,
  findRivalOfBot,
  type AgentProfile,
  type ProfileFilter,
  type Reader,
} from "./store.js";
import { isTelegramTokenRef, TELEGRAM_TOKEN_REF, type ConfigureAgent } from "./validators.js";

export { vConfigureAgent as vConfigureAgentArgs } from "./validators.js";
export { bridgeSecretRefs, isRealBot, isRunnable } from "./policy.js";
export { toProfileView, type AgentProfile, type ProfileFilter } from "./store.js";

/** `runnable`: enabled and not paused. `runnableChanged`: it was the other way before (a new agent was not runnable). */
export type RunnableChange = { runnable: boolean; runnableChanged: boolean };

export async function loadProfile(ctx: Reader, agentKey: string): Promise<AgentProfile | null> {
  return await findProfile(ctx, agentKey);
}

export async function loadProfileByBotIdentity(
  ctx: Reader,
  botIdentity: string,
): Promise<AgentProfile | null> {
  return await findProfileOfBot(ctx, botIdentity);
}

/** At most 200 profiles in the order of their keys; pass the last key as `afterAgentKey` for the next page. */
export async function listProfiles(ctx: Reader, filter: ProfileFilter): Promise<AgentProfile[]> {
  return await findProfiles(ctx, filter);
}

/**
 * Creates or updates the profile; see `configureSettings` for what an update keeps. Pausing is not touched.
 * @throws INVALID_ARGUMENT, also when another agent has the bot identity.
 */
export async function configureAgentProfile(
  ctx: MutationCtx,
  args: ConfigureAgent,
): Promise<{ id: Id<"agentProfiles"> } & RunnableChange> {
  assertConfigureAgent(args);
  const stored = await findProfile(ctx, args.agentKey);
  const settings = configureSettings(stored, args);
  if (settings.botIdentity !== undefined && settings.botIdentity !== stored?.botIdentity) {
    await assertBotIsFree(ctx, settings.botIdentity, args.agentKey);
  }
  const runnable = isRunnable({ ...stored, enabled: settings.enabled });
  const change = { runnable, runnableChanged: runnable !== isRunnable(stored) };
  if (stored !== null) {
    await ctx.db.patch("agentProfiles", stored._id, settings);
    return { id: stored._id, ...change };
  }
  const { botIdentity, bridgeConfig, companyId, ...required } = settings;
  const id = await ctx.db.insert("agentProfiles", {
    agentKey: args.agentKey,
    ...required,
    ...(botIdentity === undefined ? {} : { botIdentity }),
    ...(bridgeConfig === undefined ? {} : { bridgeConfig }),
    ...(companyId === undefined ? {} : { companyId }),
  });
  return { id, ...change };
}

/** Agents that no bot is linked to, counted up to 200. */
export async function countProfilesWithoutBot(ctx: Reader): Promise<number> {
  return await countUnlinked(ctx);
}

/** Holds the agent since `pausedAt`, or lets it go (null). */
export async function patchPaused(
  ctx: MutationCtx,
  profile: AgentProfile,
  pausedAt: number | null,
): Promise<RunnableChange> {
  await ctx.db.patch("agentProfiles", profile._id, { pausedAt: pausedAt ?? undefined });
  const runnable = profile.enabled && pausedAt === null;
  return { runnable, runnableChanged: runnable !== isRunnable(profile) };
}

/** The secret ref that holds the agent's own Telegram token: its first one, or the one scoped to it. */
export function telegramRefOf(profile: AgentProfile): string {
  return profile.secretsRef.find(isTelegramTokenRef) ?? `${TELEGRAM_TOKEN_REF}.${profile.agentKey}`;
}

/**
 * Records which bot the agent speaks through; with `secretRef` also where its token is.
 * @throws INVALID_ARGUMENT when a text is blank or another agent has the bot; AGENT_NOT_FOUND.
 */
export async function linkTelegramBot(
  ctx: MutationCtx,
  link: { agentKey: string; botIdentity: string; secretRef?: string },
): Promise<void> {
  const [agentKey, botIdentity] = [link.agentKey.trim(), link.botIdentity.trim()];
  if (agentKey === "" || botIdentity === "") {
    refuse("INVALID_ARGUMENT", "agentKey and botIdentity are required");
  }
  const stored = await requireProfile(ctx, agentKey);
  await assertBotIsFree(ctx, botIdentity, agentKey);
  // In front: the first Telegram token with a value is the one that answers.
  const own = link.secretRef === undefined ? [] : [link.secretRef];
  const refs = new Set([...own, ...stored.secretsRef]);
  await ctx.db.patch("agentProfiles", stored._id, { botIdentity, secretsRef: [...refs] });
}

async function requireProfile(ctx: Reader, agentKey: string): Promise<AgentProfile> {
  const profile = await findProfile(ctx, agentKey);
  if (profile !== null) return profile;
  return refuse("AGENT_NOT_FOUND", `Agent profile '${agentKey}' not found`, { agentKey });
}

async function assertBotIsFree(ctx: Reader, botIdentity: string, agentKey: string): Promise<void> {
  const rival = await findRivalOfBot(ctx, botIdentity, agentKey);
  if (rival === null) return;
  refuse(
    "INVALID_ARGUMENT",
    `Telegram bot identity '${botIdentity}' is already assigned to agent '${rival.agentKey}'`,
    { botIdentity, agentKey: rival.agentKey },
  );
}

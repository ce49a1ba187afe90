/** How to speak as a bot: where its token is, and where Telegram is. Tokens leave these queries only into an action. */
import { v } from "convex/values";
import { loadProfile, loadProfileByBotIdentity } from "../agents/ops.js";
import { isTelegramTokenRef, TELEGRAM_TOKEN_REF } from "../agents/validators.js";
import { loadBot } from "../identity/ops.js";
import { internalQuery, type QueryCtx } from "../kit/functions.js";
import { openFirstActiveSecret } from "../secrets/ops.js";
import { loadMessageConfig, loadWorkerRuntimeConfig } from "../settings/ops.js";
import { DEFAULT_TELEGRAM_API, vFileRef, type FileRef } from "./validators.js";

type Reader = Pick<QueryCtx, "db">;

const vBotAccess = v.object({ token: v.string(), apiBaseUrl: v.string(), secretRef: v.string() });
export type BotAccess = { token: string; apiBaseUrl: string; secretRef: string };

async function apiBaseUrl(ctx: Reader): Promise<string> {
  return (await loadMessageConfig(ctx))?.telegramApiBaseUrl ?? DEFAULT_TELEGRAM_API;
}

async function openAccess(ctx: Reader, refs: readonly string[]): Promise<BotAccess | null> {
  const found = await openFirstActiveSecret(ctx, refs);
  return found === null
    ? null
    : { token: found.value, secretRef: found.ref, apiBaseUrl: await apiBaseUrl(ctx) };
}

/** Where a token of the agent may be: the profile's refs in their order, then the conventional ones. */
async function agentTokenRefs(ctx: Reader, agentKey: string): Promise<string[]> {
  const profile = await loadProfile(ctx, agentKey);
  return [
    ...(profile?.secretsRef ?? []).filter(isTelegramTokenRef),
    `${TELEGRAM_TOKEN_REF}.${agentKey}`,
    TELEGRAM_TOKEN_REF,
  ];
}

async function accessOfBot(ctx: Reader, botIdentity: string): Promise<BotAccess | null> {
  const bot = await loadBot(ctx, botIdentity);
  const profile = await loadProfileByBotIdentity(ctx, botIdentity);
  return await openAccess(ctx, [
    ...(bot?.secretRef === undefined ? [] : [bot.secretRef]),
    ...(profile === null ? [] : await agentTokenRefs(ctx, profile.agentKey)),
  ]);
}

/** How to speak as this bot, or null when no token of it is stored. */
export const botAccess = internalQuery({
  args: { botIdentity: v.string() },
  returns: v.union(v.null(), vBotAccess),
  handler: async (ctx, { botIdentity }) => await accessOfBot(ctx, botIdentity),
});

/** The first of the named refs, or of the agent's, that has a token. */
export const tokenAccess = internalQuery({
  args: { secretRef: v.optional(v.string()), agentKey: v.optional(v.string()) },
  returns: v.union(v.null(), vBotAccess),
  handler: async (ctx, { secretRef, agentKey }) =>
    await openAccess(
      ctx,
      secretRef !== undefined
        ? [secretRef]
        : agentKey !== undefined
          ? await agentTokenRefs(ctx, agentKey)
          : [`${TELEGRAM_TOKEN_REF}.default`, TELEGRAM_TOKEN_REF],
    ),
});

/** Where Telegram is, and where it finds us. */
export const addresses = internalQuery({
  args: {},
  returns: v.object({ apiBaseUrl: v.string(), pathPrefix: v.string() }),
  handler: async (ctx) => ({
    apiBaseUrl: await apiBaseUrl(ctx),
    pathPrefix: (await loadWorkerRuntimeConfig(ctx)).pathPrefix,
  }),
});

export type FileTask = { bot: BotAccess | null; file: FileRef };

/** A file that is waited for and how to fetch it; null when nobody waits. */
export const fileTask = internalQuery({
  args: { turnId: v.id("telegramTurns"), index: v.number() },
  returns: v.union(v.null(), v.object({ bot: v.union(v.null(), vBotAccess), file: vFileRef })),
  handler: async (ctx, { turnId, index }) => {
    const turn = await ctx.db.get("telegramTurns", turnId);
    const file = turn?.files[index];
    if (turn === null || file?.state !== "pending") return null;
    const { state: _state, storageId: _storageId, error: _error, ...ref } = file;
    const bot =
      (await accessOfBot(ctx, turn.botIdentity)) ??
      (await openAccess(ctx, await agentTokenRefs(ctx, turn.agentKey)));
    return { bot, file: ref };
  },
});

/** What the actions of this room read and write. Tokens leave these queries only into an action. */
import { v } from "convex/values";
import {
  linkTelegramBot,
  loadProfile,
  loadProfileByBotIdentity,
  telegramRefOf,
} from "../agents/ops.js";
import { isTelegramTokenRef, TELEGRAM_TOKEN_REF } from "../agents/validators.js";
import { refuse } from "../../shared/errors.js";
import { loadBot, loadLatestBinding, loadNewestCode, saveBot } from "../identity/ops.js";
import { internalMutation, internalQuery, type QueryCtx } from "../kit/functions.js";
import {
  hasActiveSecret,
  importSecretValue,
  openActiveSecret,
  openFirstActiveSecret,
} from "../secrets/ops.js";
import { loadMessageConfig, loadWorkerRuntimeConfig } from "../settings/ops.js";
import {
  DEFAULT_TELEGRAM_API,
  FORMER_SECRET_MS,
  vFileRef,
  vTokenImported,
  type FileRef,
  type TokenImported,
} from "./validators.js";

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

// ── Token import ────────────────────────────────────────────────────────────

const importArgs = { consumerUserId: v.string(), agentKey: v.string() };

/** Refuses before Telegram is asked. @throws AGENT_NOT_FOUND, FORBIDDEN */
export const checkImport = internalQuery({
  args: importArgs,
  returns: v.null(),
  handler: async (ctx, args) => {
    await assertMayImport(ctx, args, Date.now());
    return null;
  },
});

/**
 * A user may replace the token of an agent that he is or was bound to, or has a code for. An agent that nobody gave a
 * bot yet may be given one by anybody whom the app lets call this.
 */
async function assertMayImport(
  ctx: Reader,
  { consumerUserId, agentKey }: { consumerUserId: string; agentKey: string },
  now: number,
): Promise<void> {
  const profile = await loadProfile(ctx, agentKey);
  if (profile === null)
    return refuse("AGENT_NOT_FOUND", `Agent profile '${agentKey}' not found`, { agentKey });
  if ((await loadLatestBinding(ctx, consumerUserId, agentKey)) !== null) return;
  if ((await loadNewestCode(ctx, consumerUserId, agentKey, now)) !== null) return;
  const bot = profile.botIdentity === undefined ? null : await loadBot(ctx, profile.botIdentity);
  if (bot === null && !(await hasActiveSecret(ctx, ownRef(profile)))) return;
  refuse("FORBIDDEN", "Agent is not yet associated with the provided consumerUserId", {
    agentKey,
  });
}

/** The bare ref may be shared by several agents: an import for one must not replace the token of all. */
function ownRef(profile: Parameters<typeof telegramRefOf>[0]): string {
  const ref = telegramRefOf(profile);
  return ref === TELEGRAM_TOKEN_REF ? `${TELEGRAM_TOKEN_REF}.${profile.agentKey}` : ref;
}

/** Stores a token that Telegram has confirmed, and links the agent to its bot, or does neither. */
export const storeToken = internalMutation({
  args: {
    ...importArgs,
    plaintextValue: v.string(),
    metadata: v.optional(v.record(v.string(), v.string())),
    botIdentity: v.string(),
    telegramUsername: v.union(v.null(), v.string()),
  },
  returns: vTokenImported,
  handler: async (ctx, args): Promise<TokenImported> => {
    const now = Date.now();
    await assertMayImport(ctx, args, now);
    const profile = await loadProfile(ctx, args.agentKey);
    if (profile === null) return refuse("AGENT_NOT_FOUND", "The agent is gone");
    const { botIdentity, telegramUsername } = args;
    const secretRef = ownRef(profile);
    await linkTelegramBot(ctx, { agentKey: args.agentKey, botIdentity, secretRef });
    const same = (await openActiveSecret(ctx, secretRef)) === args.plaintextValue;
    const imported = await importSecretValue(ctx, {
      secretRef,
      plaintextValue: args.plaintextValue,
      metadata: {
        ...args.metadata,
        telegramBotId: botIdentity,
        ...(telegramUsername === null ? {} : { telegramUsername }),
      },
    });
    await saveBot(
      ctx,
      botIdentity,
      {
        secretRef,
        username: telegramUsername ?? undefined,
        // A webhook belongs to the token that set it.
        ...(same ? {} : { webhookVerifiedAt: undefined }),
      },
      now,
    );
    return { ...imported, botIdentity, telegramUsername };
  },
});

/** Records which bot a stored token is, and links the agent to it. */
export const linkBot = internalMutation({
  args: {
    agentKey: v.optional(v.string()),
    botIdentity: v.string(),
    telegramUsername: v.union(v.null(), v.string()),
    secretRef: v.string(),
  },
  returns: v.null(),
  handler: async (ctx, { agentKey, botIdentity, telegramUsername, secretRef }) => {
    if (agentKey !== undefined) {
      const ref = isTelegramTokenRef(secretRef) ? { secretRef } : {};
      await linkTelegramBot(ctx, { agentKey, botIdentity, ...ref });
    }
    const username = telegramUsername ?? undefined;
    await saveBot(ctx, botIdentity, { secretRef, username }, Date.now());
    return null;
  },
});

// ── Webhook ─────────────────────────────────────────────────────────────────

/** Until it is known whether Telegram took the new one, both secrets count. */
const UNTIL_CONFIRMED = Number.MAX_SAFE_INTEGER;

export const beginSecretRotation = internalMutation({
  args: { botIdentity: v.string(), secretHash: v.string() },
  returns: v.null(),
  handler: async (ctx, { botIdentity, secretHash }) => {
    const bot = await loadBot(ctx, botIdentity);
    // A rotation that was never confirmed: nobody knows which of the two Telegram has; the older one is kept.
    const former =
      bot?.formerSecretUntil === UNTIL_CONFIRMED && bot.webhookVerifiedAt === undefined
        ? bot.formerSecretHash
        : bot?.webhookSecretHash;
    const kept = { formerSecretHash: former, formerSecretUntil: UNTIL_CONFIRMED };
    await saveBot(
      ctx,
      botIdentity,
      {
        webhookSecretHash: secretHash,
        webhookVerifiedAt: undefined,
        ...(former === undefined ? {} : kept),
      },
      Date.now(),
    );
    return null;
  },
});

/** `set`: Telegram has the new secret. Otherwise it certainly does not, and the former one stays. */
export const endSecretRotation = internalMutation({
  args: { botIdentity: v.string(), set: v.boolean() },
  returns: v.null(),
  handler: async (ctx, { botIdentity, set }) => {
    const bot = await loadBot(ctx, botIdentity);
    const now = Date.now();
    await saveBot(
      ctx,
      botIdentity,
      set
        ? { formerSecretUntil: now + FORMER_SECRET_MS }
        : {
            webhookSecretHash: bot?.formerSecretHash,
            formerSecretHash: undefined,
            formerSecretUntil: undefined,
          },
      now,
    );
    return null;
  },
});

/** What Telegram says about the webhook of a bot. */
export const recordWebhook = internalMutation({
  args: {
    botIdentity: v.string(),
    webhookUrl: v.optional(v.string()),
    verified: v.boolean(),
  },
  returns: v.null(),
  handler: async (ctx, { botIdentity, webhookUrl, verified }) => {
    const now = Date.now();
    const url = webhookUrl === undefined ? {} : { webhookUrl };
    const webhookVerifiedAt = verified ? now : undefined;
    await saveBot(ctx, botIdentity, { ...url, webhookVerifiedAt }, now);
    return null;
  },
});

/** The address that a bot's updates were asked to be sent to; null when this deployment never asked. */
export const webhookOfAgent = internalQuery({
  args: { agentKey: v.string() },
  returns: v.union(
    v.null(),
    v.object({ botIdentity: v.string(), webhookUrl: v.union(v.null(), v.string()) }),
  ),
  handler: async (ctx, { agentKey }) => {
    const botIdentity = (await loadProfile(ctx, agentKey))?.botIdentity;
    if (botIdentity === undefined) return null;
    const bot = await loadBot(ctx, botIdentity);
    return bot === null ? null : { botIdentity, webhookUrl: bot.webhookUrl ?? null };
  },
});

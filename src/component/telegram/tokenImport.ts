/** Which bot an agent has: token import and the link between the two. */
import { v } from "convex/values";
import { linkTelegramBot, loadProfile, telegramRefOf } from "../agents/ops.js";
import { isTelegramTokenRef, TELEGRAM_TOKEN_REF } from "../agents/validators.js";
import { refuse } from "../../shared/errors.js";
import { loadBot, loadLatestBinding, loadNewestCode, saveBot } from "../identity/ops.js";
import { internalMutation, internalQuery, type QueryCtx } from "../kit/functions.js";
import { hasActiveSecret, importSecretValue, openActiveSecret } from "../secrets/ops.js";
import { vTokenImported, type TokenImported } from "./validators.js";

type Reader = Pick<QueryCtx, "db">;

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

/**
 * Which agent and conversation a message belongs to. The rules for groups and for agents of other bots are in
 * docs/SECURITY: what is said in a group never enters a user's own conversation, whoever says it, and what one bot
 * receives is never answered by an agent that speaks as another.
 */
import { isRealBot, loadProfile, loadProfileByBotIdentity } from "../agents/ops.js";
import { findTelegramBinding } from "../identity/ops.js";
import type { QueryCtx } from "../kit/functions.js";
import { chatConversationId, originalChatId } from "./migration.js";
import type { IncomingMessage } from "./update.js";
import type { IngressOptions } from "./validators.js";

type Reader = Pick<QueryCtx, "db">;

export type Route =
  | { kind: "agent"; agentKey: string; conversationId: string; consumerUserId: string | null }
  /** Nobody to answer, or a binding is required and there is none. */
  | { kind: "nobody" }
  /** Every agent that it could be speaks as another bot; the first of them. */
  | { kind: "foreign"; agentKey: string };

/**
 * The first that applies decides the agent: the app's own choice, the sender's binding through this bot, the receiving
 * bot's agent, the fallback. An agent that has another bot does not apply.
 */
export async function routeMessage(
  ctx: Reader,
  botIdentity: string | null,
  message: IncomingMessage,
  options: IngressOptions,
): Promise<Route> {
  if (options.resolvedAgentKey === "") return { kind: "nobody" };
  const needsBinding = options.requireBinding && options.resolvedAgentKey === undefined;
  const binding =
    options.resolveAgentKeyFromBinding || needsBinding
      ? await findTelegramBinding(ctx, {
          botIdentity: botIdentity ?? undefined,
          telegramUserId: message.userId,
          // A group's id says nothing about who is speaking.
          telegramChatId: message.isPrivate ? message.chatId : undefined,
        })
      : null;
  if (needsBinding && binding === null) return { kind: "nobody" };
  const own = message.isPrivate && options.resolveAgentKeyFromBinding ? binding : null;
  const ofBot = botIdentity === null ? null : await loadProfileByBotIdentity(ctx, botIdentity);

  const candidates = [
    options.resolvedAgentKey,
    own?.agentKey,
    ofBot?.agentKey,
    options.fallbackAgentKey,
  ].filter((key): key is string => key !== undefined && key !== "");
  for (const agentKey of candidates) {
    if (await speaksAsAnother(ctx, agentKey, botIdentity)) continue;
    if (own !== null && own.agentKey === agentKey) {
      const { conversationId, consumerUserId } = own;
      return { kind: "agent", agentKey, conversationId, consumerUserId };
    }
    const chatId = message.isPrivate
      ? message.chatId
      : await originalChatId(ctx, botIdentity, message.chatId);
    const conversationId = chatConversationId(botIdentity, chatId);
    return { kind: "agent", agentKey, conversationId, consumerUserId: null };
  }
  const [first] = candidates;
  return first === undefined ? { kind: "nobody" } : { kind: "foreign", agentKey: first };
}

/** It would answer with the token of its own bot, to a chat that this bot does not know. */
async function speaksAsAnother(
  ctx: Reader,
  agentKey: string,
  botIdentity: string | null,
): Promise<boolean> {
  if (botIdentity === null) return false;
  const of = (await loadProfile(ctx, agentKey))?.botIdentity;
  return of !== undefined && isRealBot(of) && of !== botIdentity;
}

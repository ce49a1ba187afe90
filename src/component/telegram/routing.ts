/**
 * Which agent and conversation a message belongs to. The rules for groups are in docs/SECURITY: what is said in a group
 * never enters a user's own conversation, whoever says it.
 */
import { loadProfileByBotIdentity } from "../agents/ops.js";
import { findTelegramBinding } from "../identity/ops.js";
import type { QueryCtx } from "../kit/functions.js";
import type { IncomingMessage } from "./update.js";
import type { IngressOptions } from "./validators.js";

export type Route = { agentKey: string; conversationId: string; consumerUserId: string | null };

/**
 * Null: nobody to answer, or a binding is required and there is none. The first that applies decides the agent:
 * the app's own choice, the sender's binding through this bot, the receiving bot's agent, the fallback.
 */
export async function routeMessage(
  ctx: Pick<QueryCtx, "db">,
  botIdentity: string | null,
  message: IncomingMessage,
  options: IngressOptions,
): Promise<Route | null> {
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
  if (needsBinding && binding === null) return null;
  const own = message.isPrivate && options.resolveAgentKeyFromBinding ? binding : null;
  const ofBot = botIdentity === null ? null : await loadProfileByBotIdentity(ctx, botIdentity);
  const agentKey =
    options.resolvedAgentKey ?? own?.agentKey ?? ofBot?.agentKey ?? options.fallbackAgentKey;
  if (agentKey === "") return null;
  if (own !== null && own.agentKey === agentKey)
    return { agentKey, conversationId: own.conversationId, consumerUserId: own.consumerUserId };
  const chat = botIdentity === null ? message.chatId : `${botIdentity}:${message.chatId}`;
  return { agentKey, conversationId: `telegram:${chat}`, consumerUserId: null };
}

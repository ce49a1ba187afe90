/** Everything a worker needs to start a claimed message. Only the lease holder gets it. */
import { loadProfile } from "../agents/ops.js";
import { historyWindow, loadConversation } from "../conversations/ops.js";
import type { Doc, Id, QueryCtx } from "../kit/functions.js";
import { botOfMessage, loadAnswer, toAnswerView, type Message } from "../queue/ops.js";
import type { PayloadView } from "../queue/validators.js";
import { openActiveSecret, openFirstActiveSecret } from "../secrets/ops.js";
import { loadMessageConfig, loadPolicy } from "../settings/ops.js";
import { bridgeSources, isTokenOfBot, telegramTokenRefs, withSystemPrompt } from "./bundle.js";
import type { BridgeRuntimeConfig, HydrationBundle } from "./validators.js";

/**
 * The bundle of a message that is being processed; null when it is not, or its conversation or agent is gone.
 * With `holder`, also null unless that worker holds the lease.
 */
export async function hydrate(
  ctx: QueryCtx,
  messageId: Id<"messageQueue">,
  holder?: { workerId: string },
): Promise<HydrationBundle | null> {
  const message = await ctx.db.get("messageQueue", messageId);
  if (message === null || message.status !== "processing") return null;
  if (holder !== undefined && message.claimedBy !== holder.workerId) return null;
  const conversation = await loadConversation(ctx, message.conversationId);
  const profile = await loadProfile(ctx, message.agentKey);
  if (conversation === null || profile === null) return null;

  const policy = await loadPolicy(ctx);
  const { systemPrompt } = (await loadMessageConfig(ctx)) ?? {};
  const answer = await loadAnswer(ctx, messageId);
  return {
    messageId,
    conversationId: message.conversationId,
    agentKey: message.agentKey,
    payload: await openPayload(ctx, message, systemPrompt),
    conversationState: {
      contextHistory: await historyWindow(
        ctx,
        conversation,
        policy.hydration.maxContextTokens,
        messageId,
      ),
      pendingToolCalls: conversation.pendingToolCalls,
    },
    telegramBotToken: await openTelegramToken(ctx, profile, message),
    bridgeRuntimeConfig: await openBridge(ctx, profile),
    userText: message.payload.messageText,
    systemPrompt: systemPrompt ?? null,
    answer: answer === null ? null : toAnswerView(answer),
    deliveryPolicy: policy.delivery,
  };
}

/**
 * The token of the bot that the message came through, so that the reply leaves from the same one; the agent's first
 * token when nothing says which bot that is, or its token is not stored any more.
 */
async function openTelegramToken(
  ctx: QueryCtx,
  profile: Doc<"agentProfiles">,
  message: Message,
): Promise<string | null> {
  // Whatever a caller wrote there only chooses between the agent's own tokens.
  const bot = botOfMessage(message);
  let first: string | null = null;
  for (const ref of telegramTokenRefs(profile.secretsRef)) {
    const token = await openActiveSecret(ctx, ref);
    if (token === null) continue;
    if (bot === null || isTokenOfBot(token, bot)) return token;
    first ??= token;
  }
  return first;
}

/** The payload with fresh download URLs for ready attachments and the prompt after the text. */
async function openPayload(
  ctx: QueryCtx,
  message: Message,
  systemPrompt: string | undefined,
): Promise<PayloadView> {
  const { attachments, ...payload } = message.payload;
  const messageText = withSystemPrompt(payload.messageText, systemPrompt);
  if (attachments === undefined) return { ...payload, messageText };
  const opened = [];
  for (const { downloadUrl: _stale, ...attachment } of attachments) {
    const url =
      attachment.status === "ready" ? await ctx.storage.getUrl(attachment.storageId) : null;
    opened.push(url === null ? attachment : { ...attachment, downloadUrl: url });
  }
  return { ...payload, messageText, attachments: opened };
}

async function openBridge(
  ctx: QueryCtx,
  profile: Doc<"agentProfiles">,
): Promise<BridgeRuntimeConfig | null> {
  if (profile.bridgeConfig?.enabled !== true) return null;
  const sources = bridgeSources(profile.agentKey, profile.bridgeConfig);
  const open = async ({ own, refs }: { own: string | undefined; refs: string[] }) =>
    own === undefined || own.trim() === ""
      ? await openFirstActiveSecret(ctx, refs)
      : { ref: null, value: own };
  const serviceKey = await open(sources.serviceKey);
  return {
    baseUrl: (await open(sources.baseUrl))?.value ?? null,
    appBaseUrlMapJson: (await open(sources.appBaseUrlMapJson))?.value ?? null,
    serviceId: (await open(sources.serviceId))?.value ?? null,
    appKey: (await open(sources.appKey))?.value ?? null,
    serviceKey: serviceKey?.value ?? null,
    serviceKeySecretRef: serviceKey?.ref ?? null,
    botIdentity: profile.botIdentity ?? null,
  };
}

/** What a person said: known again, paired, routed, and queued with everything a worker needs to answer it. */
import { isAgentFactoryError } from "../../shared/errors.js";
import type { ProviderConfig } from "../config.js";
import { loadBot } from "../identity/ops.js";
import type { Id, MutationCtx } from "../kit/functions.js";
import { enqueueMessage, findIngress, rememberIngress } from "../queue/ops.js";
import { seedProviderConfig } from "../settings/ops.js";
import { scheduleAcknowledgement } from "./callbacks.js";
import { mediaMetadata, mediaText } from "./files.js";
import { keysOf } from "./keys.js";
import { heardFrom } from "./membership.js";
import { hintAtPairing, sayUnreadable } from "./notices.js";
import { pairChat } from "./pairing.js";
import { quarantine } from "./quarantine.js";
import { routeMessage, type Route } from "./routing.js";
import { readStart, type StartCommand } from "./text.js";
import { holdUntil, needsTurn } from "./turnContent.js";
import { extendTurn, findTurn, openTurn } from "./turns.js";
import type { IncomingMessage } from "./update.js";
import {
  MAX_RAW_UPDATE_BYTES,
  type IngressOptions,
  type IngressOutcome,
  type QuarantineReason,
  type WebhookCredentials,
} from "./validators.js";

export type Ingest = {
  credentials: WebhookCredentials;
  body: string;
  /** The body was cut: Telegram sends nothing that long. */
  tooLarge: boolean;
  options: IngressOptions;
  providerConfig?: ProviderConfig | undefined;
};

const IGNORED: IngressOutcome = { kind: "ignored" };

export async function takeMessage(
  ctx: MutationCtx,
  args: Ingest,
  updateId: number | null,
  message: IncomingMessage,
  now: number,
): Promise<IngressOutcome> {
  const { credentials, body, options } = args;
  const { botIdentity } = credentials;
  if (message.isAutomatic) return IGNORED;
  const keys = await keysOf(botIdentity, updateId, message, body);
  let seen = false;
  for (const key of keys) {
    const row = await findIngress(ctx, key, now);
    if (row?.messageId !== undefined) return { kind: "accepted" };
    seen ||= row !== null;
  }
  const remember = async () => {
    for (const key of keys) await rememberIngress(ctx, key, null, now);
  };
  const start = await startOf(ctx, botIdentity, message);
  if (start?.kind === "foreign") return IGNORED;
  if (start !== null) {
    // Repeated as well: the outcome of a pairing is told again, the chat hears it once.
    if (!seen) await remember();
    await heardFrom(ctx, botIdentity, message);
    return await pairChat(ctx, botIdentity, message, start, seen, now);
  }
  // It was refused, or put away, before; another refusal would only hold up the chat behind it.
  if (seen) return IGNORED;
  await heardFrom(ctx, botIdentity, message);
  if (message.callbackId !== null)
    await scheduleAcknowledgement(ctx, botIdentity, message.callbackId);
  const route = await routeMessage(ctx, botIdentity, message, options);
  if (route.kind === "nobody") {
    await remember();
    await hintAtPairing(ctx, botIdentity, message, now);
    return { kind: "no_binding" };
  }
  if (message.text === "" && message.files.length === 0) {
    if (message.unreadable === null) return IGNORED;
    await remember();
    await sayUnreadable(ctx, botIdentity, message);
    return IGNORED;
  }
  const refused = await tryAccept(ctx, args, route, { message, updateId, keys }, now);
  if (typeof refused === "string") return { kind: "accepted" };
  await remember();
  const telegramChatId = message.chatId;
  await quarantine(ctx, { botIdentity, telegramChatId, updateId, body, options, ...refused }, now);
  return { kind: "quarantined" };
}

/** Commands count when the person typed them: a forwarded code is somebody else's, a button is the agent's. */
async function startOf(
  ctx: MutationCtx,
  botIdentity: string | null,
  message: IncomingMessage,
): Promise<StartCommand | null> {
  if (!message.isTyped || !message.text.startsWith("/start")) return null;
  const bot = botIdentity === null ? null : await loadBot(ctx, botIdentity);
  const start = readStart(message.text, bot?.username ?? null);
  return start?.kind === "code" && message.isForwarded ? { kind: "bare" } : start;
}

export type Refusal = { reason: QuarantineReason; detail: string };

const REASONS: { readonly [code: string]: QuarantineReason } = {
  AGENT_NOT_READY: "agent_unavailable",
  AGENT_NOT_FOUND: "agent_unavailable",
  CONVERSATION_BOUND: "conversation_mismatch",
};

type Arrival = { message: IncomingMessage; updateId: number | null; keys: readonly string[] };

/** The id of the queued message, or why it can never be queued. Throws what passes. */
export async function tryAccept(
  ctx: MutationCtx,
  args: Ingest,
  route: Exclude<Route, { kind: "nobody" }>,
  arrival: Arrival,
  now: number,
): Promise<Id<"messageQueue"> | Refusal> {
  if (route.kind === "foreign")
    return {
      reason: "agent_of_another_bot",
      detail: `Agent '${route.agentKey}' speaks as another bot than the one that received this, and there is no other agent.`,
    };
  try {
    return await accept(ctx, args, route, arrival, now);
  } catch (error) {
    if (!isAgentFactoryError(error)) throw error;
    const { code, message: detail } = error.data;
    return { reason: REASONS[code] ?? "refused", detail };
  }
}

/** Everything that can be refused is refused before the first write. */
async function accept(
  ctx: MutationCtx,
  { credentials: { botIdentity }, body, providerConfig }: Ingest,
  route: Extract<Route, { kind: "agent" }>,
  { message, updateId, keys }: Arrival,
  now: number,
): Promise<Id<"messageQueue">> {
  const bot = botIdentity ?? "unknown";
  const turn = await findTurn(ctx, bot, message, now);
  if (turn !== null && turn.conversationId === route.conversationId) {
    const waits = message.mediaGroupId !== null || message.text === "";
    await extendTurn(ctx, turn, message, waits, now);
    for (const key of keys) await rememberIngress(ctx, key, turn.messageId, now);
    return turn.messageId;
  }
  const held = needsTurn(message);
  const messageId = await enqueueMessage(
    ctx,
    {
      agentKey: route.agentKey,
      conversationId: route.conversationId,
      payload: {
        provider: "telegram",
        providerUserId: message.userId,
        messageText: message.text === "" ? mediaText(message.files) : message.text,
        externalMessageId: String(message.callbackId ?? message.messageId ?? updateId ?? ""),
        ...(new TextEncoder().encode(body).length > MAX_RAW_UPDATE_BYTES
          ? {}
          : { rawUpdateJson: body }),
        metadata: metadataOf(botIdentity, route, message),
      },
      idempotencyKey: keys[0],
      ...(held ? { heldUntil: holdUntil(now) } : {}),
    },
    now,
  );
  for (const key of keys.slice(1)) await rememberIngress(ctx, key, messageId, now);
  if (providerConfig !== undefined) await seedProviderConfig(ctx, providerConfig, now);
  const { agentKey, conversationId } = route;
  const about = { messageId, agentKey, conversationId, botIdentity: bot };
  if (held) await openTurn(ctx, about, message, now);
  return messageId;
}

function metadataOf(
  botIdentity: string | null,
  route: Extract<Route, { kind: "agent" }>,
  message: IncomingMessage,
): Record<string, string> {
  return {
    telegramChatId: message.chatId,
    telegramUserId: message.userId,
    ...(botIdentity === null ? {} : { telegramBotIdentity: botIdentity }),
    ...(message.threadId === null ? {} : { telegramThreadId: String(message.threadId) }),
    ...(message.callbackId === null ? {} : { telegramCallbackQueryId: message.callbackId }),
    ...(route.consumerUserId === null ? {} : { consumerUserId: route.consumerUserId }),
    ...mediaMetadata(message.files),
  };
}

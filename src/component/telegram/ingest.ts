/** One update, in one transaction: accepted once, or put away where an operator sees it. */
import { isAgentFactoryError } from "../../shared/errors.js";
import { seedProviderConfig } from "../settings/ops.js";
import type { ProviderConfig } from "../config.js";
import { clearChatBlocked, loadBot, markChatBlocked } from "../identity/ops.js";
import type { MutationCtx } from "../kit/functions.js";
import { sha256Hex } from "../kit/random.js";
import {
  enqueueMessage,
  findIngress,
  loadUntouched,
  rememberIngress,
  reviseWaiting,
} from "../queue/ops.js";
import { mayPost } from "./access.js";
import { hintAtPairing } from "./notices.js";
import { pairChat } from "./pairing.js";
import { quarantine } from "./quarantine.js";
import { routeMessage, type Route } from "./routing.js";
import { editTurn, extendTurn, findTurn, holdUntil, needsTurn, openTurn, turnOf } from "./turns.js";
import {
  mediaMetadata,
  mediaText,
  readStart,
  readUpdate,
  type Incoming,
  type IncomingMessage,
} from "./update.js";
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
const QUARANTINED: IngressOutcome = { kind: "quarantined" };

/** Throws only for trouble that passes: then Telegram is asked to come again. */
export async function ingestUpdate(
  ctx: MutationCtx,
  args: Ingest,
  now: number,
): Promise<IngressOutcome> {
  const { credentials, body, options } = args;
  if (!(await mayPost(ctx, credentials, options.allowUnsigned, now))) return { kind: "forbidden" };
  const { botIdentity } = credentials;
  const value = args.tooLarge ? undefined : parseJson(body);
  const update = value === undefined ? null : readUpdate(value);
  if (update === null) {
    const reason = args.tooLarge ? "too_large" : value === undefined ? "not_json" : "not_an_update";
    const key = await bodyKey(botIdentity, body);
    if ((await findIngress(ctx, key, now)) !== null) return QUARANTINED;
    await rememberIngress(ctx, key, null, now);
    const detail = "The request carried the right secret, but no Telegram update.";
    await quarantine(ctx, { botIdentity, reason, detail, body }, now);
    return QUARANTINED;
  }
  switch (update.kind) {
    case "other":
      return IGNORED;
    case "edit":
      await applyEdit(ctx, botIdentity, update.message, now);
      return IGNORED;
    case "membership":
      await applyMembership(ctx, botIdentity, update, now);
      return IGNORED;
    case "message":
      return await takeMessage(ctx, args, update.updateId, update.message, now);
  }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

// ── Keys ────────────────────────────────────────────────────────────────────

function keyOf(botIdentity: string | null, ...parts: (string | number)[]): string {
  return ["telegram", botIdentity ?? "unknown", ...parts].join(":");
}

function messageKey(botIdentity: string | null, message: IncomingMessage): string | null {
  return message.messageId === null
    ? null
    : keyOf(botIdentity, message.chatId, message.messageId, "message");
}

async function bodyKey(botIdentity: string | null, body: string): Promise<string> {
  return keyOf(botIdentity, "body", await sha256Hex(body));
}

/** By update, and by message: the numbers of updates start anew after a week of silence, or on another server. */
async function keysOf(
  botIdentity: string | null,
  updateId: number | null,
  message: IncomingMessage,
  body: string,
): Promise<string[]> {
  const byMessage = messageKey(botIdentity, message);
  const keys = [
    ...(updateId === null ? [] : [keyOf(botIdentity, updateId)]),
    ...(byMessage === null ? [] : [byMessage]),
  ];
  return keys.length === 0 ? [await bodyKey(botIdentity, body)] : keys;
}

// ── Messages ────────────────────────────────────────────────────────────────

async function takeMessage(
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
  const username =
    botIdentity === null ? null : ((await loadBot(ctx, botIdentity))?.username ?? null);
  const start = readStart(message.text, username);
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
  const route = await routeMessage(ctx, botIdentity, message, options);
  if (route === null) {
    await remember();
    await hintAtPairing(ctx, botIdentity, message, now);
    return { kind: "no_binding" };
  }
  if (message.text === "" && message.files.length === 0) return IGNORED;
  try {
    await accept(ctx, args, route, message, updateId, keys, now);
    return { kind: "accepted" };
  } catch (error) {
    if (!isAgentFactoryError(error)) throw error;
    await remember();
    const telegramChatId = message.chatId;
    const { code, message: detail } = error.data;
    const reason = REASONS[code] ?? "refused";
    await quarantine(ctx, { botIdentity, telegramChatId, updateId, reason, detail, body }, now);
    return QUARANTINED;
  }
}

const REASONS: { readonly [code: string]: QuarantineReason } = {
  AGENT_NOT_READY: "agent_unavailable",
  AGENT_NOT_FOUND: "agent_unavailable",
  CONVERSATION_BOUND: "conversation_mismatch",
};

/** Everything that can be refused is refused before the first write. */
async function accept(
  ctx: MutationCtx,
  { credentials: { botIdentity }, body, providerConfig }: Ingest,
  route: Route,
  message: IncomingMessage,
  updateId: number | null,
  keys: readonly string[],
  now: number,
): Promise<void> {
  const bot = botIdentity ?? "unknown";
  const turn = await findTurn(ctx, bot, message, now);
  if (turn !== null && turn.conversationId === route.conversationId) {
    const waits = message.mediaGroupId !== null || message.text === "";
    await extendTurn(ctx, turn, message, waits, now);
    for (const key of keys) await rememberIngress(ctx, key, turn.messageId, now);
    return;
  }
  const held = needsTurn(message);
  const messageId = await enqueueMessage(
    ctx,
    {
      ...route,
      payload: {
        provider: "telegram",
        providerUserId: message.userId,
        messageText: message.text === "" ? mediaText(message.files) : message.text,
        externalMessageId: String(message.messageId ?? updateId ?? ""),
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
  if (held) await openTurn(ctx, { messageId, ...route, botIdentity: bot }, message, now);
}

function metadataOf(
  botIdentity: string | null,
  route: Route,
  message: IncomingMessage,
): Record<string, string> {
  return {
    telegramChatId: message.chatId,
    telegramUserId: message.userId,
    ...(botIdentity === null ? {} : { telegramBotIdentity: botIdentity }),
    ...(message.threadId === null ? {} : { telegramThreadId: String(message.threadId) }),
    ...(route.consumerUserId === null ? {} : { consumerUserId: route.consumerUserId }),
    ...mediaMetadata(message.files),
  };
}

// ── Edits, and who can be reached ───────────────────────────────────────────

/** Changes what waits; what a worker already has stays as it was asked. */
async function applyEdit(
  ctx: MutationCtx,
  botIdentity: string | null,
  edit: IncomingMessage,
  now: number,
): Promise<void> {
  const key = messageKey(botIdentity, edit);
  const messageId = key === null ? undefined : (await findIngress(ctx, key, now))?.messageId;
  if (messageId === undefined || edit.messageId === null) return;
  const message = await loadUntouched(ctx, messageId);
  if (message === null || message.payload.metadata?.["telegramUserId"] !== edit.userId) return;
  const editedAt = edit.editedAt ?? 0;
  const turn = await turnOf(ctx, messageId);
  if (turn !== null)
    return await editTurn(
      ctx,
      turn,
      { telegramMessageId: edit.messageId, text: edit.text, editedAt },
      now,
    );
  const { metadata, externalMessageId } = message.payload;
  const isWhole = externalMessageId === String(edit.messageId) && edit.mediaGroupId === null;
  if (!isWhole || edit.text === "" || Number(metadata["telegramEditedAt"] ?? 0) > editedAt) return;
  await reviseWaiting(
    ctx,
    messageId,
    { messageText: edit.text, metadata: { telegramEditedAt: String(editedAt) } },
    now,
  );
}

/** The chat can be reached: it was just heard of. */
async function heardFrom(
  ctx: MutationCtx,
  botIdentity: string | null,
  message: IncomingMessage,
): Promise<void> {
  if (botIdentity !== null) await clearChatBlocked(ctx, botIdentity, message.chatId);
}

/** The user blocked or unblocked the bot, or it was removed from or added to a group. */
async function applyMembership(
  ctx: MutationCtx,
  botIdentity: string | null,
  update: Extract<Incoming, { kind: "membership" }>,
  now: number,
): Promise<void> {
  if (botIdentity === null) return;
  if (update.updateId !== null) {
    const key = keyOf(botIdentity, update.updateId);
    if ((await findIngress(ctx, key, now)) !== null) return;
    await rememberIngress(ctx, key, null, now);
  }
  if (update.status === "kicked" || update.status === "left") {
    const reason = update.isPrivate
      ? "The user blocked the bot."
      : "The bot was removed from the group.";
    await markChatBlocked(ctx, { botIdentity, telegramChatId: update.chatId, reason }, now);
  } else await clearChatBlocked(ctx, botIdentity, update.chatId);
}

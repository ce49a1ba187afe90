import type { Effect, FaultHandle, FaultRule } from "../fly/faults.js";
import { sendUpdate, type Delivery } from "./deliveries.js";
import {
  addBot,
  nextMessageId,
  storeFile,
  type Bot,
  type ChatAction,
  type LogEntry,
  type NewBot,
  type SentMessage,
  type Webhook,
  type World,
} from "./world.js";

export interface NewFile {
  bytes: Uint8Array<ArrayBuffer> | string;
  fileId?: string;
  name?: string;
  mimeType?: string;
}

export interface Person {
  id: number;
  firstName?: string;
  /** Default: the private chat of this person. */
  chatId?: number;
}

export interface SaidMessage {
  updateId: number;
  messageId: number;
}

/** What a test or the demo may do that no bot can. */
export interface LocalTelegramControl {
  advance(ms: number): Promise<void>;
  /** Returns the token. A bot with the same id is replaced. */
  addBot(bot: NewBot): string;
  /** The old token is dead at once. Returns the new one. */
  rotateToken(botId: number, token: string): string;
  sent(botId: number): readonly SentMessage[];
  actions(botId: number): readonly ChatAction[];
  /** What `setWebhook` left, secret included. */
  webhook(botId: number): Webhook | null;
  log(): readonly LogEntry[];
  /** A file that a user has sent; returns its id. */
  setFile(botId: number, file: NewFile): string;
  /** A person writes; the update goes to the webhook. `more` is added to the message, for example a photo. */
  say(botId: number, from: Person, text: string, more?: Record<string, unknown>): SaidMessage;
  /** Every try to deliver an update. */
  deliveries(botId: number): readonly Delivery[];
  /** The user of this chat blocks the bot, or every bot. */
  block(chatId: number, botId?: number): void;
  unblock(chatId: number, botId?: number): void;
  /** A reply can no longer point to it. */
  deleteMessage(botId: number, chatId: number, messageId: number): void;
  fault(rule: FaultRule): FaultHandle;
  clearFaults(): void;
}

/** The effect of asking too much. */
export function tooManyRequests(retryAfter: number): Effect {
  const description = `Too Many Requests: retry after ${retryAfter}`;
  const parameters = { retry_after: retryAfter };
  return {
    kind: "status",
    status: 429,
    json: { ok: false, error_code: 429, description, parameters },
    headers: { "retry-after": String(retryAfter) },
  };
}

export function createControl(world: World): LocalTelegramControl {
  function find(id: number): Bot {
    const bot = world.bots.get(id);
    if (!bot) throw new Error(`there is no bot ${id}`);
    return bot;
  }
  const chosen = (id: number | undefined) =>
    id === undefined ? [...world.bots.values()] : [find(id)];

  return {
    async advance(ms) {
      if (!world.virtual) throw new Error("only a virtual clock can be advanced");
      await world.virtual.advance(ms);
    },
    addBot: (bot) => addBot(world, bot).token,
    rotateToken: (id, token) => (find(id).token = token),
    sent: (id) => find(id).sent,
    actions: (id) => find(id).actions,
    webhook: (id) => find(id).webhook,
    log: () => world.log,
    setFile(id, { bytes, name = "file", mimeType = "application/octet-stream", fileId }) {
      const content = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
      const given = { bytes: content, name, mimeType, ...(fileId !== undefined && { fileId }) };
      return storeFile(world, find(id), given).fileId;
    },
    say(id, from, text, more = {}) {
      const bot = find(id);
      const chatId = from.chatId ?? from.id;
      const messageId = nextMessageId(bot, chatId);
      const chat = { id: chatId, type: chatId > 0 ? "private" : "supergroup" };
      const message = {
        message_id: messageId,
        date: Math.floor(world.clock.now() / 1000),
        chat,
        from: { id: from.id, is_bot: false, first_name: from.firstName ?? "Somebody" },
        ...(text !== "" && { text }),
        ...more,
      };
      return { updateId: sendUpdate(world, bot, `chat ${chatId}`, { message }), messageId };
    },
    deliveries: (id) => find(id).outgoing.log,
    block: (chatId, id) => chosen(id).forEach((bot) => bot.blockedChats.add(chatId)),
    unblock: (chatId, id) => chosen(id).forEach((bot) => bot.blockedChats.delete(chatId)),
    deleteMessage: (id, chatId, messageId) =>
      void find(id).deletedMessages.add(`${chatId}/${messageId}`),
    fault: (rule) => world.faults.add(rule),
    clearFaults: () => world.faults.clear(),
  };
}

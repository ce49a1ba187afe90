import type { Effect, FaultHandle, FaultRule } from "../fly/faults.js";
import { sendUpdate, type Delivery } from "./deliveries.js";
import { chatType } from "./posting.js";
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
  /** A person sends files together: one message each, the caption on the first. */
  sendAlbum(
    botId: number,
    from: Person,
    files: readonly { kind: "photo" | "video" | "document" | "audio"; fileId: string }[],
    caption?: string,
  ): SaidMessage[];
  /** The group becomes a supergroup; both chats say so, and the old one takes nothing any more. */
  migrate(botId: number, groupId: number, supergroupId: number): void;
  /** The chat is not found any more. */
  removeChat(botId: number, chatId: number): void;
  /** The person changes what they wrote. */
  edit(botId: number, from: Person, messageId: number, text: string): number;
  /** The person presses a button under a message of the bot. Returns the id of the press. */
  press(botId: number, from: Person, data: string, messageId?: number): string;
  /** Presses that the bot acknowledged. */
  acknowledged(botId: number): readonly string[];
  /** Updates that were taken are sent so many times more, as after a lost answer. */
  repeatUpdates(botId: number, times: number): void;
  /** Updates of this kind set off later, so that other kinds overtake them. */
  delayUpdates(botId: number, kind: string, ms: number): void;
  /** Every try to deliver an update. */
  deliveries(botId: number): readonly Delivery[];
  /** The user of this chat blocks the bot, or every bot; webhooks are told. */
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
  const now = () => Math.floor(world.clock.now() / 1000);
  const chatOf = (id: number) => ({ id, type: chatType(id) });
  const personOf = ({ id, firstName = "Somebody" }: Person) => ({
    ...{ id, is_bot: false, first_name: firstName },
  });
  /** Nobody hears of it without a webhook. */
  function member(bot: Bot, chatId: number, from: string, to: string): void {
    if (bot.webhook === null) return;
    const user = { id: bot.id, is_bot: true, first_name: bot.firstName, username: bot.username };
    const my_chat_member = {
      chat: chatOf(chatId),
      from: personOf({ id: chatId }),
      date: now(),
      old_chat_member: { status: from, user },
      new_chat_member: { status: to, user, ...(to === "kicked" && { until_date: 0 }) },
    };
    sendUpdate(world, bot, `membership ${chatId}`, { my_chat_member });
  }
  const say: LocalTelegramControl["say"] = (id, from, text, more = {}) => {
    const bot = find(id);
    const chatId = from.chatId ?? from.id;
    const messageId = nextMessageId(bot, chatId);
    const message = {
      message_id: messageId,
      date: now(),
      chat: chatOf(chatId),
      from: personOf(from),
      ...(text !== "" && { text }),
      ...more,
    };
    return { updateId: sendUpdate(world, bot, `chat ${chatId}`, { message }), messageId };
  };
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
    say,
    sendAlbum(id, from, files, caption) {
      const media_group_id = world.random.text("0123456789", 17);
      return files.map(({ kind, fileId }, index) => {
        const file = { file_id: fileId, file_unique_id: fileId };
        const size = { width: 800, height: 600 };
        return say(id, from, "", {
          media_group_id,
          [kind]: kind === "photo" ? [{ ...file, ...size }] : file,
          ...(index === 0 && caption !== undefined && { caption }),
        });
      });
    },
    migrate(id, groupId, supergroupId) {
      const bot = find(id);
      bot.movedChats.set(groupId, supergroupId);
      // Whoever made the change; in the name of the group it is an anonymous administrator.
      const from = { id: 1_087_968_824, firstName: "Group" };
      say(id, { ...from, chatId: groupId }, "", { migrate_to_chat_id: supergroupId });
      say(id, { ...from, chatId: supergroupId }, "", { migrate_from_chat_id: groupId });
    },
    removeChat: (id, chatId) => void find(id).missingChats.add(chatId),
    edit(id, from, messageId, text) {
      const chatId = from.chatId ?? from.id;
      const when = { date: now(), edit_date: now() };
      const said = { chat: chatOf(chatId), from: personOf(from), text };
      const edited_message = { message_id: messageId, ...when, ...said };
      return sendUpdate(world, find(id), `chat ${chatId}`, { edited_message });
    },
    press(id, from, data, messageId = 1) {
      const bot = find(id);
      const callbackId = String(bot.outgoing.nextUpdateId * 10);
      const message = { message_id: messageId, date: now(), chat: chatOf(from.chatId ?? from.id) };
      const pressed = { id: callbackId, from: personOf(from), message, chat_instance: "1", data };
      sendUpdate(world, bot, `presses ${from.id}`, { callback_query: pressed });
      return callbackId;
    },
    acknowledged: (id) => find(id).acknowledged,
    repeatUpdates: (id, times) => void (find(id).outgoing.repeats = times),
    delayUpdates: (id, kind, ms) => void find(id).outgoing.delaysMs.set(kind, ms),
    deliveries: (id) => find(id).outgoing.log,
    block(chatId, id) {
      for (const bot of chosen(id)) {
        if (!bot.blockedChats.has(chatId)) member(bot, chatId, "member", "kicked");
        bot.blockedChats.add(chatId);
      }
    },
    unblock(chatId, id) {
      for (const bot of chosen(id)) {
        if (bot.blockedChats.has(chatId)) member(bot, chatId, "kicked", "member");
        bot.blockedChats.delete(chatId);
      }
    },
    deleteMessage: (id, chatId, messageId) =>
      void find(id).deletedMessages.add(`${chatId}/${messageId}`),
    fault: (rule) => world.faults.add(rule),
    clearFaults: () => world.faults.clear(),
  };
}

/** What a Telegram update says. Pure. */
import { tell, unreadableKind } from "./contents.js";
import { readFiles } from "./files.js";
import { vUpdate, type WireCallback, type WireMessage } from "./schemas.js";
import { wellFormed } from "./text.js";
import type { FileRef } from "./validators.js";

export type IncomingMessage = {
  chatId: string;
  userId: string;
  /** One person and the bot; everything else is heard by others. */
  isPrivate: boolean;
  /** Another bot, a channel or an anonymous admin: nobody who could be answered or paired. */
  isAutomatic: boolean;
  /** Written by somebody else, or by an inline bot: its words are passed on, its commands are not obeyed. */
  isForwarded: boolean;
  messageId: number | null;
  /** The pressed button, where that is what the person did. */
  callbackId: string | null;
  threadId: number | null;
  mediaGroupId: string | null;
  text: string;
  /** Typed text, which may belong to media right before it; false for what was told in words, or pressed. */
  isTyped: boolean;
  files: FileRef[];
  /** Something that was sent on purpose and cannot be passed on. */
  unreadable: string | null;
  editedAt: number | null;
};

export type Incoming = { updateId: number | null } & (
  | { kind: "message" | "edit" | "callback"; message: IncomingMessage }
  | { kind: "membership"; chatId: string; isPrivate: boolean; status: string }
  /** A group became a supergroup, which has another id. */
  | { kind: "migration"; fromChatId: string; toChatId: string }
  /** A button of a message that is in no chat of ours. */
  | { kind: "stray_callback"; callbackId: string }
  | { kind: "other" }
);

/** Null: not an update at all. */
export function readUpdate(value: unknown): Incoming | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const parsed = vUpdate.safeParse(value);
  if (!parsed.success) return null;
  const { message, edited_message: edited, callback_query: callback } = parsed.data;
  const member = parsed.data.my_chat_member;
  const updateId = parsed.data.update_id ?? null;
  const migration = message === undefined ? null : readMigration(message);
  if (migration !== null) return { updateId, kind: "migration", ...migration };
  const fresh = message === undefined ? null : readMessage(message);
  if (fresh !== null) return { updateId, kind: "message", message: fresh };
  const edit = edited === undefined ? null : readMessage(edited);
  if (edit !== null) return { updateId, kind: "edit", message: edit };
  if (callback !== undefined) {
    const pressed = readCallback(callback);
    return pressed === null
      ? { updateId, kind: "stray_callback", callbackId: wellFormed(callback.id) }
      : { updateId, kind: "callback", message: pressed };
  }
  if (member !== undefined)
    return {
      updateId,
      kind: "membership",
      chatId: String(member.chat.id),
      isPrivate: member.chat.type === "private",
      status: member.new_chat_member.status,
    };
  return { updateId, kind: "other" };
}

function readMessage(message: WireMessage): IncomingMessage | null {
  const { chat, from } = message;
  if (chat === undefined || from === undefined) return null;
  const own = wellFormed(message.text ?? "").trim();
  const typed = own === "" ? wellFormed(message.caption ?? "").trim() : own;
  return {
    chatId: String(chat.id),
    userId: String(from.id),
    isPrivate: chat.type === undefined ? chat.id === from.id : chat.type === "private",
    isAutomatic:
      from.is_bot === true ||
      message.sender_chat !== undefined ||
      message.is_automatic_forward === true,
    isForwarded:
      message.forward_origin !== undefined ||
      message.forward_date !== undefined ||
      message.via_bot !== undefined,
    messageId: message.message_id ?? null,
    callbackId: null,
    threadId: threadOf(message),
    mediaGroupId: message.media_group_id ?? null,
    text: typed === "" ? tell(message) : typed,
    isTyped: typed !== "",
    files: readFiles(message),
    unreadable: unreadableKind(message),
    editedAt: message.edit_date ?? null,
  };
}

/** In groups without topics a thread id only marks replies. */
function threadOf(message: WireMessage): number | null {
  return message.is_topic_message === true ? (message.message_thread_id ?? null) : null;
}

function readMigration(message: WireMessage): { fromChatId: string; toChatId: string } | null {
  const here = message.chat?.id;
  const { migrate_to_chat_id: to, migrate_from_chat_id: from } = message;
  if (here === undefined || (to === undefined && from === undefined)) return null;
  const [fromId, toId] = to === undefined ? [from ?? here, here] : [here, to];
  return fromId === toId ? null : { fromChatId: String(fromId), toChatId: String(toId) };
}

/** What was pressed counts as said by who pressed it, where the button is. */
function readCallback({ id, from, message, data }: WireCallback): IncomingMessage | null {
  const chat = message?.chat;
  const text = wellFormed(data ?? "").trim();
  if (message === undefined || chat === undefined || text === "") return null;
  return {
    chatId: String(chat.id),
    userId: String(from.id),
    isPrivate: chat.type === undefined ? chat.id === from.id : chat.type === "private",
    isAutomatic: from.is_bot === true,
    isForwarded: false,
    messageId: null,
    callbackId: wellFormed(id),
    threadId: threadOf(message),
    mediaGroupId: null,
    text,
    isTyped: false,
    files: [],
    unreadable: null,
    editedAt: null,
  };
}

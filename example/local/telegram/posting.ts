/** What a bot sends, put into the chat. */
import { z } from "zod";
import { badRequest } from "./errors.js";
import type { Formatted } from "./html.js";
import type { Parameters } from "./parameters.js";
import { nextMessageId, type Bot, type SentKind, type SentMessage } from "./world.js";
import type { StoredFile, World } from "./world.js";

const vReply = z.looseObject({
  message_id: z.int(),
  allow_sending_without_reply: z.boolean().optional(),
});

export interface Post {
  kind: SentKind;
  chatId: number;
  body: Formatted;
  file: StoredFile | null;
  parseMode?: string | null;
  albumId?: string | null;
}

export function post(world: World, bot: Bot, parameters: Parameters, content: Post) {
  const { kind, chatId, body, file, albumId = null } = content;
  const parseMode = content.parseMode ?? parameters.text("parse_mode") ?? null;
  const message: SentMessage = {
    ...{ kind, chatId, parseMode, albumId, file },
    replyToMessageId: readReply(bot, chatId, parameters),
    threadId: parameters.integer("message_thread_id") ?? null,
    messageId: nextMessageId(bot, chatId),
    ...{ text: body.text, entities: body.entities, at: world.clock.now() },
  };
  bot.sent.push(message);
  return messageView(bot, message);
}

/** The message as the Bot API tells it. */
export function messageView(bot: Bot, message: SentMessage) {
  const { kind, chatId, threadId, replyToMessageId, text, entities, file, albumId } = message;
  const [textName, entitiesName] =
    kind === "message" ? ["text", "entities"] : ["caption", "caption_entities"];
  const chat = { id: chatId, type: chatType(chatId) };
  const date = Math.floor(message.at / 1000);
  return {
    message_id: message.messageId,
    from: { id: bot.id, is_bot: true, first_name: bot.firstName, username: bot.username },
    chat,
    date,
    ...(threadId !== null && { message_thread_id: threadId }),
    ...(replyToMessageId !== null && {
      reply_to_message: { message_id: replyToMessageId, chat, date },
    }),
    ...(albumId !== null && { media_group_id: albumId }),
    ...(text !== "" && { [textName]: text }),
    ...(entities.length > 0 && { [entitiesName]: entities }),
    ...(file && kind !== "message" && { [kind]: fileView(kind, file) }),
    // Kept by Telegram for clients that do not know animations.
    ...(file && kind === "animation" && { document: fileView("document", file) }),
  };
}

export function chatType(chatId: number): "private" | "group" | "supergroup" {
  if (chatId > 0) return "private";
  return chatId < -1_000_000_000_000 ? "supergroup" : "group";
}

function readReply(bot: Bot, chatId: number, parameters: Parameters): number | null {
  const given = parameters.json("reply_parameters");
  const old = parameters.integer("reply_to_message_id");
  const reply =
    given !== undefined
      ? vReply.safeParse(given)
      : vReply.safeParse({
          message_id: old,
          allow_sending_without_reply: parameters.boolean("allow_sending_without_reply"),
        });
  if (given === undefined && old === undefined) return null;
  if (!reply.success) throw badRequest("can't parse reply parameters JSON object");
  const { message_id: id, allow_sending_without_reply: optional } = reply.data;
  if (!bot.deletedMessages.has(`${chatId}/${id}`)) return id;
  if (optional) return null;
  throw badRequest("message to be replied not found");
}

function fileView(kind: SentKind, file: StoredFile) {
  const ids = { file_id: file.fileId, file_unique_id: file.uniqueId, file_size: file.bytes.length };
  if (kind === "photo") return [{ ...ids, width: 800, height: 600 }];
  if (kind === "voice") return { ...ids, mime_type: file.mimeType, duration: 0 };
  const named = { ...ids, file_name: file.name, mime_type: file.mimeType };
  if (kind === "audio") return { ...named, duration: 0 };
  if (kind === "video" || kind === "animation")
    return { ...named, duration: 0, width: 800, height: 600 };
  return named;
}

import { z } from "zod";
import { badRequest, errors } from "./errors.js";
import type { Method } from "./method.js";
import type { Formatted } from "./html.js";
import type { Parameters } from "./parameters.js";
import { CAPTION, MESSAGE_TEXT, readText } from "./text.js";
import { nextMessageId, storeFile, type Bot, type SentKind } from "./world.js";
import type { StoredFile, World } from "./world.js";

const MEGABYTE = 2 ** 20;
const MAX_UPLOAD = { audio: 50 * MEGABYTE, document: 50 * MEGABYTE, photo: 10 * MEGABYTE };
const ACTIONS = [
  "typing",
  "upload_photo",
  "record_video",
  "upload_video",
  "record_voice",
  "upload_voice",
  "upload_document",
  "choose_sticker",
  "find_location",
  "record_video_note",
  "upload_video_note",
];
const vReply = z.looseObject({
  message_id: z.int(),
  allow_sending_without_reply: z.boolean().optional(),
});

export const sendMessage: Method = (world, bot, parameters) => {
  const chatId = readChat(bot, parameters);
  const body = readText(parameters, MESSAGE_TEXT);
  return post(world, bot, parameters, { kind: "message", chatId, body, file: null });
};

export function sendFile(kind: "audio" | "document" | "photo"): Method {
  return (world, bot, parameters) => {
    const chatId = readChat(bot, parameters);
    const body = readText(parameters, CAPTION);
    const file = readFile(world, bot, parameters, kind);
    return post(world, bot, parameters, { kind, chatId, body, file });
  };
}

export const sendChatAction: Method = (world, bot, parameters) => {
  const chatId = readChat(bot, parameters);
  const action = parameters.text("action")?.toLowerCase() ?? "";
  if (!ACTIONS.includes(action)) throw badRequest("wrong parameter action in request");
  bot.actions.push({ chatId, action, at: world.clock.now() });
  return true;
};

function readChat(bot: Bot, parameters: Parameters): number {
  if ((parameters.text("chat_id") ?? "") === "") throw badRequest("chat_id is empty");
  const chatId = parameters.integer("chat_id");
  if (chatId === undefined || chatId === 0) throw badRequest("chat not found");
  if (bot.blockedChats.has(chatId)) throw errors.blocked();
  return chatId;
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

function readFile(
  world: World,
  bot: Bot,
  parameters: Parameters,
  kind: "audio" | "document" | "photo",
): StoredFile {
  const upload = parameters.upload(kind);
  if (upload) {
    if (upload.bytes.length > MAX_UPLOAD[kind]) throw errors.tooLarge();
    if (upload.bytes.length === 0) throw badRequest("file must be non-empty");
    return storeFile(world, bot, upload);
  }
  const reference = parameters.text(kind) ?? "";
  if (reference === "") throw badRequest(`there is no ${kind} in the request`);
  if (/^https?:\/\//.test(reference)) {
    // Nothing is fetched: the file stands for what the address would have given.
    const name = new URL(reference).pathname.split("/").at(-1) ?? "file";
    const mimeType = "application/octet-stream";
    return storeFile(world, bot, { bytes: new TextEncoder().encode(reference), name, mimeType });
  }
  const known = bot.files.get(reference);
  if (!known) throw badRequest("wrong file identifier/HTTP URL specified");
  return known;
}

interface Post {
  kind: SentKind;
  chatId: number;
  body: Formatted;
  file: StoredFile | null;
}

function post(world: World, bot: Bot, parameters: Parameters, { kind, chatId, body, file }: Post) {
  const replyToMessageId = readReply(bot, chatId, parameters);
  const threadId = parameters.integer("message_thread_id") ?? null;
  const messageId = nextMessageId(bot, chatId);
  const at = world.clock.now();
  const parseMode = parameters.text("parse_mode") ?? null;
  const common = { kind, messageId, chatId, threadId, parseMode, replyToMessageId, file, at };
  bot.sent.push({ ...common, text: body.text, entities: body.entities });

  const [textName, entitiesName] =
    kind === "message" ? ["text", "entities"] : ["caption", "caption_entities"];
  const chat = { id: chatId, type: chatType(chatId) };
  const date = Math.floor(at / 1000);
  return {
    message_id: messageId,
    from: { id: bot.id, is_bot: true, first_name: bot.firstName, username: bot.username },
    chat,
    date,
    ...(threadId !== null && { message_thread_id: threadId }),
    ...(replyToMessageId !== null && {
      reply_to_message: { message_id: replyToMessageId, chat, date },
    }),
    ...(body.text !== "" && { [textName]: body.text }),
    ...(body.entities.length > 0 && { [entitiesName]: body.entities }),
    ...(file && kind !== "message" && { [kind]: fileView(kind, file) }),
  };
}

function chatType(chatId: number): string {
  if (chatId > 0) return "private";
  return chatId < -1_000_000_000_000 ? "supergroup" : "group";
}

function fileView(kind: SentKind, file: StoredFile) {
  const ids = { file_id: file.fileId, file_unique_id: file.uniqueId, file_size: file.bytes.length };
  if (kind === "photo") return [{ ...ids, width: 800, height: 600 }];
  const named = { ...ids, file_name: file.name, mime_type: file.mimeType };
  return kind === "audio" ? { ...named, duration: 0 } : named;
}

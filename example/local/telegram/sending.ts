import { z } from "zod";
import { badRequest, errors } from "./errors.js";
import type { Method } from "./method.js";
import type { Parameters } from "./parameters.js";
import { messageView, post } from "./posting.js";
import { CAPTION, MESSAGE_TEXT, readText } from "./text.js";
import { storeFile, type Bot, type MediaKind, type StoredFile, type World } from "./world.js";

const MEGABYTE = 2 ** 20;
const MAX_PHOTO = 10 * MEGABYTE;
const MAX_UPLOAD = 50 * MEGABYTE;
const MAX_ALBUM = 10;
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
const vAlbum = z.array(
  z.looseObject({
    type: z.enum(["photo", "video", "audio", "document"]),
    media: z.string(),
    caption: z.string().optional(),
    parse_mode: z.string().optional(),
  }),
);

export const sendMessage: Method = (world, bot, parameters) => {
  const chatId = readChat(bot, parameters);
  const body = readText(parameters, MESSAGE_TEXT);
  return post(world, bot, parameters, { kind: "message", chatId, body, file: null });
};

export function sendFile(kind: MediaKind): Method {
  return (world, bot, parameters) => {
    const chatId = readChat(bot, parameters);
    const body = readText(parameters, CAPTION);
    const file = readFile(world, bot, parameters, kind, kind);
    return post(world, bot, parameters, { kind, chatId, body, file });
  };
}

/** All of an album or nothing. */
export const sendMediaGroup: Method = (world, bot, parameters) => {
  const chatId = readChat(bot, parameters);
  const album = vAlbum.safeParse(parameters.json("media"));
  if (!album.success) throw badRequest("can't parse media JSON object");
  if (album.data.length === 0) throw badRequest("there are no messages to send");
  if (album.data.length > MAX_ALBUM) throw badRequest("too many messages to send as an album");
  for (const type of ["audio", "document"] as const) {
    const { length } = album.data.filter((item) => item.type === type);
    const name = type === "audio" ? "Audio" : "Document";
    if (length > 0 && length < album.data.length)
      throw badRequest(`${name} can't be mixed with other media types`);
  }
  const items = album.data.map(({ type, media, caption, parse_mode: parseMode }) => {
    const given = parameters.with({ media, caption, parse_mode: parseMode });
    const body = readText(given, CAPTION);
    return { kind: type, body, file: readFile(world, bot, given, type, "media"), parseMode };
  });
  const albumId = world.random.text("0123456789", 17);
  return items.map(({ parseMode = null, ...item }) =>
    post(world, bot, parameters, { ...item, chatId, parseMode, albumId }),
  );
};

export const editMessageText: Method = (_world, bot, parameters) => {
  const chatId = readChat(bot, parameters);
  const messageId = parameters.integer("message_id");
  if (messageId === undefined) throw badRequest("message identifier is not specified");
  const { text, entities } = readText(parameters, MESSAGE_TEXT);
  const message = bot.sent.find((sent) => sent.chatId === chatId && sent.messageId === messageId);
  if (!message || bot.deletedMessages.has(`${chatId}/${messageId}`))
    throw badRequest("message to edit not found");
  if (message.kind !== "message") throw badRequest("there is no text in the message to edit");
  if (JSON.stringify([message.text, message.entities]) === JSON.stringify([text, entities]))
    throw badRequest(
      "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
    );
  Object.assign(message, { text, entities, parseMode: parameters.text("parse_mode") ?? null });
  return messageView(bot, message);
};

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
  if (chatId === undefined || chatId === 0 || bot.missingChats.has(chatId))
    throw badRequest("chat not found");
  const movedTo = bot.movedChats.get(chatId);
  if (movedTo !== undefined) throw errors.migrated(movedTo);
  if (bot.blockedChats.has(chatId)) throw errors.blocked(chatId);
  return chatId;
}

function readFile(
  world: World,
  bot: Bot,
  parameters: Parameters,
  kind: MediaKind,
  field: string,
): StoredFile {
  const upload = parameters.upload(field);
  if (upload) {
    if (upload.bytes.length > (kind === "photo" ? MAX_PHOTO : MAX_UPLOAD)) throw errors.tooLarge();
    if (upload.bytes.length === 0) throw badRequest("file must be non-empty");
    return storeFile(world, bot, upload);
  }
  const reference = parameters.text(field) ?? "";
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

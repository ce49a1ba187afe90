/** What a Telegram update says, read tolerantly: unknown fields are ignored, a field of a wrong type is absent. Pure. */
import { z } from "zod";
import type { FileRef } from "./validators.js";

// The isolate may refuse code generation from strings, which zod would otherwise try.
z.config({ jitless: true });

const lenient = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined);
const text = lenient(z.string());
const size = lenient(z.number().nonnegative());

const vUser = z.object({ id: z.int(), is_bot: lenient(z.boolean()) });
const vChat = z.object({ id: z.int(), type: text });
const vFile = z.object({
  file_id: z.string().min(1),
  file_size: size,
  file_name: text,
  mime_type: text,
});
const vPhoto = vFile.extend({ width: size, height: size });
const vSticker = vFile.extend({
  emoji: text,
  is_animated: lenient(z.boolean()),
  is_video: lenient(z.boolean()),
});
const vMessage = z.object({
  message_id: lenient(z.int()),
  chat: lenient(vChat),
  from: lenient(vUser),
  edit_date: lenient(z.number()),
  message_thread_id: lenient(z.int()),
  is_topic_message: lenient(z.boolean()),
  is_automatic_forward: lenient(z.boolean()),
  media_group_id: text,
  text,
  caption: text,
  photo: lenient(z.array(vPhoto)),
  video: lenient(vFile),
  audio: lenient(vFile),
  voice: lenient(vFile),
  document: lenient(vFile),
  animation: lenient(vFile),
  video_note: lenient(vFile),
  sticker: lenient(vSticker),
});
const vMember = z.object({
  chat: vChat,
  new_chat_member: z.object({ status: z.string() }),
});
const vUpdate = z.object({
  update_id: lenient(z.int().nonnegative()),
  message: lenient(vMessage),
  edited_message: lenient(vMessage),
  my_chat_member: lenient(vMember),
});

export type IncomingMessage = {
  chatId: string;
  userId: string;
  /** One person and the bot; everything else is heard by others. */
  isPrivate: boolean;
  /** Another bot, a channel or an anonymous admin: nobody who could be answered or paired. */
  isAutomatic: boolean;
  messageId: number | null;
  threadId: number | null;
  mediaGroupId: string | null;
  text: string;
  files: FileRef[];
  editedAt: number | null;
};

export type Incoming = { updateId: number | null } & (
  | { kind: "message" | "edit"; message: IncomingMessage }
  | { kind: "membership"; chatId: string; isPrivate: boolean; status: string }
  | { kind: "other" }
);

/** Null: not an update at all. */
export function readUpdate(value: unknown): Incoming | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const parsed = vUpdate.safeParse(value);
  if (!parsed.success) return null;
  const { message, edited_message: edited, my_chat_member: member } = parsed.data;
  const updateId = parsed.data.update_id ?? null;
  const fresh = message === undefined ? null : readMessage(message);
  if (fresh !== null) return { updateId, kind: "message", message: fresh };
  const edit = edited === undefined ? null : readMessage(edited);
  if (edit !== null) return { updateId, kind: "edit", message: edit };
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

function readMessage(message: z.output<typeof vMessage>): IncomingMessage | null {
  const { chat, from } = message;
  if (chat === undefined || from === undefined) return null;
  const own = wellFormed(message.text ?? "").trim();
  return {
    chatId: String(chat.id),
    userId: String(from.id),
    isPrivate: chat.type === undefined ? chat.id === from.id : chat.type === "private",
    isAutomatic: from.is_bot === true || message.is_automatic_forward === true,
    messageId: message.message_id ?? null,
    // In groups without topics a thread id only marks replies.
    threadId: message.is_topic_message === true ? (message.message_thread_id ?? null) : null,
    mediaGroupId: message.media_group_id ?? null,
    text: own === "" ? wellFormed(message.caption ?? "").trim() : own,
    files: readFiles(message),
    editedAt: message.edit_date ?? null,
  };
}

function readFiles(message: z.output<typeof vMessage>): FileRef[] {
  const files: FileRef[] = [];
  const add = (
    kind: FileRef["kind"],
    file: z.output<typeof vFile> | undefined,
    more: Partial<FileRef> = {},
  ) => {
    if (file === undefined) return;
    files.push({
      kind,
      telegramFileId: wellFormed(file.file_id),
      ...(file.file_name === undefined ? {} : { fileName: cleanName(file.file_name) }),
      ...(file.mime_type === undefined ? {} : { mimeType: wellFormed(file.mime_type) }),
      ...(file.file_size === undefined ? {} : { sizeBytes: file.file_size }),
      ...more,
    });
  };
  add("photo", largest(message.photo ?? []), { mimeType: "image/jpeg" });
  add("video", message.video);
  add("audio", message.audio);
  add("voice", message.voice);
  // An animation comes with the same file as a document.
  if (message.animation === undefined) add("document", message.document);
  add("document", message.animation, {
    note: "animation",
    fileName: cleanName(message.animation?.file_name ?? "animation.mp4"),
    mimeType: message.animation?.mime_type ?? "video/mp4",
  });
  add("document", message.video_note, {
    note: "video_note",
    fileName: "video_note.mp4",
    mimeType: "video/mp4",
  });
  add("document", message.sticker, stickerNote(message.sticker));
  return files;
}

function stickerNote(sticker: z.output<typeof vSticker> | undefined): Partial<FileRef> {
  const [extension, mimeType] =
    sticker?.is_animated === true
      ? ["tgs", "application/gzip"]
      : sticker?.is_video === true
        ? ["webm", "video/webm"]
        : ["webp", "image/webp"];
  const emoji = wellFormed(sticker?.emoji ?? "").trim();
  return {
    note: emoji === "" ? "sticker" : `sticker ${emoji}`,
    fileName: `sticker.${extension}`,
    mimeType,
  };
}

/** The last of the largest: sizes usually ascend, nobody promises it. */
function largest(sizes: readonly z.output<typeof vPhoto>[]): z.output<typeof vPhoto> | undefined {
  const area = (photo: z.output<typeof vPhoto>) => (photo.width ?? 0) * (photo.height ?? 0);
  return sizes.reduce<z.output<typeof vPhoto> | undefined>(
    (best, photo) => (best === undefined || area(photo) >= area(best) ? photo : best),
    undefined,
  );
}

/** The sender chose the name: no path, no control characters, no endless text. */
function cleanName(name: string): string {
  return (
    wellFormed(name)
      // eslint-disable-next-line no-control-regex -- that is what is taken out
      .replace(/[\u0000-\u001f\u007f/\\]/g, "_")
      .slice(0, 200)
  );
}

/** Half of a surrogate pair cannot be stored; JSON can hold one. */
export function wellFormed(given: string): string {
  return given.replace(
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    "\ufffd",
  );
}

// ── Texts ───────────────────────────────────────────────────────────────────

export type StartCommand =
  /** For another bot of the group. */
  { kind: "foreign" } | { kind: "code"; code: string } | { kind: "bare" };

/** `/start`, `/start <code>`, `/start@bot <code>`; null when the text is something else. */
export function readStart(given: string, botUsername: string | null): StartCommand | null {
  const match = /^\/start(?:@([A-Za-z0-9_]{1,64}))?(?:\s+([\s\S]*))?$/.exec(given);
  if (match === null) return null;
  const [, addressed, rest = ""] = match;
  if (
    addressed !== undefined &&
    botUsername !== null &&
    addressed.toLowerCase() !== botUsername.toLowerCase()
  )
    return { kind: "foreign" };
  return /^[A-Za-z0-9_-]{4,128}$/.test(rest.trim())
    ? { kind: "code", code: rest.trim() }
    : { kind: "bare" };
}

/** What stands in for the text of a message that has none. */
export function mediaText(files: readonly FileRef[]): string {
  return `[telegram media] ${files.map((file) => file.note ?? file.kind).join(" + ")} message`;
}

const FILE_ID_KEYS = {
  photo: "telegramPhotoFileId",
  video: "telegramVideoFileId",
  audio: "telegramAudioFileId",
  voice: "telegramVoiceFileId",
  document: "telegramDocumentFileId",
} as const;

/** The keys by which 3.x names media; the first file of a kind. */
export function mediaMetadata(files: readonly FileRef[]): Record<string, string> {
  if (files.length === 0) return {};
  const ids = [...files]
    .reverse()
    .map((file): [string, string] => [FILE_ID_KEYS[file.kind], file.telegramFileId]);
  const notes = files.flatMap((file) => (file.note === undefined ? [] : [file.note]));
  return {
    telegramMediaType: files.map((file) => file.kind).join("+"),
    ...Object.fromEntries(ids),
    ...(notes.length === 0 ? {} : { telegramMediaNote: notes.join(" + ") }),
  };
}

/** The files that a message names, and the words that stand in for them. Pure. */
import type { z } from "zod";
import type { vFile, vPhoto, vSticker, WireMessage } from "./schemas.js";
import { cleanName, wellFormed } from "./text.js";
import type { FileRef } from "./validators.js";

type Photo = z.output<typeof vPhoto>;

export function readFiles(message: WireMessage): FileRef[] {
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
function largest(sizes: readonly Photo[]): Photo | undefined {
  const area = (photo: Photo) => (photo.width ?? 0) * (photo.height ?? 0);
  return sizes.reduce<Photo | undefined>(
    (best, photo) => (best === undefined || area(photo) >= area(best) ? photo : best),
    undefined,
  );
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

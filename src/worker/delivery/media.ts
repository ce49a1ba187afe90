/** Files of an answer: each is a part of its own, so that a crash neither loses nor repeats it. */
import { realpath } from "node:fs/promises";
import { basename, join, resolve, sep } from "node:path";
import { openInside } from "../agentFiles.js";

/** A separator that no text of an answer keeps (see `plainText`): an agent cannot write a file's part by talking. */
const MARK = "\u001fmedia:";
/** What Telegram takes in an upload: photos 10 MB, everything else 50 MB. */
const MAX_PHOTO_BYTES = 10 * 1024 * 1024;
const MAX_FILE_BYTES = 50 * 1024 * 1024;

export type MediaKind = "photo" | "animation" | "video" | "voice" | "audio" | "document";
const KINDS: readonly [RegExp, MediaKind][] = [
  [/\.(jpe?g|png|webp)$/i, "photo"],
  [/\.gif$/i, "animation"],
  [/\.(mp4|m4v|mov)$/i, "video"],
  [/\.(ogg|oga|opus)$/i, "voice"],
  [/\.(mp3|m4a)$/i, "audio"],
];

export type MediaFile = { kind: MediaKind; name: string } & (
  { url: string } | { bytes: Uint8Array<ArrayBuffer> }
);

/** The part of an answer that stands for a file. */
export const mediaPart = (ref: string): string => MARK + ref;

/** What a part refers to; null for text. */
export const mediaRef = (part: string): string | null =>
  part.startsWith(MARK) ? part.slice(MARK.length) : null;

/** Text without the mark of files. */
export const plainText = (text: string): string => text.replaceAll("\u001f", "");

/** What the history says of files that came without a text. */
export function describeMedia(sent: readonly string[], notSent: readonly string[] = []): string {
  return [
    ...sent.map((ref) => `(sent ${nameOf(ref)})`),
    ...notSent.map((ref) => `(not sent: ${nameOf(ref)})`),
  ].join("\n");
}

export function nameOf(ref: string): string {
  const path = isAddress(ref) ? new URL(ref).pathname : ref;
  return basename(path).slice(0, 120) || "file";
}

export function kindOf(name: string): MediaKind {
  return KINDS.find(([pattern]) => pattern.test(name))?.[1] ?? "document";
}

const isAddress = (ref: string): boolean => ref.startsWith("https://") && URL.canParse(ref);

/** Where an agent's files are: its workspace, and what its tools made. */
const ROOTS = ["workspace", ".clawdbot/media"] as const;

/**
 * The file behind a reference: an https address, for Telegram to fetch, or a file of the workspace or of the engine's
 * media. Anything else, such as a path that leaves them, by a link too, is not sent: the rest of the disk is not the agent's to give
 * away. The error says why, for the person who reads the chat.
 */
export async function openMedia(ref: string, dataDir: string): Promise<MediaFile> {
  const name = nameOf(ref);
  const kind = kindOf(name);
  if (isAddress(ref)) return { kind, name, url: ref };
  const asked = resolve(dataDir, "workspace", ref.replace(/^file:\/\//, ""));
  const path = await realpath(asked).catch(() => null);
  if (path === null) throw new Error("the file is not there any more");
  const roots = await Promise.all(
    ROOTS.map(async (root) => await realpath(join(dataDir, root)).catch(() => null)),
  );
  if (!roots.some((root) => root !== null && path.startsWith(root + sep)))
    throw new Error("it is not a file of the workspace");
  const file = await openInside(
    roots.filter((root) => root !== null),
    path,
  );
  if (file === null) throw new Error("it is not a file");
  try {
    const stat = await file.stat();
    if (stat.size === 0) throw new Error("the file is empty");
    if (stat.size > MAX_FILE_BYTES) throw new Error("it is larger than 50 MB");
    const bytes = new Uint8Array(await file.readFile());
    return {
      kind: kind === "photo" && stat.size > MAX_PHOTO_BYTES ? "document" : kind,
      name,
      bytes,
    };
  } finally {
    await file.close();
  }
}

import type { LocalResponse } from "../fly/exchange.js";
import { badRequest, errors } from "./errors.js";
import type { Method } from "./method.js";
import type { Bot, World } from "./world.js";

const MAX_DOWNLOAD = 20 * 2 ** 20;
const PATH_LIFETIME_MS = 3_600_000;

export const getFile: Method = (world, bot, parameters) => {
  const fileId = parameters.text("file_id") ?? "";
  const file = bot.files.get(fileId);
  if (!file) throw badRequest("invalid file_id");
  if (file.bytes.length > MAX_DOWNLOAD) throw badRequest("file is too big");
  const path = `${folder(file.mimeType)}/${file.uniqueId}_${file.name}`;
  bot.paths.set(path, { fileId, until: world.clock.now() + PATH_LIFETIME_MS });
  return {
    file_id: fileId,
    file_unique_id: file.uniqueId,
    file_size: file.bytes.length,
    file_path: path,
  };
};

function folder(mimeType: string): string {
  if (mimeType.startsWith("image/")) return "photos";
  if (mimeType === "audio/ogg") return "voice";
  if (mimeType.startsWith("audio/")) return "music";
  if (mimeType.startsWith("video/")) return "videos";
  return "documents";
}

export function download(
  world: World,
  bot: Bot,
  path: string,
): LocalResponse<Uint8Array<ArrayBuffer>> {
  const given = bot.paths.get(path);
  const file = given && world.clock.now() < given.until ? bot.files.get(given.fileId) : undefined;
  if (!file) throw errors.notFound();
  // The original type is not kept, so nobody may rely on it.
  return {
    status: 200,
    headers: { "content-type": "application/octet-stream" },
    body: file.bytes,
  };
}

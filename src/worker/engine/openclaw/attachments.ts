/** What came with a message, as files that the agent can open. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MINUTE_MS } from "../../../shared/time.js";
import { deadline, type Clock } from "../../clock.js";
import { describe } from "../../errors.js";
import type { Log } from "../../log.js";
import type { Attachment } from "../../protocol.js";

const MAX_BYTES = 25 * 1024 * 1024;
const DOWNLOAD_MS = MINUTE_MS;

export type AttachmentDeps = {
  workspace: string;
  clock: Clock;
  log: Log;
  fetch?: typeof globalThis.fetch;
};

/**
 * The message's text with a line for every attachment: where it is, or that it could not be had. A file is written
 * under a name of its own below `workspace/attachments/<message>`; one that is missing does not hold up the answer.
 */
export async function withAttachments(
  deps: AttachmentDeps,
  message: { messageId: string; userText: string; attachments: readonly Attachment[] },
  signal: AbortSignal,
): Promise<string> {
  const { messageId, userText, attachments } = message;
  const lines: string[] = [];
  for (const [index, attachment] of attachments.entries()) {
    const what = [attachment.kind, attachment.mimeType].filter(Boolean).join(", ");
    const name = `${index + 1}-${safeName(attachment.fileName ?? attachment.kind)}`;
    const path = join(deps.workspace, "attachments", safeName(messageId), name);
    try {
      await download(deps, attachment, path, signal);
      lines.push(`[attachment (${what}): ${path}]`);
    } catch (error) {
      const reason = describe(error);
      deps.log.warn("attachment_missing", { messageId, index, status: attachment.status, reason });
      lines.push(`[attachment (${what}): not available]`);
    }
  }
  return [userText, lines.join("\n")].filter((part) => part !== "").join("\n\n");
}

async function download(
  { clock, fetch = globalThis.fetch }: AttachmentDeps,
  attachment: Attachment,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { status, downloadUrl } = attachment;
  if (status !== "ready" || downloadUrl === undefined) throw new Error(`it is ${status}`);
  const limit = deadline(DOWNLOAD_MS, clock, signal);
  try {
    const response = await fetch(downloadUrl, { signal: limit.signal });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    if (Number(response.headers.get("content-length") ?? 0) > MAX_BYTES)
      throw new Error("too large");
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length > MAX_BYTES) throw new Error("too large");
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(`${path}.new`, bytes);
    await rename(`${path}.new`, path);
  } finally {
    limit.cancel();
  }
}

/** A name without directories, hidden files and characters that a shell or a prompt would read. */
function safeName(name: string): string {
  const safe = name.replace(/[^\p{L}\p{N}._-]+/gu, "_").replace(/^[._]+/, "");
  return safe === "" ? "file" : safe.slice(-80);
}

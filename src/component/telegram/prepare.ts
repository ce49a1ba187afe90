/** Fetching a message's files before it is enqueued, as 3.x did; our own webhook lets the message wait for them instead. */
import { refuse } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import type { ActionCtx } from "../kit/functions.js";
import { MAX_ATTACHMENTS } from "../queue/validators.js";
import { store } from "./fetcher.js";
import type { BotAccess } from "./tokens.js";
import { MAX_FILE_BYTES, TOO_LARGE_ERROR, type FileRef, type PreparedFile } from "./validators.js";

type Ctx = Pick<ActionCtx, "runQuery" | "runMutation" | "storage">;

/** One after the other: an action has 64 MiB of memory. What was stored before a failure is swept like any upload. */
export async function prepareAttachments(
  ctx: Ctx,
  { agentKey, attachments }: { agentKey: string; attachments: FileRef[] },
): Promise<PreparedFile[]> {
  if (attachments.length > MAX_ATTACHMENTS)
    return refuse("INVALID_ARGUMENT", `At most ${MAX_ATTACHMENTS} attachments per message.`);
  const access: BotAccess | null = await ctx.runQuery(internal.telegram.tokens.tokenAccess, {
    agentKey,
  });
  if (access === null)
    return refuse("SECRET_MISSING", `missing active telegram bot token for agent '${agentKey}'`, {
      agentKey,
    });
  const prepared: PreparedFile[] = [];
  for (const file of attachments) {
    const fetched =
      (file.sizeBytes ?? 0) > MAX_FILE_BYTES
        ? ({ state: "failed", error: TOO_LARGE_ERROR } as const)
        : await store(ctx, access, file);
    if (fetched.state === "failed")
      return refuse("TELEGRAM_FAILED", `Telegram ${inWordsOf3x(fetched.error)}`, {
        kind: file.kind,
      });
    const { storageId, mimeType, sizeBytes } = fetched;
    const expiresAt: number = await ctx.runMutation(internal.telegram.prepared.register, {
      storageId,
    });
    const { note: _note, ...ref } = file;
    prepared.push({ sizeBytes, ...ref, mimeType, status: "ready", storageId, expiresAt });
  }
  return prepared;
}

function inWordsOf3x(error: string): string {
  return error
    .replace(/^getFile: /, "getFile failed: ")
    .replace(/^download: (status )?/, "file download failed with $1");
}

/** Fetches one file of a message from Telegram into storage. One at a time: an action has 64 MiB of memory. */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { internalAction, type ActionCtx, type Id } from "../kit/functions.js";
import { downloadFile, type BotAddress } from "./botApi.js";
import { mimeTypeOf } from "./mime.js";
import type { FileTask } from "./tokens.js";
import type { FileRef } from "./validators.js";

const MAX_TRIES = 4;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 20_000;

export const fetchFile = internalAction({
  args: { turnId: v.id("telegramTurns"), index: v.number() },
  returns: v.null(),
  handler: async (ctx, args): Promise<null> => {
    const task: FileTask | null = await ctx.runQuery(internal.telegram.tokens.fileTask, args);
    if (task === null) return null;
    const fetched =
      task.bot === null
        ? ({ state: "failed", error: "the bot has no token" } as const)
        : await store(ctx, task.bot, task.file);
    const taken: boolean = await ctx.runMutation(internal.telegram.settling.settleFile, {
      ...args,
      outcome: fetched,
    });
    if (!taken && fetched.state === "ready") await ctx.storage.delete(fetched.storageId);
    return null;
  },
});

export type Fetched =
  | { state: "ready"; storageId: Id<"_storage">; mimeType: string; sizeBytes: number }
  | { state: "failed"; error: string };

/** Downloads with a few tries and stores. Never throws for what Telegram does. */
export async function store(
  ctx: Pick<ActionCtx, "storage">,
  bot: BotAddress,
  file: FileRef,
): Promise<Fetched> {
  for (let tries = 1; ; tries++) {
    const download = await downloadFile(bot, file.telegramFileId);
    if (download.kind === "file") {
      const mimeType = mimeTypeOf({
        given: file.mimeType,
        fileName: file.fileName,
        downloaded: download.mimeType,
        path: download.path,
      });
      const storageId = await ctx.storage.store(new Blob([download.bytes], { type: mimeType }));
      return { state: "ready", storageId, mimeType, sizeBytes: download.bytes.length };
    }
    if (!download.again || tries >= MAX_TRIES) return { state: "failed", error: download.error };
    const pause = download.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** (tries - 1);
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, MAX_PAUSE_MS)));
  }
}

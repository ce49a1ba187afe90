/** The memory of what came in: keys that were seen in the last 48 h, with the message that came of it, if any. */
import { RETENTION } from "../config.js";
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";

/** The row of a key that still counts, or null. */
export async function findIngress(
  ctx: QueryCtx,
  key: string,
  now: number,
): Promise<Doc<"ingressUpdates"> | null> {
  const row = await ctx.db
    .query("ingressUpdates")
    .withIndex("by_key", (q) => q.eq("key", key))
    .first();
  return row !== null && row.expiresAt > now ? row : null;
}

/** Remembers a key; without a message: it was dealt with, and nothing was enqueued. */
export async function rememberIngress(
  ctx: MutationCtx,
  key: string,
  messageId: Id<"messageQueue"> | null,
  now: number,
): Promise<void> {
  const row = await ctx.db
    .query("ingressUpdates")
    .withIndex("by_key", (q) => q.eq("key", key))
    .first();
  const fields = {
    expiresAt: now + RETENTION.ingressKeyMs,
    ...(messageId === null ? {} : { messageId }),
  };
  if (row === null) await ctx.db.insert("ingressUpdates", { key, ...fields });
  else await ctx.db.patch("ingressUpdates", row._id, fields);
}

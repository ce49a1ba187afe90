/** The histories of 3.x were arrays inside of their conversation; as rows they no longer weigh on every write of it. */
import type { MutationCtx, QueryCtx } from "../kit/functions.js";
import { legacySequence } from "./transcript.js";

/** Rows per transaction, which may write 16,000; an array had at most 8,192 entries and 1 MiB. */
const ENTRY_BATCH = 2_000;
/** Conversations per transaction: their rows may have 1 MiB each, and a transaction may read 16 MiB. */
const CONVERSATION_BATCH = 8;

/** Moves a batch of histories, each as a whole. True when more may be left; without any it reads nothing. */
export async function moveLegacyHistories(ctx: MutationCtx): Promise<boolean> {
  const conversations = await ctx.db
    .query("conversations")
    .withIndex("by_firstSequence", (q) => q.eq("firstSequence", undefined))
    .take(CONVERSATION_BATCH);
  let entries = 0;
  for (const { _id, conversationId, contextHistory } of conversations) {
    if (entries > 0 && entries + contextHistory.length > ENTRY_BATCH) return true;
    entries += contextHistory.length;
    for (const [index, entry] of contextHistory.entries()) {
      const sequence = legacySequence(index, contextHistory.length);
      await ctx.db.insert("conversationMessages", { conversationId, sequence, ...entry });
    }
    const firstSequence =
      contextHistory.length === 0 ? 0 : legacySequence(0, contextHistory.length);
    await ctx.db.patch("conversations", _id, { contextHistory: [], firstSequence });
  }
  return conversations.length === CONVERSATION_BATCH;
}

/** Conversations of 3.x whose history is still an array, counted up to `limit`. */
export async function countLegacyHistories(ctx: QueryCtx, limit: number): Promise<number> {
  const rows = await ctx.db
    .query("conversations")
    .withIndex("by_firstSequence", (q) => q.eq("firstSequence", undefined))
    .take(limit);
  return rows.length;
}

/** The histories of 3.x were arrays inside of their conversation; as rows they no longer weigh on every read and write of it. */
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import { legacySequence } from "./transcript.js";

type Conversation = Doc<"conversations">;

/** Rows per transaction, which may write 16,000; one array had at most 8,192 entries. */
const ENTRY_BATCH = 2_000;
/** A transaction may read 16 MiB, a row may have 1 MiB, and a character may be three bytes. */
const CHARACTER_BATCH = 1024 * 1024;
const CONVERSATION_BATCH = 20;

/** The first rows, as many as one transaction can well move; at least one. `more`: some may be left. */
export async function takeMovable(
  rows: AsyncIterable<Conversation>,
  limit: number = CONVERSATION_BATCH,
  maxEntries: number = ENTRY_BATCH,
): Promise<{ taken: Conversation[]; more: boolean }> {
  const taken: Conversation[] = [];
  let entries = 0;
  let characters = 0;
  for await (const row of rows) {
    entries += row.contextHistory.length;
    if (taken.length > 0 && entries > maxEntries) return { taken, more: true };
    taken.push(row);
    for (const { content } of row.contextHistory) characters += content.length;
    if (taken.length >= limit || characters >= CHARACTER_BATCH) return { taken, more: true };
  }
  return { taken, more: false };
}

/** Makes rows of an array of 3.x. Returns what its conversation is to be patched with: nothing when that was done. */
export async function moveHistory(
  ctx: MutationCtx,
  { conversationId, contextHistory, firstSequence }: Conversation,
): Promise<Partial<Pick<Conversation, "contextHistory" | "firstSequence">>> {
  if (firstSequence !== undefined) return {};
  const { length } = contextHistory;
  for (const [index, entry] of contextHistory.entries()) {
    const sequence = legacySequence(index, length);
    await ctx.db.insert("conversationMessages", { conversationId, sequence, ...entry });
  }
  return { contextHistory: [], firstSequence: length === 0 ? 0 : legacySequence(0, length) };
}

function unmoved(ctx: QueryCtx) {
  return ctx.db
    .query("conversations")
    .withIndex("by_firstSequence", (q) => q.eq("firstSequence", undefined));
}

/** Moves a batch of histories, each as a whole. True when more may be left; without any it reads nothing. */
export async function moveLegacyHistories(ctx: MutationCtx): Promise<boolean> {
  const { taken, more } = await takeMovable(unmoved(ctx));
  for (const conversation of taken)
    await ctx.db.patch("conversations", conversation._id, await moveHistory(ctx, conversation));
  return more;
}

/** Conversations of 3.x whose history is still an array, counted up to `limit` and what can well be read. */
export async function countLegacyHistories(ctx: QueryCtx, limit: number): Promise<number> {
  return (await takeMovable(unmoved(ctx), limit, Infinity)).taken.length;
}

/** The thread: its row, its history. The queue's part of the row is written by queue/apply. */
import { refuse } from "../../shared/errors.js";
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { estimateTokens, legacySequence, newestWithin } from "./transcript.js";
import {
  MAX_APPENDED_ENTRIES,
  MAX_ENTRY_BYTES,
  type HistoryEntry,
  type NewHistoryEntry,
} from "./validators.js";

/** Rows read for one hydration window; 16,000 tokens are rarely more than this many turns. */
const WINDOW_ROW_LIMIT = 200;
const MAX_PAGE_SIZE = 200;
const DEFAULT_PAGE_SIZE = 50;
/** Of a page: a transaction may read and return 16 MiB, and a character may be three bytes. */
const MAX_PAGE_CHARACTERS = 4 * 1024 * 1024;

export { countLegacyHistories, moveHistory, moveLegacyHistories, takeMovable } from "./moving.js";

export type Conversation = Doc<"conversations">;

export async function loadConversation(
  ctx: QueryCtx,
  conversationId: string,
): Promise<Conversation | null> {
  return await ctx.db
    .query("conversations")
    .withIndex("by_conversationId", (q) => q.eq("conversationId", conversationId))
    .unique();
}

/** Loads or creates the conversation; it stays with its first agent for life. */
export async function ensureConversation(
  ctx: MutationCtx,
  conversationId: string,
  agentKey: string,
  slot: number,
): Promise<Conversation> {
  const existing = await loadConversation(ctx, conversationId);
  if (existing !== null) {
    if (existing.agentKey !== agentKey)
      refuse(
        "CONVERSATION_BOUND",
        `Conversation '${conversationId}' is already bound to agent '${existing.agentKey}', cannot enqueue for '${agentKey}'.`,
        { conversationId, agentKey: existing.agentKey },
      );
    return existing;
  }
  const id = await ctx.db.insert("conversations", {
    conversationId,
    agentKey,
    contextHistory: [],
    pendingToolCalls: [],
    state: "idle",
    slot,
    queuedCount: 0,
    generation: 0,
    nextSequence: 0,
    firstSequence: 0,
  });
  const created = await ctx.db.get("conversations", id);
  if (created === null) throw new Error("conversation was not created");
  return created;
}

/**
 * Appends entries to the history; missing `at` is now + index. With a `messageId` the append is repeatable: the
 * n-th entry of a role exists once per message, and a later answer replaces an earlier one (that one was never
 * delivered). Returns the number of entries given.
 */
export async function appendHistory(
  ctx: MutationCtx,
  conversation: Conversation,
  entries: readonly NewHistoryEntry[],
  now: number,
  messageId?: string,
): Promise<number> {
  checkEntries(entries, now);
  const known =
    messageId === undefined
      ? []
      : await ctx.db
          .query("conversationMessages")
          .withIndex("by_messageId", (q) => q.eq("messageId", messageId))
          .take(MAX_APPENDED_ENTRIES);
  let sequence = conversation.nextSequence ?? 0;
  for (const [index, entry] of entries.entries()) {
    const at = known.findIndex((row) => row.role === entry.role);
    const [same] = at < 0 ? [] : known.splice(at, 1);
    if (same !== undefined) {
      if (same.role === "assistant" && same.content !== entry.content)
        await ctx.db.patch("conversationMessages", same._id, { content: entry.content });
      continue;
    }
    await ctx.db.insert("conversationMessages", {
      conversationId: conversation.conversationId,
      sequence,
      role: entry.role,
      content: entry.content,
      at: entry.at ?? now + index,
      ...(messageId === undefined ? {} : { messageId }),
    });
    sequence += 1;
  }
  if (sequence !== conversation.nextSequence)
    await ctx.db.patch("conversations", conversation._id, { nextSequence: sequence });
  return entries.length;
}

function checkEntries(entries: readonly NewHistoryEntry[], now: number): void {
  if (!Number.isFinite(now))
    refuse("INVALID_ARGUMENT", `nowMs must be a time in milliseconds, got ${now}.`);
  if (entries.length > MAX_APPENDED_ENTRIES)
    refuse(
      "INVALID_ARGUMENT",
      `At most ${MAX_APPENDED_ENTRIES} messages per call, got ${entries.length}.`,
    );
  for (const entry of entries) {
    if (new TextEncoder().encode(entry.content).length > MAX_ENTRY_BYTES)
      refuse("PAYLOAD_TOO_LARGE", `A history entry may have ${MAX_ENTRY_BYTES} bytes. Shorten it.`);
    if (entry.at !== undefined && !Number.isFinite(entry.at))
      refuse("INVALID_ARGUMENT", "messages[].at must be a finite number of milliseconds.");
  }
}

/** The newest history within `maxTokens`, oldest first; without the entries of `exceptMessageId`. */
export async function historyWindow(
  ctx: QueryCtx,
  conversation: Conversation,
  maxTokens: number,
  exceptMessageId?: Id<"messageQueue">,
): Promise<HistoryEntry[]> {
  const rows = ctx.db
    .query("conversationMessages")
    .withIndex("by_conversationId_and_sequence", (q) =>
      q.eq("conversationId", conversation.conversationId),
    )
    .order("desc");
  // Row by row, and no further than the window reaches: entries may be large.
  const newestFirst: HistoryEntry[] = [];
  let left = maxTokens;
  let read = 0;
  for await (const row of rows) {
    read += 1;
    if (exceptMessageId === undefined || row.messageId !== exceptMessageId) {
      newestFirst.push(toEntry(row));
      left -= estimateTokens(row);
    }
    if (left <= 0 || read === WINDOW_ROW_LIMIT)
      return newestWithin(newestFirst.reverse(), maxTokens);
  }
  return newestWithin([...conversation.contextHistory, ...newestFirst.reverse()], maxTokens);
}

/** Entries of the whole history, those of 3.x included. */
export function historyLength(conversation: Conversation): number {
  const { contextHistory, nextSequence = 0, firstSequence = 0 } = conversation;
  const rowsOfLegacy = Math.max(0, -firstSequence - 1);
  return contextHistory.length + rowsOfLegacy + nextSequence;
}

export type HistoryPage = { entries: HistoryEntry[]; continueBefore: number | null };

/**
 * A page of the history, newest page first, entries oldest first inside a page. `before` is the
 * `continueBefore` of the page before; the legacy array follows as the last page.
 */
export async function historyPage(
  ctx: QueryCtx,
  conversationId: string,
  options: { before?: number | undefined; limit?: number | undefined } = {},
): Promise<HistoryPage> {
  const limit = clampPageSize(options.limit);
  const { before = Number.NaN } = options;
  const cursor = Number.isNaN(before) ? Number.MAX_SAFE_INTEGER : before;
  const conversation = await loadConversation(ctx, conversationId);
  const first = conversation?.firstSequence ?? 0;
  const rows = cursor <= first ? [] : await readOlder(ctx, conversationId, cursor, limit);
  const entries = rows.map(toEntry).reverse();
  const oldest = rows.at(-1);
  if (oldest !== undefined && oldest.sequence > first)
    return { entries, continueBefore: oldest.sequence };
  // The rows are exhausted: an array of 3.x is the beginning. Its cursors are those its rows will have.
  const legacy = conversation?.contextHistory ?? [];
  const end = cursor < 0 ? Math.max(0, legacy.length + cursor + 1) : legacy.length;
  const start = Math.max(0, end - (limit - rows.length));
  return {
    entries: [...legacy.slice(start, end), ...entries],
    continueBefore: start > 0 ? legacySequence(start, legacy.length) : null,
  };
}

/** Newest first: up to `limit` rows, or what one transaction can well read and return; at least one. */
async function readOlder(
  ctx: QueryCtx,
  conversationId: string,
  before: number,
  limit: number,
): Promise<Doc<"conversationMessages">[]> {
  const older = ctx.db
    .query("conversationMessages")
    .withIndex("by_conversationId_and_sequence", (q) =>
      q.eq("conversationId", conversationId).lt("sequence", before),
    )
    .order("desc");
  const rows: Doc<"conversationMessages">[] = [];
  let characters = 0;
  for await (const row of older) {
    rows.push(row);
    characters += row.content.length;
    if (rows.length >= limit || characters >= MAX_PAGE_CHARACTERS) break;
  }
  return rows;
}

function clampPageSize(limit: number | undefined): number {
  if (limit === undefined || !Number.isFinite(limit)) return DEFAULT_PAGE_SIZE;
  return Math.min(MAX_PAGE_SIZE, Math.max(1, Math.floor(limit)));
}

function toEntry(row: Doc<"conversationMessages">): HistoryEntry {
  return { role: row.role, content: row.content, at: row.at };
}

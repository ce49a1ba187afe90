/** Which part of a history a worker gets. */
import type { HistoryEntry } from "./validators.js";

/** The usual rule of thumb for European languages and code; an estimate is enough for a window. */
const CHARACTERS_PER_TOKEN = 4;
/** Role markers and separators of one entry in a prompt. */
const TOKENS_PER_ENTRY = 4;

export function estimateTokens(entry: Pick<HistoryEntry, "content">): number {
  return Math.ceil(entry.content.length / CHARACTERS_PER_TOKEN) + TOKENS_PER_ENTRY;
}

/**
 * The longest suffix of `entries` (oldest first) within `maxTokens`. The newest entry is always in it, cut to
 * the budget from its start when it alone exceeds it.
 */
export function newestWithin(entries: readonly HistoryEntry[], maxTokens: number): HistoryEntry[] {
  const window: HistoryEntry[] = [];
  let left = maxTokens;
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i];
    if (entry === undefined) break;
    const cost = estimateTokens(entry);
    if (cost > left) {
      const room = (left - TOKENS_PER_ENTRY) * CHARACTERS_PER_TOKEN;
      if (window.length === 0 && room > 0)
        window.push({ ...entry, content: entry.content.slice(-room) });
      break;
    }
    window.push(entry);
    left -= cost;
  }
  return window.reverse();
}

/**
 * The sequence that entry `index` of an array of `length` gets as a row: below every row's, the newest at -2.
 * One lower than needed, so that a page's cursor (read rows below it) is never 0 and means the same before and after.
 */
export function legacySequence(index: number, length: number): number {
  return index - length - 1;
}

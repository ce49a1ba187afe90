/** What a free worker may look at. Run from claims as a stale snapshot, so it must not be relied on for truth. */
import { v } from "convex/values";
import { internalQuery, type Doc } from "../kit/functions.js";
import { CANDIDATES_BY_RANK, CANDIDATES_BY_SLOT, type Candidate } from "./order.js";

/** Due rows that no pass has promoted yet; only looked at when nothing is ready. */
const DUE_WAITING_LIMIT = 24;

const vCandidate = v.object({
  conversationId: v.string(),
  rankAt: v.number(),
  priority: v.number(),
});

/** Unowned ready conversations: the head of the order, and a sample from `from` (0…1) on, wrapping around. */
export const find = internalQuery({
  args: { from: v.number(), now: v.number() },
  returns: v.object({ byRank: v.array(vCandidate), sample: v.array(vCandidate) }),
  handler: async (ctx, args) => {
    const byRank = await ctx.db
      .query("conversations")
      .withIndex("by_state_and_ownerWorkerId_and_rankAt", (q) =>
        q.eq("state", "ready").eq("ownerWorkerId", undefined),
      )
      .take(CANDIDATES_BY_RANK);
    if (byRank.length === 0) {
      const due = await ctx.db
        .query("conversations")
        .withIndex("by_state_and_readyAt", (q) => q.eq("state", "waiting").lte("readyAt", args.now))
        .take(DUE_WAITING_LIMIT);
      return {
        byRank: due.filter((row) => row.ownerWorkerId === undefined).map(toCandidate),
        sample: [],
      };
    }
    if (byRank.length < CANDIDATES_BY_RANK) return { byRank: byRank.map(toCandidate), sample: [] };
    const after = await ctx.db
      .query("conversations")
      .withIndex("by_state_and_ownerWorkerId_and_slot", (q) =>
        q.eq("state", "ready").eq("ownerWorkerId", undefined).gte("slot", args.from),
      )
      .take(CANDIDATES_BY_SLOT);
    const wrapped =
      after.length === CANDIDATES_BY_SLOT
        ? []
        : await ctx.db
            .query("conversations")
            .withIndex("by_state_and_ownerWorkerId_and_slot", (q) =>
              q.eq("state", "ready").eq("ownerWorkerId", undefined).lt("slot", args.from),
            )
            .take(CANDIDATES_BY_SLOT - after.length);
    return { byRank: byRank.map(toCandidate), sample: [...after, ...wrapped].map(toCandidate) };
  },
});

function toCandidate(row: Doc<"conversations">): Candidate {
  return {
    conversationId: row.conversationId,
    rankAt: row.rankAt ?? 0,
    priority: row.priority ?? 0,
  };
}

/** What lets a turn go: its window ends, its files are there or are given up. */
import { v } from "convex/values";
import { internalMutation } from "../kit/functions.js";
import { registerMediaFile } from "../queue/ops.js";
import { advance } from "./turnStore.js";

const GIVEN_UP = "not fetched in time";

/** The window is over. */
export const look = internalMutation({
  args: { turnId: v.id("telegramTurns") },
  returns: v.null(),
  handler: async (ctx, { turnId }) => {
    const turn = await ctx.db.get("telegramTurns", turnId);
    if (turn !== null) await advance(ctx, turn, Date.now());
    return null;
  },
});

/** Files that are not there by the deadline are named in the text instead. */
export const giveUp = internalMutation({
  args: { turnId: v.id("telegramTurns") },
  returns: v.null(),
  handler: async (ctx, { turnId }) => {
    const turn = await ctx.db.get("telegramTurns", turnId);
    const now = Date.now();
    // An album that grew has a later deadline, and a call of its own for it.
    if (turn === null || turn.deadlineAt > now) return null;
    const files = turn.files.map((file) =>
      file.state === "pending" ? { ...file, state: "failed" as const, error: GIVEN_UP } : file,
    );
    await advance(ctx, { ...turn, files, windowEndsAt: Math.min(turn.windowEndsAt, now) }, now);
    return null;
  },
});

/** A file was fetched or cannot be. False: nobody waits for it any more, the caller deletes it. */
export const settleFile = internalMutation({
  args: {
    turnId: v.id("telegramTurns"),
    index: v.number(),
    outcome: v.union(
      v.object({
        state: v.literal("ready"),
        storageId: v.id("_storage"),
        mimeType: v.string(),
        sizeBytes: v.number(),
      }),
      v.object({ state: v.literal("failed"), error: v.string() }),
    ),
  },
  returns: v.boolean(),
  handler: async (ctx, { turnId, index, outcome }) => {
    const turn = await ctx.db.get("telegramTurns", turnId);
    const file = turn?.files[index];
    if (turn === null || file?.state !== "pending") return false;
    const now = Date.now();
    if (outcome.state === "ready") {
      const owner = { purpose: "attachment", conversationId: turn.conversationId } as const;
      await registerMediaFile(ctx, outcome.storageId, owner, now);
    }
    const files = turn.files.map((other, i) => (i === index ? { ...other, ...outcome } : other));
    await advance(ctx, { ...turn, files }, now);
    return true;
  },
});

/** What 3.x left behind: conversations without a state, which nobody would find, and messages in no counter. */
import { takeMovable } from "../conversations/ops.js";
import type { MutationCtx, QueryCtx } from "../kit/functions.js";
import { requestPass } from "../kit/wake.js";
import { recordMessageEvent } from "../trail/ops.js";
import { adopt, counted } from "./store.js";
import { MESSAGE_STATUSES } from "./validators.js";

/** Messages of each status per transaction: two writes each. */
const MESSAGE_BATCH = 100;

function untouched(ctx: QueryCtx) {
  return ctx.db
    .query("conversations")
    .withIndex("by_state_and_readyAt", (q) => q.eq("state", undefined));
}

/** Takes over a batch of rows of 3.x. True when more may be left; without any it costs no more than looking. */
export async function takeOverLegacyRows(ctx: MutationCtx, now: number): Promise<boolean> {
  const conversations = await takeMovable(untouched(ctx));
  for (const conversation of conversations.taken) await adopt(ctx, conversation, now);
  if (conversations.taken.length > 0) await requestPass(ctx, now, now);
  let { more } = conversations;
  for (const status of MESSAGE_STATUSES) {
    const messages = await ctx.db
      .query("messageQueue")
      .withIndex("by_status_and_enqueuedAt", (q) =>
        q.eq("status", status).eq("enqueuedAt", undefined),
      )
      .take(MESSAGE_BATCH);
    for (const message of messages) {
      const ended = status === "done" || status === "failed";
      await ctx.db.patch("messageQueue", message._id, {
        ...counted(message),
        ...(ended ? { completedAt: message.completedAt ?? message._creationTime } : {}),
      });
      await recordMessageEvent(ctx, {
        messageId: message._id,
        conversationId: message.conversationId,
        kind: "enqueued",
        at: now,
        detail: "taken over from 3.x",
        to: status,
      });
    }
    more ||= messages.length === MESSAGE_BATCH;
  }
  return more;
}

/** Rows of 3.x that nobody took over yet, each counted up to `limit` and what can well be read. */
export async function countLegacyRows(
  ctx: QueryCtx,
  limit: number,
): Promise<{ conversations: number; messages: number }> {
  const conversations = await takeMovable(untouched(ctx), limit, Infinity);
  let messages = 0;
  for (const status of MESSAGE_STATUSES) {
    const rows = await ctx.db
      .query("messageQueue")
      .withIndex("by_status_and_enqueuedAt", (q) =>
        q.eq("status", status).eq("enqueuedAt", undefined),
      )
      .take(limit - messages);
    messages += rows.length;
    if (messages >= limit) break;
  }
  return { conversations: conversations.taken.length, messages };
}

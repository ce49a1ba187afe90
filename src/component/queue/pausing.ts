/** Holding a conversation or a whole agent: messages wait, nothing is lost, what is leased is finished. */
import { v } from "convex/values";
import { refuse } from "../../shared/errors.js";
import { redact } from "../../shared/redact.js";
import { internal } from "../_generated/api.js";
import { loadProfile, patchPaused } from "../agents/ops.js";
import { loadConversation } from "../conversations/ops.js";
import { internalMutation, type MutationCtx } from "../kit/functions.js";
import { requestPass } from "../kit/wake.js";
import { settle, wakeFor } from "./store.js";
import { MAX_ERROR_LENGTH } from "./validators.js";

/** Conversations unblocked per transaction: a handful of reads and two writes each. */
const UNBLOCK_BATCH_SIZE = 100;

export async function pauseConversation(
  ctx: MutationCtx,
  conversationId: string,
  reason: string | undefined,
  now: number,
): Promise<boolean> {
  const conversation = await requireConversation(ctx, conversationId);
  if (conversation.pausedAt !== undefined) return false;
  const changes = {
    pausedAt: now,
    ...(reason === undefined ? {} : { pauseReason: redact(reason, MAX_ERROR_LENGTH) }),
  };
  await settle(ctx, conversation, 0, changes, now);
  return true;
}

export async function resumeConversation(
  ctx: MutationCtx,
  conversationId: string,
  now: number,
): Promise<boolean> {
  const conversation = await requireConversation(ctx, conversationId);
  if (conversation.pausedAt === undefined) return false;
  const changes = { pausedAt: undefined, pauseReason: undefined };
  await wakeFor(ctx, await settle(ctx, conversation, 0, changes, now), now);
  return true;
}

async function requireConversation(ctx: MutationCtx, conversationId: string) {
  const conversation = await loadConversation(ctx, conversationId);
  if (conversation === null)
    refuse("CONVERSATION_NOT_FOUND", `Conversation '${conversationId}' does not exist.`, {
      conversationId,
    });
  return conversation;
}

/** Pauses or resumes every conversation of an agent. False when it already was. */
export async function setAgentPaused(
  ctx: MutationCtx,
  agentKey: string,
  paused: boolean,
  now: number,
): Promise<boolean> {
  const profile = await loadProfile(ctx, agentKey);
  if (profile === null)
    refuse("AGENT_NOT_FOUND", `Agent profile '${agentKey}' not found`, { agentKey });
  if ((profile.pausedAt !== undefined) === paused) return false;
  await patchPaused(ctx, profile, paused ? now : null);
  if (!paused) await unblockAgent(ctx, agentKey);
  return true;
}

/**
 * Starts unblocking the conversations of an agent that may run again. Blocking needs no fan-out: a claim or a
 * pass that meets a conversation of a disabled or paused agent blocks it.
 */
export async function unblockAgent(ctx: MutationCtx, agentKey: string): Promise<void> {
  await ctx.scheduler.runAfter(0, internal.queue.pausing.unblock, { agentKey });
}

export const unblock = internalMutation({
  args: { agentKey: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    const now = Date.now();
    const profile = await loadProfile(ctx, args.agentKey);
    if (profile === null || !profile.enabled || profile.pausedAt !== undefined) return null;
    const blocked = await ctx.db
      .query("conversations")
      .withIndex("by_agentKey_and_state", (q) =>
        q.eq("agentKey", args.agentKey).eq("state", "blocked"),
      )
      .take(UNBLOCK_BATCH_SIZE);
    for (const conversation of blocked)
      await settle(ctx, conversation, 0, { blockedReason: undefined }, now);
    if (blocked.length === UNBLOCK_BATCH_SIZE)
      await ctx.scheduler.runAfter(0, internal.queue.pausing.unblock, args);
    if (blocked.length > 0) await requestPass(ctx, now, now);
    return null;
  },
});

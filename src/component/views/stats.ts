/** Statistics of a user with an agent: counters, and reads that do not grow. */
import { historyLength, loadConversation } from "../conversations/ops.js";
import { userAgentTarget } from "../identity/ops.js";
import type { QueryCtx } from "../kit/functions.js";
import { findActiveAgent, readPushCounts } from "../push/ops.js";
import { countOfStatus } from "../queue/ops.js";
import type { UserAgent } from "../userAgents/validators.js";
import { FAILED_COUNT_LIMIT, type ConversationStats, type PushStats } from "./validators.js";

export async function readPushStats(ctx: QueryCtx, who: UserAgent): Promise<PushStats> {
  const counts = await readPushCounts(ctx, who);
  return {
    totalPushJobs: counts.jobs,
    activePushJobs: counts.activeJobs,
    totalDispatches: counts.dispatches,
    latestDispatchAt: counts.latestDispatchAt ?? null,
  };
}

/** Zeros unless the agent is the user's active, enabled one. */
export async function readConversationStats(
  ctx: QueryCtx,
  who: UserAgent,
): Promise<ConversationStats> {
  const none = { contextMessages: 0, queuedMessages: 0, failedMessages: 0 };
  if ((await findActiveAgent(ctx, who.consumerUserId))?.agentKey !== who.agentKey) return none;
  const { conversationId } = await userAgentTarget(ctx, who);
  const conversation = await loadConversation(ctx, conversationId);
  if (conversation === null) return none;
  const failed = await countOfStatus(ctx, conversationId, "failed", FAILED_COUNT_LIMIT);
  const dead = await countOfStatus(ctx, conversationId, "dead_letter", FAILED_COUNT_LIMIT);
  return {
    contextMessages: historyLength(conversation),
    queuedMessages:
      (conversation.queuedCount ?? 0) + (conversation.processingLock === undefined ? 0 : 1),
    failedMessages: failed + dead,
  };
}

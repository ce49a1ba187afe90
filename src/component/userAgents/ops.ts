/** A user's page about one agent: write to it, see the conversation, its messages and its memory. */
import { refuse } from "../../shared/errors.js";
import type { ProviderConfig } from "../config.js";
import { historyPage, loadConversation } from "../conversations/ops.js";
import { userAgentTarget, type UserAgentTarget } from "../identity/ops.js";
import type { Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { enqueueMessage, listForConversation } from "../queue/ops.js";
import type { MessageStatus, QueueItemView } from "../queue/validators.js";
import { listForRestoreKey } from "../snapshots/ops.js";
import { DEFAULT_WORKSPACE_ID, type SnapshotView } from "../snapshots/validators.js";
import { VIEW_HISTORY_LIMIT, type ConversationView, type UserAgent } from "./validators.js";

// ── Writing ─────────────────────────────────────────────────────────────────

export type UserAgentMessage = UserAgent & {
  text: string;
  metadata: Record<string, string>;
  idempotencyKey?: string | undefined;
  providerConfig?: ProviderConfig | undefined;
};

/**
 * Enqueues a message into the user's conversation with the agent; Telegram ids go along when it is linked.
 * @throws BINDING_MISSING the user's newest binding to the agent is not active
 */
export async function sendToUserAgent(
  ctx: MutationCtx,
  { consumerUserId, agentKey, text, metadata, idempotencyKey, providerConfig }: UserAgentMessage,
  now: number,
): Promise<Id<"messageQueue">> {
  const target = await userAgentTarget(ctx, { consumerUserId, agentKey });
  if (!target.active)
    refuse("BINDING_MISSING", "No active binding found for consumerUserId and agentKey", {
      consumerUserId,
      agentKey,
    });
  return await enqueueMessage(
    ctx,
    {
      conversationId: target.conversationId,
      agentKey,
      payload: {
        provider: target.provider,
        providerUserId: target.providerUserId,
        messageText: text,
        metadata: { ...metadata, ...telegramMetadata(target) },
      },
      idempotencyKey,
      providerConfig,
    },
    now,
  );
}

/** Where the worker delivers to: the chat, and the bot it belongs to. */
export function telegramMetadata(target: UserAgentTarget): Record<string, string> {
  const { telegramChatId, telegramUserId, botIdentity } = target;
  return {
    ...(telegramChatId === null ? {} : { telegramChatId }),
    ...(telegramUserId === null ? {} : { telegramUserId }),
    ...(telegramChatId === null || botIdentity === null ? {} : { botIdentity }),
  };
}

// ── Reading ─────────────────────────────────────────────────────────────────

export type QueueItemFilter = {
  statuses?: MessageStatus[] | undefined;
  limit?: number | undefined;
};

/** Newest scheduledFor first; only `statuses`, chosen before the limit. */
export async function listQueueItems(
  ctx: QueryCtx,
  who: UserAgent,
  { statuses, limit }: QueueItemFilter,
): Promise<QueueItemView[]> {
  const { conversationId } = await userAgentTarget(ctx, who);
  return await listForConversation(ctx, conversationId, limit, statuses);
}

export type ViewOptions = {
  limit?: number | undefined;
  historyLimit?: number | undefined;
  historyBefore?: number | undefined;
};

export async function viewConversation(
  ctx: QueryCtx,
  who: UserAgent,
  { limit, historyLimit, historyBefore }: ViewOptions,
): Promise<ConversationView> {
  const { conversationId } = await userAgentTarget(ctx, who);
  const page = await historyPage(ctx, conversationId, {
    before: historyBefore,
    limit: historyLimit ?? VIEW_HISTORY_LIMIT,
  });
  const newest =
    historyBefore === undefined
      ? page.entries
      : (await historyPage(ctx, conversationId, { limit: VIEW_HISTORY_LIMIT })).entries;
  const queueItems = await listForConversation(ctx, conversationId, limit);
  return {
    conversationId,
    contextHistory: page.entries,
    pendingToolCalls: (await loadConversation(ctx, conversationId))?.pendingToolCalls ?? [],
    queueItems,
    hasQueuedJobs: queueItems.some(({ status }) => status === "queued" || status === "processing"),
    latestMessageId: queueItems[0]?._id ?? null,
    lastUserMessageAt: newest.findLast(({ role }) => role === "user")?.at ?? null,
    lastAssistantMessageAt: newest.findLast(({ role }) => role === "assistant")?.at ?? null,
    historyContinueBefore: page.continueBefore,
  };
}

/** Newest first, any status, of the agent's default workspace. */
export async function listSnapshots(
  ctx: QueryCtx,
  who: UserAgent,
  limit: number | undefined,
  now: number,
): Promise<SnapshotView[]> {
  const { conversationId } = await userAgentTarget(ctx, who);
  const { agentKey } = who;
  return await listForRestoreKey(ctx, {
    workspaceId: DEFAULT_WORKSPACE_ID,
    agentKey,
    conversationId,
    limit,
    nowMs: now,
  });
}

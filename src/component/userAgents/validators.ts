/** The vocabulary of user pages; also read by the client. */
import { v, type Infer } from "convex/values";
import { vHistoryEntry, vToolCall } from "../conversations/validators.js";
import { vQueueItemView } from "../queue/validators.js";

/** Whose page: a user and one of the user's agents. */
export const userAgentArgs = { consumerUserId: v.string(), agentKey: v.string() };
export type UserAgent = { consumerUserId: string; agentKey: string };

export const vConversationView = v.object({
  conversationId: v.string(),
  /** The newest page of the history, oldest entry first. */
  contextHistory: v.array(vHistoryEntry),
  pendingToolCalls: v.array(vToolCall),
  queueItems: v.array(vQueueItemView),
  hasQueuedJobs: v.boolean(),
  latestMessageId: v.union(v.null(), v.string()),
  /** Of the newest 200 entries; null when there is none among them. */
  lastUserMessageAt: v.union(v.null(), v.number()),
  lastAssistantMessageAt: v.union(v.null(), v.number()),
  /** Pass it as `historyBefore` for the next older page; null at the beginning. */
  historyContinueBefore: v.union(v.null(), v.number()),
});
export type ConversationView = Infer<typeof vConversationView>;

/** History entries of a view by default, and at most. */
export const VIEW_HISTORY_LIMIT = 200;

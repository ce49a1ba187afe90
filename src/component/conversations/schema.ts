import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vConversationState, vHistoryEntry, vRole, vToolCall } from "./validators.js";

export const conversationsTables = {
  /**
   * The ownership row, one per conversationId: what waits, who may process it, in which order it is served.
   * Written by enqueue, claim, heartbeat, complete, fail, the lease sweep and the scheduler's reservation,
   * always together with the message it is about. Stays small: history lives in conversationMessages.
   */
  conversations: defineTable({
    conversationId: v.string(),
    agentKey: v.string(),
    /** History of 3.x deployments: read as the prefix of the history, never grows. */
    contextHistory: v.array(vHistoryEntry),
    pendingToolCalls: v.array(vToolCall),
    /** Present while one message is leased. */
    processingLock: v.optional(
      v.object({
        leaseId: v.string(),
        workerId: v.string(),
        leaseExpiresAt: v.number(),
        heartbeatAt: v.number(),
        claimedMessageId: v.id("messageQueue"),
      }),
    ),
    /** Absent on rows of 3.x until they are first touched. */
    state: v.optional(vConversationState),
    /** When the state can change by itself: the head's due time, or the lease's expiry while leased. */
    readyAt: v.optional(v.number()),
    /** Order among ready conversations, ascending: readyAt, moved earlier by priority (see queue/order). */
    rankAt: v.optional(v.number()),
    /** Fixed pseudo-random place in [0, 1): lets many free workers start looking at different rows. */
    slot: v.optional(v.number()),
    /** Highest priority among the waiting messages. */
    priority: v.optional(v.number()),
    /** The next message, or the leased one. */
    headMessageId: v.optional(v.id("messageQueue")),
    headScheduledFor: v.optional(v.number()),
    /** Waiting messages, the leased one not counted. */
    queuedCount: v.optional(v.number()),
    /** Keeps arrival order when clocks of two transactions disagree. */
    lastArrivalAt: v.optional(v.number()),
    /** The worker this conversation belongs to; set by reservation or first claim, cleared by release. */
    ownerWorkerId: v.optional(v.string()),
    /** Raised at every change of owner: a former owner's writes are refused. */
    generation: v.optional(v.number()),
    pausedAt: v.optional(v.number()),
    pauseReason: v.optional(v.string()),
    blockedReason: v.optional(v.union(v.literal("agent_disabled"), v.literal("agent_paused"))),
    /** The next free sequence in conversationMessages. */
    nextSequence: v.optional(v.number()),
    /** The lowest sequence there: 0, or below after the history of 3.x became rows. Absent until it did. */
    firstSequence: v.optional(v.number()),
  })
    .index("by_conversationId", ["conversationId"])
    .index("by_agentKey", ["agentKey"])
    /** Ready and unowned, most deserving first: free workers and the scheduler. */
    .index("by_state_and_ownerWorkerId_and_rankAt", ["state", "ownerWorkerId", "rankAt"])
    /** Ready and unowned from a random place: spreads free workers. */
    .index("by_state_and_ownerWorkerId_and_slot", ["state", "ownerWorkerId", "slot"])
    /** Due waiting heads, expiring leases. */
    .index("by_state_and_readyAt", ["state", "readyAt"])
    /** Block and unblock all conversations of an agent. */
    .index("by_agentKey_and_state", ["agentKey", "state"])
    /** Histories of 3.x that are still an array. */
    .index("by_firstSequence", ["firstSequence"]),

  /** One row per history entry. Written by appendConversationMessages, storeAnswer and the upgrade from 3.x. */
  conversationMessages: defineTable({
    conversationId: v.string(),
    sequence: v.number(),
    role: vRole,
    content: v.string(),
    at: v.number(),
    /** The queue message this entry belongs to: makes an append repeatable. */
    messageId: v.optional(v.string()),
  })
    .index("by_conversationId_and_sequence", ["conversationId", "sequence"])
    .index("by_messageId", ["messageId"]),

  /** Cache of 3.x. Kept so that its data stays valid; neither read nor written. */
  conversationHydrationCache: defineTable({
    conversationId: v.string(),
    agentKey: v.string(),
    snapshotKey: v.string(),
    lastHydratedAt: v.number(),
    lastMessageId: v.optional(v.id("messageQueue")),
    deltaContext: v.array(vHistoryEntry),
    deltaFingerprint: v.string(),
  })
    .index("by_conversationId", ["conversationId"])
    .index("by_agentKey_and_lastHydratedAt", ["agentKey", "lastHydratedAt"]),
};

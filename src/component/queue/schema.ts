import { defineTable } from "convex/server";
import { v } from "convex/values";
import {
  attachmentFields,
  deadLetterGroupFields,
  payloadFields,
  vAnswerPart,
  vAttachmentKind,
  vAttachmentStatus,
  vMessageStatus,
} from "./validators.js";

const vStoredAttachment = v.object({
  ...attachmentFields,
  storageId: v.id("_storage"),
  downloadUrl: v.optional(v.string()),
});

export const queueTables = {
  /**
   * The messages. Inserted by enqueue; every other write goes through queue/apply together with its
   * conversation row. Deleted by retention when done or failed.
   */
  messageQueue: defineTable({
    conversationId: v.string(),
    agentKey: v.string(),
    payload: v.object({ ...payloadFields, attachments: v.optional(v.array(vStoredAttachment)) }),
    status: vMessageStatus,
    priority: v.number(),
    /** Earliest start, and the message's place in its conversation; a retry does not move it. */
    scheduledFor: v.number(),
    /** Set exactly while processing. */
    claimedBy: v.optional(v.string()),
    leaseId: v.optional(v.string()),
    leaseExpiresAt: v.optional(v.number()),
    /** Deliveries that failed: reported by `fail` or lost with the lease. */
    attempts: v.number(),
    maxAttempts: v.number(),
    lastError: v.optional(v.string()),
    nextRetryAt: v.optional(v.number()),
    deadLetteredAt: v.optional(v.number()),
    /** Leases given, whatever came of them. */
    deliveries: v.optional(v.number()),
    idempotencyKey: v.optional(v.string()),
    enqueuedAt: v.optional(v.number()),
    leasedAt: v.optional(v.number()),
    completedAt: v.optional(v.number()),
    /** Groups dead letters with the same cause. */
    errorFingerprint: v.optional(v.string()),
  })
    .index("by_status_and_scheduledFor", ["status", "scheduledFor"])
    .index("by_status_and_priority_and_scheduledFor", ["status", "priority", "scheduledFor"])
    .index("by_status_and_leaseExpiresAt", ["status", "leaseExpiresAt"])
    .index("by_conversationId_and_status", ["conversationId", "status"])
    .index("by_conversationId_and_scheduledFor", ["conversationId", "scheduledFor"])
    .index("by_claimedBy_and_status", ["claimedBy", "status"])
    .index("by_agentKey_and_status", ["agentKey", "status"])
    /** The head of a conversation. */
    .index("by_conversationId_and_status_and_scheduledFor", [
      "conversationId",
      "status",
      "scheduledFor",
    ])
    /** The highest waiting priority of a conversation. */
    .index("by_conversationId_and_status_and_priority", ["conversationId", "status", "priority"])
    .index("by_status_and_errorFingerprint", ["status", "errorFingerprint"])
    .index("by_status_and_completedAt", ["status", "completedAt"])
    /** Messages in back-off. */
    .index("by_status_and_nextRetryAt", ["status", "nextRetryAt"])
    /** Messages of 3.x, which have none. */
    .index("by_status_and_enqueuedAt", ["status", "enqueuedAt"]),

  /** One per attachment of a message. Inserted by enqueue; expired, with their files, by retention. */
  messageAttachments: defineTable({
    messageId: v.id("messageQueue"),
    conversationId: v.string(),
    agentKey: v.string(),
    provider: v.string(),
    kind: vAttachmentKind,
    status: vAttachmentStatus,
    storageId: v.id("_storage"),
    telegramFileId: v.string(),
    fileName: v.optional(v.string()),
    mimeType: v.optional(v.string()),
    sizeBytes: v.optional(v.number()),
    createdAt: v.number(),
    expiresAt: v.number(),
  })
    .index("by_messageId", ["messageId"])
    .index("by_status_and_expiresAt", ["status", "expiresAt"])
    /** Who else has the file. */
    .index("by_storageId_and_status", ["storageId", "status"])
    .index("by_conversationId_and_createdAt", ["conversationId", "createdAt"]),

  /** The answer of a message, stored before it is delivered. Written by the lease holder. */
  messageAnswers: defineTable({
    messageId: v.id("messageQueue"),
    conversationId: v.string(),
    workerId: v.string(),
    leaseId: v.string(),
    text: v.string(),
    parts: v.array(vAnswerPart),
    createdAt: v.number(),
    deliveredAt: v.optional(v.number()),
  })
    .index("by_messageId", ["messageId"])
    .index("by_createdAt", ["createdAt"]),

  /** Dedupe keys of everything that came in, for 48 h. Inserted by enqueue. */
  ingressUpdates: defineTable({
    key: v.string(),
    messageId: v.optional(v.id("messageQueue")),
    expiresAt: v.number(),
  })
    .index("by_key", ["key"])
    .index("by_expiresAt", ["expiresAt"]),

  /** One row per cause of dead letters. Written when a message is dead-lettered, redriven or skipped. */
  deadLetterGroups: defineTable(deadLetterGroupFields)
    .index("by_fingerprint", ["fingerprint"])
    .index("by_lastAt", ["lastAt"]),

  /** Files that came through our own upload URLs: only these may be attached. Written by registration. */
  mediaFiles: defineTable({
    storageId: v.id("_storage"),
    purpose: v.union(v.literal("attachment"), v.literal("worker_media")),
    workerId: v.optional(v.string()),
    conversationId: v.optional(v.string()),
    /** Or when retention last found it in use. */
    createdAt: v.number(),
  })
    .index("by_storageId", ["storageId"])
    .index("by_createdAt", ["createdAt"]),
};

/** The vocabulary of the queue; also read by the client. */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { vConversationState } from "../conversations/validators.js";

/** `failed` is a message that an operator skipped. */
export const MESSAGE_STATUSES = ["queued", "processing", "done", "failed", "dead_letter"] as const;
export const vMessageStatus = literals(...MESSAGE_STATUSES);
export type MessageStatus = Infer<typeof vMessageStatus>;

export const vMetadata = v.record(v.string(), v.string());

export const vAttachmentKind = literals("photo", "video", "audio", "voice", "document");
export const vAttachmentStatus = literals("ready", "expired");

/** An attachment without its storage id, which is an Id inside the component and a string outside. */
export const attachmentFields = {
  kind: vAttachmentKind,
  status: vAttachmentStatus,
  telegramFileId: v.string(),
  fileName: v.optional(v.string()),
  mimeType: v.optional(v.string()),
  sizeBytes: v.optional(v.number()),
  expiresAt: v.number(),
};

/** A payload without its attachments, for the same reason. */
export const payloadFields = {
  provider: v.string(),
  providerUserId: v.string(),
  messageText: v.string(),
  externalMessageId: v.optional(v.string()),
  rawUpdateJson: v.optional(v.string()),
  metadata: v.optional(vMetadata),
};

export const vAttachmentView = v.object({
  ...attachmentFields,
  storageId: v.string(),
  downloadUrl: v.optional(v.string()),
});
export const vPayloadView = v.object({
  ...payloadFields,
  attachments: v.optional(v.array(vAttachmentView)),
});
export type PayloadView = Infer<typeof vPayloadView>;

/** A message as operators see it in a list. */
export const messageSummaryFields = {
  _creationTime: v.number(),
  conversationId: v.string(),
  agentKey: v.string(),
  status: vMessageStatus,
  priority: v.number(),
  scheduledFor: v.number(),
  attempts: v.number(),
  maxAttempts: v.number(),
};

export const vQueueItemView = v.object({
  _id: v.string(),
  ...messageSummaryFields,
  lastError: v.union(v.null(), v.string()),
  payload: vPayloadView,
});
export type QueueItemView = Infer<typeof vQueueItemView>;

/** Dead letters of one cause. */
export const deadLetterGroupFields = {
  fingerprint: v.string(),
  sampleError: v.string(),
  count: v.number(),
  firstAt: v.number(),
  lastAt: v.number(),
};

/** A conversation as operators see it in a list. */
export const vConversationSummary = v.object({
  conversationId: v.string(),
  agentKey: v.string(),
  state: vConversationState,
  queuedCount: v.number(),
  readyAt: v.union(v.null(), v.number()),
  workerId: v.union(v.null(), v.string()),
  pauseReason: v.union(v.null(), v.string()),
});
export type ConversationSummary = Infer<typeof vConversationSummary>;

export const vClaimedJob = v.object({
  messageId: v.string(),
  conversationId: v.string(),
  agentKey: v.string(),
  leaseId: v.string(),
  leaseExpiresAt: v.number(),
  payload: vPayloadView,
});
export type ClaimedJob = Infer<typeof vClaimedJob>;

export const vFailResult = v.object({
  requeued: v.boolean(),
  deadLettered: v.boolean(),
  nextScheduledFor: v.union(v.null(), v.number()),
});
export type FailResult = Infer<typeof vFailResult>;

/** pending → sending (about to call the channel) → sent | failed-and-back-to-pending | unknown (policy: silence). */
export const vDeliveryPartState = literals("pending", "sending", "sent", "unknown");
export const vAnswerPart = v.object({
  text: v.string(),
  state: vDeliveryPartState,
  externalMessageId: v.optional(v.string()),
  at: v.optional(v.number()),
  /** Number of the newest report that counted; absent when the worker does not number its reports. */
  sequence: v.optional(v.number()),
});
export type AnswerPart = Infer<typeof vAnswerPart>;
export const vAnswerView = v.object({ text: v.string(), parts: v.array(vAnswerPart) });
export type AnswerView = Infer<typeof vAnswerView>;

// ── Limits ──────────────────────────────────────────────────────────────────

/** Text + raw update + metadata of one message; a document may have 1 MiB, and claims return the payload. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;
export const MAX_ATTACHMENTS = 20;
export const MAX_ANSWER_BYTES = 512 * 1024;
export const MAX_ANSWER_PARTS = 64;
export const MAX_ID_LENGTH = 512;
/** A message may be scheduled this far ahead; farther is a unit mistake (seconds for milliseconds reads as 1970). */
export const MAX_SCHEDULE_AHEAD_MS = 366 * 24 * 60 * 60 * 1000;
export const MAX_ATTEMPTS_LIMIT = 100;
/** Stored error texts are cut here. */
export const MAX_ERROR_LENGTH = 2_000;
export const MAX_LIST_LIMIT = 500;

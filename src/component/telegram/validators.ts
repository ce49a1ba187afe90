/** The vocabulary of the Telegram ingress. */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { vAttachmentKind } from "../queue/validators.js";

const vNullableString = v.union(v.null(), v.string());
const vNullableNumber = v.union(v.null(), v.number());

/** How the app wants senders to be matched to agents; see RegisterRoutesOptions. */
export const vIngressOptions = v.object({
  /** What `resolveAgentKey` returned, if it is there and returned something. */
  resolvedAgentKey: v.optional(v.string()),
  resolveAgentKeyFromBinding: v.boolean(),
  fallbackAgentKey: v.string(),
  requireBinding: v.boolean(),
  allowUnsigned: v.boolean(),
});
export type IngressOptions = Infer<typeof vIngressOptions>;

/** Who says to call: the bot and the SHA-256 of the secret as the request has them. */
export const vWebhookCredentials = v.object({
  botIdentity: vNullableString,
  secretHash: vNullableString,
});
export type WebhookCredentials = Infer<typeof vWebhookCredentials>;

export const vIngressOutcome = v.union(
  v.object({ kind: literals("accepted", "ignored", "quarantined", "forbidden", "no_binding") }),
  v.object({ kind: v.literal("paired"), consumerUserId: v.string(), agentKey: v.string() }),
  v.object({ kind: v.literal("pairing_failed"), error: v.string() }),
);
export type IngressOutcome = Infer<typeof vIngressOutcome>;

export const QUARANTINE_REASONS = [
  "too_large",
  "not_json",
  "not_an_update",
  "agent_unavailable",
  "agent_of_another_bot",
  "conversation_mismatch",
  "refused",
] as const;
export const vQuarantineReason = literals(...QUARANTINE_REASONS);
export type QuarantineReason = Infer<typeof vQuarantineReason>;

export const vQuarantineView = v.object({
  quarantineId: v.string(),
  botIdentity: vNullableString,
  telegramChatId: vNullableString,
  updateId: vNullableNumber,
  reason: vQuarantineReason,
  detail: v.string(),
  at: v.number(),
  /** The message that was made of it by sending it in again. */
  messageId: vNullableString,
});

export const vResubmission = v.union(
  v.object({ status: v.literal("enqueued"), messageId: v.string() }),
  v.object({ status: v.literal("refused"), reason: vQuarantineReason, detail: v.string() }),
);
export type Resubmission = Infer<typeof vResubmission>;

/** A file that a message names. `note`: what it is when it is passed on as a document. */
export const fileFields = {
  kind: vAttachmentKind,
  note: v.optional(v.string()),
  telegramFileId: v.string(),
  fileName: v.optional(v.string()),
  mimeType: v.optional(v.string()),
  sizeBytes: v.optional(v.number()),
};
export const vFileRef = v.object(fileFields);
export type FileRef = Infer<typeof vFileRef>;
export const vFileState = literals("pending", "ready", "failed");

export const vWebhookConfigured = v.object({
  ok: v.boolean(),
  webhookUrl: v.string(),
  currentUrl: vNullableString,
  botIdentity: vNullableString,
  secretTokenConfigured: v.boolean(),
  isReady: v.boolean(),
  pendingUpdateCount: v.number(),
  lastErrorMessage: vNullableString,
  lastErrorDate: vNullableNumber,
  description: v.string(),
});
export type WebhookConfigured = Infer<typeof vWebhookConfigured>;

export const vWebhookReadiness = v.object({
  agentKey: v.string(),
  secretRef: vNullableString,
  currentUrl: vNullableString,
  pendingUpdateCount: v.number(),
  lastErrorMessage: vNullableString,
  lastErrorDate: vNullableNumber,
  webhookReady: v.boolean(),
});
export type WebhookReadiness = Infer<typeof vWebhookReadiness>;

export const vTokenImported = v.object({
  secretId: v.string(),
  secretRef: v.string(),
  version: v.number(),
  botIdentity: v.string(),
  telegramUsername: vNullableString,
});
export type TokenImported = Infer<typeof vTokenImported>;

export const vBotReconciled = v.object({
  agentKey: v.string(),
  secretRef: vNullableString,
  botIdentity: v.string(),
  telegramUsername: vNullableString,
});
export type BotReconciled = Infer<typeof vBotReconciled>;

// ── Limits ──────────────────────────────────────────────────────────────────

/** Telegram hands out files up to this size. */
export const MAX_FILE_BYTES = 20 * 1024 * 1024;
/** How long a message waits for its files before it goes without those that are missing. */
export const FILES_DEADLINE_MS = 3 * 60_000;
/** Messages of an album, and a text after media without caption, come within this time of each other. */
export const TURN_WINDOW_MS = 1_500;
/** However long they keep coming. */
export const MAX_TURN_MS = 15_000;
/** The raw update is kept beside the message up to this size; the message itself always is. */
export const MAX_RAW_UPDATE_BYTES = 128 * 1024;
/** Two hundred of them fit into what one query may read. */
export const MAX_QUARANTINED_BYTES = 64 * 1024;
export const MAX_QUARANTINE_LIST = 200;
/** Updates that were on their way while the secret changed carry the former one. */
export const FORMER_SECRET_MS = 10 * 60_000;
export const TOO_LARGE_ERROR = "larger than 20 MB";
export const DEFAULT_TELEGRAM_API = "https://api.telegram.org";

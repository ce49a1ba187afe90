/** How a message gets in: checked, counted once, given its place, and the scheduler told. */
import { refuse } from "../../shared/errors.js";
import { loadProfile } from "../agents/ops.js";
import type { ProviderConfig } from "../config.js";
import { RETENTION } from "../config.js";
import { ensureConversation } from "../conversations/ops.js";
import type { Doc, Id, MutationCtx } from "../kit/functions.js";
import { requestPass } from "../kit/wake.js";
import { loadPolicy, seedProviderConfig } from "../settings/ops.js";
import { recordMessageEvent } from "../trail/ops.js";
import { findMediaFile } from "./media.js";
import { slotOf } from "./order.js";
import { checkPayloadSize } from "./payload.js";
import { adopt, withArrival, type Message } from "./store.js";
import {
  MAX_ATTACHMENTS,
  MAX_ATTEMPTS_LIMIT,
  MAX_ID_LENGTH,
  MAX_SCHEDULE_AHEAD_MS,
} from "./validators.js";

export type NewMessage = {
  conversationId: string;
  agentKey: string;
  payload: Message["payload"];
  priority?: number | undefined;
  scheduledFor?: number | undefined;
  maxAttempts?: number | undefined;
  idempotencyKey?: string | undefined;
  providerConfig?: ProviderConfig | undefined;
  /** It takes its place now and may be claimed then, unless `reviseWaiting` lets it go earlier. */
  heldUntil?: number | undefined;
};

/**
 * Puts a message into the queue and returns its id. The same `idempotencyKey` (48 h) returns the first one's id
 * and changes nothing.
 */
export async function enqueueMessage(
  ctx: MutationCtx,
  args: NewMessage,
  now: number,
): Promise<Id<"messageQueue">> {
  const providerUserId = checkMessage(args, now);
  const seen = args.idempotencyKey === undefined ? null : await findKey(ctx, args.idempotencyKey);
  if (seen?.messageId !== undefined && seen.expiresAt > now) return seen.messageId;
  const profile = await loadProfile(ctx, args.agentKey);
  if (profile === null || !profile.enabled)
    refuse("AGENT_NOT_READY", `Agent profile '${args.agentKey}' not found or disabled`, {
      agentKey: args.agentKey,
    });
  if (args.providerConfig !== undefined) await seedProviderConfig(ctx, args.providerConfig, now);
  const policy = await loadPolicy(ctx);
  const conversation = await adopt(
    ctx,
    await ensureConversation(ctx, args.conversationId, args.agentKey, slotOf(args.conversationId)),
    now,
  );

  const priority = Math.min(
    policy.queue.maxPriority,
    Math.max(0, args.priority ?? policy.queue.defaultPriority),
  );
  // Never before now and, for messages to be sent at once, never before an earlier arrival: the clocks of two
  // transactions may disagree by some milliseconds.
  const immediate = Math.max(now, conversation.lastArrivalAt ?? 0);
  const later = args.scheduledFor !== undefined && args.scheduledFor > immediate;
  const scheduledFor = later ? (args.scheduledFor ?? immediate) : immediate;
  await checkAttachments(ctx, args.conversationId, args.payload.attachments ?? []);
  const messageId = await ctx.db.insert("messageQueue", {
    conversationId: args.conversationId,
    agentKey: args.agentKey,
    payload: storedPayload(args.payload, providerUserId),
    status: "queued",
    priority,
    scheduledFor,
    attempts: 0,
    maxAttempts: args.maxAttempts ?? policy.retry.maxAttempts,
    deliveries: 0,
    enqueuedAt: now,
    ...(args.heldUntil === undefined ? {} : { nextRetryAt: args.heldUntil }),
    ...(args.idempotencyKey === undefined ? {} : { idempotencyKey: args.idempotencyKey }),
  });
  await insertAttachmentRows(ctx, messageId, args, now);
  if (args.idempotencyKey !== undefined) {
    const key = { key: args.idempotencyKey, messageId, expiresAt: now + RETENTION.ingressKeyMs };
    if (seen === null) await ctx.db.insert("ingressUpdates", key);
    else await ctx.db.patch("ingressUpdates", seen._id, key);
  }

  const arrival = { _id: messageId, scheduledFor, priority, nextRetryAt: args.heldUntil };
  const changes = withArrival(conversation, arrival, now);
  await ctx.db.patch("conversations", conversation._id, {
    ...changes,
    ...(later ? {} : { lastArrivalAt: scheduledFor }),
  });
  await recordMessageEvent(ctx, {
    messageId,
    conversationId: args.conversationId,
    kind: "enqueued",
    at: now,
    to: "queued",
  });
  const state = changes.state ?? conversation.state;
  const readyAt = changes.readyAt ?? conversation.readyAt ?? now;
  if (state === "ready" || state === "waiting") await requestPass(ctx, Math.max(now, readyAt), now);
  return messageId;
}

async function findKey(ctx: MutationCtx, key: string): Promise<Doc<"ingressUpdates"> | null> {
  return await ctx.db
    .query("ingressUpdates")
    .withIndex("by_key", (q) => q.eq("key", key))
    .first();
}

/** Throws on anything that could not be stored or served; returns the trimmed provider user id. */
function checkMessage(args: NewMessage, now: number): string {
  const { payload } = args;
  const providerUserId = payload.providerUserId.trim();
  if (providerUserId === "")
    refuse(
      "INVALID_ARGUMENT",
      `providerUserId is required but missing in payload.providerUserId=${JSON.stringify(payload.providerUserId)}`,
    );
  for (const [name, value] of [
    ["conversationId", args.conversationId],
    ["agentKey", args.agentKey],
    ["idempotencyKey", args.idempotencyKey ?? "-"],
  ] as const)
    if (value.trim() === "" || value.length > MAX_ID_LENGTH)
      refuse("INVALID_ARGUMENT", `${name} must have 1 to ${MAX_ID_LENGTH} characters.`);
  checkNumber("priority", args.priority, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  checkNumber("scheduledFor", args.scheduledFor, 0, now + MAX_SCHEDULE_AHEAD_MS);
  checkNumber("maxAttempts", args.maxAttempts, 1, MAX_ATTEMPTS_LIMIT);
  if (args.maxAttempts !== undefined && !Number.isInteger(args.maxAttempts))
    refuse("INVALID_ARGUMENT", `maxAttempts must be a whole number, got ${args.maxAttempts}.`);
  checkPayloadSize(payload);
  if ((payload.attachments?.length ?? 0) > MAX_ATTACHMENTS)
    refuse("INVALID_ARGUMENT", `At most ${MAX_ATTACHMENTS} attachments per message.`);
  return providerUserId;
}

function checkNumber(name: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined) return;
  if (Number.isNaN(value) || value < min || value > max)
    refuse("INVALID_ARGUMENT", `${name} must be a number from ${min} to ${max}, got ${value}.`);
}

/** Only files that came through our own upload URLs, for this conversation: any other id would open a foreign file. */
async function checkAttachments(
  ctx: MutationCtx,
  conversationId: string,
  attachments: NonNullable<Message["payload"]["attachments"]>,
): Promise<void> {
  for (const { storageId } of attachments) {
    const file = await findMediaFile(ctx, storageId);
    if (file === null || file.purpose !== "attachment")
      refuse(
        "FORBIDDEN",
        `Attachment file '${storageId}' was not uploaded through this component. Upload it with generateMediaUploadUrl and registerUploadedFile first.`,
        { storageId },
      );
    if (file.conversationId !== undefined && file.conversationId !== conversationId)
      refuse("FORBIDDEN", `Attachment file '${storageId}' belongs to another conversation.`, {
        storageId,
      });
  }
}

/** Without the URL that a caller may have filled in: hydration makes a fresh one. */
function storedPayload(payload: Message["payload"], providerUserId: string): Message["payload"] {
  const { attachments, ...rest } = payload;
  return {
    ...rest,
    metadata: { ...payload.metadata, providerUserId },
    ...(attachments === undefined
      ? {}
      : { attachments: attachments.map(({ downloadUrl: _derived, ...stored }) => stored) }),
  };
}

export async function insertAttachmentRows(
  ctx: MutationCtx,
  messageId: Id<"messageQueue">,
  args: Pick<NewMessage, "conversationId" | "agentKey" | "payload">,
  now: number,
): Promise<void> {
  for (const attachment of args.payload.attachments ?? []) {
    const { downloadUrl: _derived, ...stored } = attachment;
    await ctx.db.insert("messageAttachments", {
      ...stored,
      messageId,
      conversationId: args.conversationId,
      agentKey: args.agentKey,
      provider: args.payload.provider,
      createdAt: now,
    });
  }
}

/** The answer: stored under message and lease before it is delivered, delivered part by part. */
import { refuse } from "../../shared/errors.js";
import type { DeliveryPolicy } from "../config.js";
import { appendHistory } from "../conversations/ops.js";
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { loadPolicy } from "../settings/ops.js";
import { recordMessageEvent } from "../trail/ops.js";
import { heldMessage, type LeaseRef } from "./outcomes.js";
import {
  MAX_ANSWER_BYTES,
  MAX_ANSWER_PARTS,
  type AnswerPart,
  type AnswerView,
} from "./validators.js";

type Answer = Doc<"messageAnswers">;

export async function loadAnswer(
  ctx: QueryCtx,
  messageId: Id<"messageQueue">,
): Promise<Answer | null> {
  return await ctx.db
    .query("messageAnswers")
    .withIndex("by_messageId", (q) => q.eq("messageId", messageId))
    .first();
}

export function toAnswerView(answer: Pick<Answer, "text" | "parts">): AnswerView {
  return { text: answer.text, parts: answer.parts };
}

/**
 * Stores the answer and appends the turn to the history, once per message: a second store returns the first
 * answer, whoever made it, so that the agent's one answer is the one delivered.
 */
export async function storeAnswer(
  ctx: MutationCtx,
  ref: LeaseRef,
  answer: { text: string; parts: readonly string[] },
  now: number,
): Promise<AnswerView | null> {
  const held = await heldMessage(ctx, ref);
  if (held === null || held.conversation === null) return null;
  const stored = await loadAnswer(ctx, ref.messageId);
  if (stored !== null) return toAnswerView(stored);
  const bytes = new TextEncoder().encode(answer.text + answer.parts.join("")).length;
  if (bytes > MAX_ANSWER_BYTES || answer.parts.length > MAX_ANSWER_PARTS)
    refuse(
      "PAYLOAD_TOO_LARGE",
      `The answer has ${bytes} bytes in ${answer.parts.length} parts; at most ${MAX_ANSWER_BYTES} bytes in ${MAX_ANSWER_PARTS} parts fit.`,
    );
  const parts = answer.parts.map((text): AnswerPart => ({ text, state: "pending" }));
  await ctx.db.insert("messageAnswers", {
    messageId: ref.messageId,
    conversationId: held.message.conversationId,
    workerId: ref.workerId,
    leaseId: ref.leaseId,
    text: answer.text,
    parts,
    createdAt: now,
  });
  await appendHistory(
    ctx,
    held.conversation,
    [
      {
        role: "user",
        content: held.message.payload.messageText,
        at: held.message.enqueuedAt ?? now,
      },
      { role: "assistant", content: answer.text, at: now },
    ],
    now,
    ref.messageId,
  );
  await recordMessageEvent(ctx, {
    messageId: ref.messageId,
    conversationId: held.message.conversationId,
    kind: "answer_stored",
    at: now,
    workerId: ref.workerId,
  });
  return { text: answer.text, parts };
}

export type DeliveryReport = "sending" | "sent" | "failed";

/** `proceed`: the worker may call the channel now. `unknown`: an interrupted delivery was found. */
export type DeliveryDecision = {
  state: AnswerPart["state"];
  proceed: boolean;
  unknown: boolean;
};

/**
 * What a late or repeated report gets: null when it is neither. Reports are numbered per part, so one that was overtaken
 * by a newer one changes nothing: a `failed` that arrives twice must not reopen the send that began after it. That
 * something was sent stays true however late it is heard. Pure.
 */
export function decideLateReport(
  part: AnswerPart,
  report: DeliveryReport,
  sequence: number | undefined,
): DeliveryDecision | null {
  if (sequence === undefined || part.sequence === undefined) return null;
  if (sequence > part.sequence || report === "sent") return null;
  // The newest report again: its answer was lost, and nothing was done about it yet.
  const isNewest = sequence === part.sequence;
  const stands = report === "sending" ? part.state === "sending" : part.state === "pending";
  return { state: part.state, proceed: isNewest && stands, unknown: false };
}

/** What a report does to a part. Pure. */
export function decideDelivery(
  part: AnswerPart,
  report: DeliveryReport,
  policy: DeliveryPolicy,
): DeliveryDecision {
  if (part.state === "sent" || part.state === "unknown")
    return { state: part.state, proceed: false, unknown: false };
  if (report === "sent") return { state: "sent", proceed: false, unknown: false };
  if (report === "failed") return { state: "pending", proceed: true, unknown: false };
  // "sending" over "sending": a delivery was interrupted between the two records. Nobody knows whether the
  // user has the part; the policy decides which mistake is preferred, and either way it is counted.
  if (part.state === "sending")
    return policy.onUnknown === "silence"
      ? { state: "unknown", proceed: false, unknown: true }
      : { state: "sending", proceed: true, unknown: true };
  return { state: "sending", proceed: true, unknown: false };
}

/** Records the delivery of one part; null when the lease is lost or there is no such part. */
export async function recordDelivery(
  ctx: MutationCtx,
  ref: LeaseRef,
  report: {
    part: number;
    state: DeliveryReport;
    sequence?: number | undefined;
    externalMessageId?: string | undefined;
  },
  now: number,
): Promise<{ proceed: boolean; answer: AnswerView } | null> {
  const held = await heldMessage(ctx, ref);
  if (held === null) return null;
  const answer = await loadAnswer(ctx, ref.messageId);
  const part = answer?.parts[report.part];
  if (answer === null || part === undefined) return null;
  const { text } = answer;
  const late = decideLateReport(part, report.state, report.sequence);
  if (late !== null) return { proceed: late.proceed, answer: { text, parts: answer.parts } };
  const { delivery } = await loadPolicy(ctx);
  const decision = decideDelivery(part, report.state, delivery);
  const parts = answer.parts.map((other, index) =>
    index !== report.part
      ? other
      : {
          ...other,
          state: decision.state,
          at: now,
          ...(report.sequence === undefined
            ? {}
            : { sequence: Math.max(report.sequence, part.sequence ?? 0) }),
          ...(report.externalMessageId === undefined
            ? {}
            : { externalMessageId: report.externalMessageId }),
        },
  );
  const finished = parts.every((p) => p.state === "sent" || p.state === "unknown");
  await ctx.db.patch("messageAnswers", answer._id, {
    parts,
    ...(finished ? { deliveredAt: now } : {}),
  });
  const kind = decision.unknown
    ? "delivery_unknown"
    : report.state === "failed"
      ? "delivery_failed"
      : finished && report.state === "sent" && part.state !== "sent"
        ? "delivered"
        : null;
  if (kind !== null)
    await recordMessageEvent(ctx, {
      messageId: ref.messageId,
      conversationId: held.message.conversationId,
      kind,
      at: now,
      workerId: ref.workerId,
      detail: `part ${report.part + 1} of ${parts.length}`,
    });
  return { proceed: decision.proceed, answer: { text, parts } };
}

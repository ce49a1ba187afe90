/** The vocabulary of views over several rooms; also read by the client. */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { vMessageStatus } from "../queue/validators.js";
import { vMessageEventKind } from "../trail/validators.js";

/**
 * nothing: it is over · operator: it is dead-lettered · answer: a worker has it · delivery: answered, on its way to the
 * user · lease: its worker is silent, the lease ends · schedule: it is for later · retry: it failed and backs off ·
 * attachment: its files are fetched, or the rest of its album is awaited · order: an earlier message of its
 * conversation · pause, agent: somebody stopped the conversation or the agent · machine: its worker's machine boots or
 * is about to claim · hand_over: its last worker still leaves · provider: machines cannot be created · secret, config:
 * something must be set first · budget: machines are limited, by maxWorkers or by what they may cost · pass: the
 * scheduler's next look.
 */
export const WAIT_KINDS = [
  "nothing",
  "operator",
  "answer",
  "delivery",
  "lease",
  "schedule",
  "retry",
  "attachment",
  "order",
  "pause",
  "agent",
  "machine",
  "hand_over",
  "provider",
  "secret",
  "config",
  "budget",
  "pass",
] as const;
export const vWaitKind = literals(...WAIT_KINDS);
export type WaitKind = Infer<typeof vWaitKind>;

export const vMessageExplanation = v.object({
  messageId: v.string(),
  conversationId: v.string(),
  agentKey: v.string(),
  state: vMessageStatus,
  waitsFor: vWaitKind,
  /** One sentence for people. */
  detail: v.string(),
  since: v.number(),
  /** When it ends by itself, if that is known. */
  until: v.union(v.null(), v.number()),
  /** The message it waits behind. */
  behindMessageId: v.union(v.null(), v.string()),
  workerId: v.union(v.null(), v.string()),
  lastError: v.union(v.null(), v.string()),
  /** What will go wrong although the message does not wait for it: expired attachments, secrets without a value. */
  warnings: v.array(v.string()),
  events: v.array(
    v.object({
      kind: vMessageEventKind,
      at: v.number(),
      workerId: v.union(v.null(), v.string()),
      detail: v.union(v.null(), v.string()),
    }),
  ),
});
export type MessageExplanation = Infer<typeof vMessageExplanation>;

const pushStats = {
  totalPushJobs: v.number(),
  activePushJobs: v.number(),
  totalDispatches: v.number(),
  latestDispatchAt: v.union(v.null(), v.number()),
};
const conversationStats = {
  contextMessages: v.number(),
  queuedMessages: v.number(),
  /** Exact up to 100 skipped and 100 dead-lettered ones. */
  failedMessages: v.number(),
};
export const vPushStats = v.object(pushStats);
export type PushStats = Infer<typeof vPushStats>;
export const vConversationStats = v.object(conversationStats);
export type ConversationStats = Infer<typeof vConversationStats>;
export const vUsageStats = v.object({ ...pushStats, ...conversationStats });

/** Failed messages counted per status. */
export const FAILED_COUNT_LIMIT = 100;

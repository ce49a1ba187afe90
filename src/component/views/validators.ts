/** The vocabulary of views over several rooms; also read by the client. */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { MACHINE_PHASES } from "../providers/validators.js";
import { vMessageStatus } from "../queue/validators.js";
import { vMessageEventKind } from "../trail/validators.js";
import { vDrainReason, vWorkerStatus } from "../workers/validators.js";

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

/**
 * machine_missing: the row has a machine that the last list did not show · not_running: the machine is stopped, failed or
 * on its way out while its worker should work · not_recorded: the machine is there, its row does not know it yet ·
 * no_row: tagged as ours without a live row, removed when seen again · foreign: not ours, never touched by a pass.
 */
export const vDrift = literals(
  "machine_missing",
  "not_running",
  "not_recorded",
  "no_row",
  "foreign",
);
export type Drift = Infer<typeof vDrift>;

const vMaybeText = v.union(v.null(), v.string());
const vMaybeNumber = v.union(v.null(), v.number());

export const vFleetRow = v.object({
  /** Null for a machine that names no worker. */
  workerId: vMaybeText,
  /** Null for a machine without a live row. */
  status: v.union(v.null(), vWorkerStatus),
  load: v.number(),
  agentKey: vMaybeText,
  conversationId: vMaybeText,
  appName: vMaybeText,
  machineId: vMaybeText,
  region: vMaybeText,
  /** As the last list showed it; null when it did not. */
  machinePhase: v.union(v.null(), literals(...MACHINE_PHASES)),
  /** When the app was listed last (epoch ms). */
  observedAt: vMaybeNumber,
  volumeIds: v.array(v.string()),
  heartbeatAt: vMaybeNumber,
  heartbeatAgeMs: vMaybeNumber,
  createdAt: v.number(),
  firstSeenAt: vMaybeNumber,
  lastClaimAt: vMaybeNumber,
  drainReason: v.union(v.null(), vDrainReason),
  drainDeadlineAt: vMaybeNumber,
  snapshot: v.object({
    /** final: saved after draining began · saved: while it worked · restored: only an earlier worker's · none */
    state: literals("none", "restored", "saved", "final"),
    restoredSnapshotId: vMaybeText,
    lastSnapshotId: vMaybeText,
    lastSnapshotAt: vMaybeNumber,
  }),
  lastProviderError: vMaybeText,
  drift: v.union(v.null(), vDrift),
});
export type FleetRow = Infer<typeof vFleetRow>;

export const vCondition = v.object({
  kind: literals(
    "config",
    "secret",
    "provider_down",
    "spawning_stopped",
    "budget_exhausted",
    "budget_warning",
    "budget_resumed",
    "pass_errors",
    "scheduler_late",
    "waiting",
  ),
  severity: literals("error", "warning", "info"),
  /** One sentence for people: what is wrong and what to do. */
  message: v.string(),
  since: vMaybeNumber,
  /** When it ends, or is tried again, by itself. */
  until: vMaybeNumber,
});
export type Condition = Infer<typeof vCondition>;

/** Without these no machine can be created. */
export const MACHINE_SECRETS = ["fly.apiToken", "convex.url"] as const;

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

/** The vocabulary of pushes; also read by the client. */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { DAY_MS } from "../../shared/time.js";

// ── Schedules ───────────────────────────────────────────────────────────────

export const PERIODICITIES = ["manual", "daily", "weekly", "monthly"] as const;
export const vPeriodicity = literals(...PERIODICITIES);
export type Periodicity = Infer<typeof vPeriodicity>;

/** `time` is `HH:mm`, 24 hours, in the job's zone; `weekday` 1 (Monday) to 7. */
const vDaily = v.object({ kind: v.literal("daily"), time: v.string() });
const vWeekly = v.object({ kind: v.literal("weekly"), weekday: v.number(), time: v.string() });
const vMonthly = v.object({
  kind: v.literal("monthly"),
  dayOfMonth: v.union(v.number(), v.literal("last")),
  time: v.string(),
});
export const vSlot = v.union(vDaily, vWeekly, vMonthly);
export type Slot = Infer<typeof vSlot>;
export const vSchedule = v.union(
  v.object({ kind: v.literal("manual") }),
  vDaily,
  vWeekly,
  vMonthly,
);
export type Schedule = Infer<typeof vSchedule>;

// ── Rows as the app sees them ───────────────────────────────────────────────

export const auditFields = {
  createdBy: v.string(),
  updatedBy: v.string(),
  createdAt: v.number(),
  updatedAt: v.number(),
};

/** The part of a push template that its author writes. */
export const pushTemplateFields = {
  title: v.string(),
  text: v.string(),
  periodicity: vPeriodicity,
  suggestedTimes: v.array(vSlot),
};

export const vPushTemplateView = v.object({
  _id: v.string(),
  companyId: v.string(),
  templateKey: v.string(),
  ...pushTemplateFields,
  enabled: v.boolean(),
  ...auditFields,
});
export type PushTemplateView = Infer<typeof vPushTemplateView>;

/** The part of a push job that its author writes. */
export const pushJobFields = {
  title: v.string(),
  text: v.string(),
  periodicity: vPeriodicity,
  timezone: v.string(),
  schedule: vSchedule,
};
/** What an edit may change; omitted fields stay. */
export const pushJobChanges = {
  title: v.optional(v.string()),
  text: v.optional(v.string()),
  periodicity: v.optional(vPeriodicity),
  timezone: v.optional(v.string()),
  schedule: v.optional(vSchedule),
  enabled: v.optional(v.boolean()),
};

export const vPushJobView = v.object({
  _id: v.string(),
  companyId: v.string(),
  consumerUserId: v.string(),
  agentKey: v.union(v.null(), v.string()),
  sourceTemplateId: v.union(v.null(), v.string()),
  ...pushJobFields,
  enabled: v.boolean(),
  nextRunAt: v.union(v.null(), v.number()),
  lastRunAt: v.union(v.null(), v.number()),
  lastRunKey: v.union(v.null(), v.string()),
  createdAt: v.number(),
  updatedAt: v.number(),
});
export type PushJobView = Infer<typeof vPushJobView>;

export const vDispatchStatus = literals("enqueued", "skipped", "failed");
export type DispatchStatus = Infer<typeof vDispatchStatus>;

export const vDispatchView = v.object({
  _id: v.string(),
  runKey: v.string(),
  status: vDispatchStatus,
  scheduledFor: v.number(),
  createdAt: v.number(),
  error: v.union(v.null(), v.string()),
});
export const vAgentDispatchView = v.object({ ...vDispatchView.fields, jobId: v.string() });
export type AgentDispatchView = Infer<typeof vAgentDispatchView>;

export const vDispatchReport = v.object({
  scanned: v.number(),
  enqueued: v.number(),
  skipped: v.number(),
  failed: v.number(),
});
export type DispatchReport = Infer<typeof vDispatchReport>;

export const vTriggered = v.object({ enqueuedMessageId: v.string(), runKey: v.string() });

// ── Broadcasts ──────────────────────────────────────────────────────────────

export const vBroadcastStatus = literals("running", "done", "failed", "cancelled");
export type BroadcastStatus = Infer<typeof vBroadcastStatus>;

export const vBroadcastView = v.object({
  broadcastId: v.string(),
  companyId: v.string(),
  title: v.string(),
  text: v.string(),
  requestedBy: v.string(),
  requestedAt: v.number(),
  status: vBroadcastStatus,
  totalTargets: v.number(),
  enqueued: v.number(),
  failed: v.number(),
  completedAt: v.union(v.null(), v.number()),
});
export type BroadcastView = Infer<typeof vBroadcastView>;

export const vBroadcastReceipt = v.object({
  agentKey: v.string(),
  status: vDispatchStatus,
  enqueuedMessageId: v.union(v.null(), v.string()),
  error: v.union(v.null(), v.string()),
  createdAt: v.number(),
});
export type BroadcastReceipt = Infer<typeof vBroadcastReceipt>;

/** Where a walk over a company's agents stands: first its own, then those of no company. */
export const vAudienceCursor = v.object({
  group: literals("company", "shared"),
  afterAgentKey: v.string(),
});
export type AudienceCursor = Infer<typeof vAudienceCursor>;

// ── Limits ──────────────────────────────────────────────────────────────────

/** Agents of one broadcast per transaction, and jobs dispatched: about 15 index ranges each, of 4,096. */
export const FAN_OUT_BATCH_SIZE = 100;
export const DEFAULT_DISPATCH_LIMIT = 200;
export const MAX_DISPATCH_LIMIT = 1_000;
export const DEFAULT_DISPATCHES_LISTED = 50;
export const MAX_DISPATCHES_LISTED = 200;
/** Templates of a company and jobs of a user that one listing returns; the newest ones. */
export const MAX_PUSH_ROWS_LISTED = 500;
/** Jobs of one user and agent that are counted when a counter row begins to exist. */
export const COUNT_FROM_ROWS_LIMIT = 500;
export const MAX_SUGGESTED_TIMES = 100;
export const MAX_PUSH_TEXT_BYTES = 64 * 1024;
/** The wake-up is never armed further ahead; a longer wait is re-armed, which costs one small mutation a day. */
export const MAX_WAKE_AHEAD_MS = DAY_MS;
/** Runs and receipts are kept this long. */
export const DISPATCH_RETENTION_MS = 90 * DAY_MS;

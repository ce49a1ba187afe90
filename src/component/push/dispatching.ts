/** One run of one job: to whom, under which key, with which record. */
import { refuse } from "../../shared/errors.js";
import { redact } from "../../shared/redact.js";
import type { ProviderConfig } from "../config.js";
import { userAgentTarget, type UserAgentTarget } from "../identity/ops.js";
import type { Id, MutationCtx } from "../kit/functions.js";
import { enqueueMessage } from "../queue/ops.js";
import { telegramMetadata } from "../userAgents/ops.js";
import { countDispatch } from "./counting.js";
import { findActiveAgent } from "./jobs.js";
import { nextRunAfter } from "./schedule.js";
import { findDispatch, patchJob, type Dispatch, type PushJob } from "./store.js";
import type { DispatchStatus } from "./validators.js";

const NO_AGENT = "No active agent binding for user";
const OTHER_AGENT = "Agent key must match the current active binding for the user";
const CHAT_BLOCKED = "Telegram refuses messages to the user's chat";
const UNKNOWN_ERROR = "Unknown enqueue error";
const MAX_DISPATCH_ERROR_LENGTH = 500;

type Target = { agentKey: string; to: UserAgentTarget };

/** The user's active agent, as it is now: somebody whose binding was revoked is not pushed to. */
async function findTarget(ctx: MutationCtx, job: PushJob): Promise<Target | string> {
  const { consumerUserId } = job;
  const active = await findActiveAgent(ctx, consumerUserId);
  if (active === null) return NO_AGENT;
  if (job.pinned === true && job.agentKey !== active.agentKey) return OTHER_AGENT;
  const to = await userAgentTarget(ctx, { consumerUserId, agentKey: active.agentKey });
  return to.active ? { agentKey: active.agentKey, to } : NO_AGENT;
}

// ── Scheduled runs ──────────────────────────────────────────────────────────

/**
 * Runs the due slot of a job, once: a slot that has a record already is skipped. The next run is the first slot after
 * `now`; slots missed in between are not made up for. Null when nothing is due.
 */
export async function dispatchSlot(
  ctx: MutationCtx,
  jobId: Id<"messagePushJobs">,
  now: number,
  providerConfig?: ProviderConfig,
): Promise<DispatchStatus | null> {
  const job = await ctx.db.get("messagePushJobs", jobId);
  if (job?.enabled !== true || job.nextRunAt === undefined || job.nextRunAt > now) return null;
  const slot = job.nextRunAt;
  const runKey = `scheduled:${jobId}:${slot}`;
  const nextRunAt = nextRunAfter(job.schedule, job.timezone, Math.max(now, slot));
  if ((await findDispatch(ctx, jobId, runKey)) !== null) {
    await patchJob(ctx, job, { nextRunAt });
    return "skipped";
  }
  const run = { runKey, scheduledFor: slot };
  const target = await findTarget(ctx, job);
  if (typeof target === "string" || target.to.chatBlocked) {
    const status = typeof target === "string" ? "failed" : "skipped";
    const error = typeof target === "string" ? target : CHAT_BLOCKED;
    const { agentKey } = typeof target === "string" ? job : target;
    await record(ctx, job, { ...run, status, error, ...(agentKey && { agentKey }) }, now);
    await patchJob(ctx, job, { nextRunAt });
    return status;
  }
  const enqueuedMessageId = await push(ctx, job, target, runKey, "scheduled", providerConfig, now);
  const { agentKey } = target;
  await record(ctx, job, { ...run, status: "enqueued", enqueuedMessageId, agentKey }, now);
  await patchJob(ctx, job, { nextRunAt, lastRunAt: now, lastRunKey: runKey, agentKey });
  return "enqueued";
}

/** A run that threw, and was rolled back: recorded, and the job moves on. One without a next slot stops. */
export async function failSlot(
  ctx: MutationCtx,
  jobId: Id<"messagePushJobs">,
  error: string,
  now: number,
): Promise<void> {
  const job = await ctx.db.get("messagePushJobs", jobId);
  if (job?.enabled !== true || job.nextRunAt === undefined || job.nextRunAt > now) return;
  const runKey = `scheduled:${jobId}:${job.nextRunAt}`;
  const { agentKey } = job;
  if ((await findDispatch(ctx, jobId, runKey)) === null)
    await record(
      ctx,
      job,
      {
        runKey,
        scheduledFor: job.nextRunAt,
        status: "failed",
        error,
        ...(agentKey && { agentKey }),
      },
      now,
    );
  let nextRunAt: number | undefined;
  try {
    nextRunAt = nextRunAfter(job.schedule, job.timezone, now);
  } catch {
    // Its zone or time makes no sense to this runtime (any more): it waits for an edit.
  }
  await patchJob(ctx, job, { nextRunAt });
}

// ── Runs by hand ────────────────────────────────────────────────────────────

/**
 * Pushes now; the next slot is not touched. The same `key` (default: the time) is the same run.
 * @throws BINDING_MISSING
 */
export async function triggerJob(
  ctx: MutationCtx,
  job: PushJob,
  options: { key?: string | undefined; providerConfig?: ProviderConfig | undefined },
  now: number,
): Promise<{ enqueuedMessageId: Id<"messageQueue">; runKey: string }> {
  const runKey = `manual:${job._id}:${options.key ?? now}`;
  const known = await findDispatch(ctx, job._id, runKey);
  if (known?.enqueuedMessageId !== undefined)
    return { enqueuedMessageId: known.enqueuedMessageId, runKey };
  const target = await findTarget(ctx, job);
  if (typeof target === "string")
    refuse("BINDING_MISSING", target, { consumerUserId: job.consumerUserId });
  const { agentKey } = target;
  const enqueuedMessageId = await push(
    ctx,
    job,
    target,
    runKey,
    "manual",
    options.providerConfig,
    now,
  );
  const run = { runKey, scheduledFor: now, enqueuedMessageId, agentKey };
  await record(ctx, job, { ...run, status: "enqueued" }, now);
  await patchJob(ctx, job, { lastRunAt: now, lastRunKey: runKey, agentKey });
  return { enqueuedMessageId, runKey };
}

// ── Both ────────────────────────────────────────────────────────────────────

async function push(
  ctx: MutationCtx,
  job: PushJob,
  { agentKey, to }: Target,
  runKey: string,
  pushMode: "manual" | "scheduled",
  providerConfig: ProviderConfig | undefined,
  now: number,
): Promise<Id<"messageQueue">> {
  return await enqueueMessage(
    ctx,
    {
      conversationId: to.conversationId,
      agentKey,
      payload: {
        provider: to.provider,
        providerUserId: to.providerUserId,
        messageText: job.text,
        metadata: {
          pushJobId: job._id,
          runKey,
          pushMode,
          conversationTargetSource: to.telegramChatId === null ? "legacy_user" : "telegram_chat",
          ...telegramMetadata(to),
        },
      },
      providerConfig,
    },
    now,
  );
}

async function record(
  ctx: MutationCtx,
  job: PushJob,
  run: Pick<Dispatch, "runKey" | "scheduledFor" | "status"> &
    Partial<Pick<Dispatch, "enqueuedMessageId" | "agentKey" | "error">>,
  now: number,
): Promise<void> {
  const { consumerUserId } = job;
  const { agentKey, error, ...rest } = run;
  if (agentKey !== undefined) await countDispatch(ctx, { consumerUserId, agentKey }, now);
  await ctx.db.insert("messagePushDispatches", {
    jobId: job._id,
    consumerUserId,
    ...rest,
    ...(agentKey === undefined ? {} : { agentKey }),
    ...(error === undefined
      ? {}
      : { error: redact(error.trim() || UNKNOWN_ERROR, MAX_DISPATCH_ERROR_LENGTH) }),
    createdAt: now,
  });
}

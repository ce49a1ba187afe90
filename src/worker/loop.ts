/** Poll, work, rest; until something ends it. */
import type { Clock } from "./clock.js";
import { describe, EXIT, RestoreFailed, TokenRefused, type ExitCode } from "./errors.js";
import type { Gateway } from "./gateway.js";
import { processJob, type JobDeps } from "./job.js";
import type { Log } from "./log.js";
import type { Job, Poll, SnapshotReason } from "./protocol.js";
import { backoffMs } from "./retry.js";
import type { SnapshotKeeper } from "./snapshot/keeper.js";

const POLL_BACKOFF_BASE_MS = 1_000;
const POLL_BACKOFF_MAX_MS = 30_000;
/** After a message that did not go well: nothing that fails at once is asked for in a tight loop. */
const AFTER_TROUBLE_MS = 1_000;

/** How the worker ends; `snapshot` is the reason of its last one, null for none. */
export type End = { code: ExitCode; reason: string; snapshot: SnapshotReason | null };

export type LoopDeps = {
  gateway: Gateway;
  job: JobDeps;
  keeper: SnapshotKeeper;
  clock: Clock;
  random: () => number;
  log: Log;
  /** Aborts at SIGTERM: no further claim. */
  stop: AbortSignal;
  /** Aborts later: the running message is given up. */
  interrupt: AbortSignal;
  /** Without a successful poll for this long the worker ends itself, so no machine outlives its backend. */
  giveUpAfterMs: number;
};

/** Runs until told to stop, by a signal or the gateway, or until it makes no sense to go on. */
export async function runLoop(deps: LoopDeps): Promise<End> {
  const { gateway, clock, keeper, stop } = deps;
  let lastPollAt = clock.now();
  let failures = 0;
  while (!stop.aborted) {
    const askedAt = clock.now();
    let poll: Poll;
    try {
      // Never aborted: a claim whose answer is thrown away would keep the message until its lease ends.
      poll = await gateway.poll();
    } catch (error) {
      if (error instanceof TokenRefused) throw error;
      deps.log.warn("poll_failed", { error: describe(error), failures });
      if (clock.now() - lastPollAt > deps.giveUpAfterMs) {
        return { code: EXIT.failed, reason: "gateway_unreachable", snapshot: "manual" };
      }
      const wait = backoffMs(failures++, deps.random, POLL_BACKOFF_BASE_MS, POLL_BACKOFF_MAX_MS);
      await clock.sleep(wait, stop);
      continue;
    }
    lastPollAt = clock.now();
    failures = 0;
    if (poll.kind === "stop") return { code: EXIT.done, reason: poll.reason, snapshot: "drain" };
    if (poll.kind === "idle") await rest(deps, poll.retryAfterMs);
    else {
      const end = await work(deps, poll.job, askedAt);
      if (end !== null) return end;
      // A worker that is never quiet saves its memory between messages.
      if (keeper.dueAt() <= clock.now()) await keeper.saveIfChanged(stop);
      lastPollAt = clock.now();
    }
  }
  return { code: EXIT.done, reason: "signal", snapshot: "signal" };
}

async function work(deps: LoopDeps, job: Job, claimedAt: number): Promise<End | null> {
  const { gateway, keeper, log, stop } = deps;
  const ids = { messageId: job.messageId, conversationId: job.conversationId };
  log.info("claimed", { ...ids, leaseId: job.leaseId });
  const mine = keeper.identity();
  const foreign =
    mine !== null && (mine.conversationId !== job.conversationId || mine.agentKey !== job.agentKey);
  if (stop.aborted || foreign) {
    const reason = foreign ? "other_conversation" : "worker_stopping";
    log.info("handed_back", { ...ids, reason });
    await gateway.handBack(job, reason, { budgetMs: 15_000 }).catch((error: unknown) => {
      if (error instanceof TokenRefused) throw error;
      log.warn("report_failed", { ...ids, error: describe(error) });
    });
    // One data directory is the memory of one agent in one conversation: another one needs another machine.
    return foreign ? { code: EXIT.failed, reason, snapshot: "manual" } : null;
  }
  const result = await processJob(deps.job, job, claimedAt, deps.interrupt);
  keeper.noteActivity();
  if (result.fatal instanceof RestoreFailed) {
    return { code: EXIT.restoreFailed, reason: result.fatal.message, snapshot: null };
  }
  if (result.fatal !== null) {
    const snapshot = stop.aborted ? "signal" : "manual";
    return { code: EXIT.failed, reason: result.fatal.message, snapshot };
  }
  if (result.kind !== "completed") await deps.clock.sleep(AFTER_TROUBLE_MS, stop);
  return null;
}

/** Sleeps until the next poll, and uses the quiet to save the memory. */
async function rest(deps: LoopDeps, ms: number): Promise<void> {
  const { clock, keeper, stop } = deps;
  const until = clock.now() + ms;
  while (!stop.aborted) {
    const now = clock.now();
    const due = keeper.dueAt();
    if (due <= now) await keeper.saveIfChanged(stop);
    else if (now >= until) return;
    else await clock.sleep(Math.min(until, due) - now, stop);
  }
}

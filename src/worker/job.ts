/** One message from claim to completion. */
import type { Clock } from "./clock.js";
import type { Channel } from "./delivery/channel.js";
import { deliverAnswer } from "./delivery/deliver.js";
import { describeMedia, mediaPart, plainText } from "./delivery/media.js";
import { truncateBytes } from "./delivery/split.js";
import type { Answered, Engine } from "./engine/engine.js";
import {
  describe,
  EngineBroken,
  FunctionRefused,
  GatewayUnreachable,
  Interrupted,
  isNotOurs,
  JobFailure,
  LeaseLost,
  RestoreFailed,
  TokenRefused,
  type FailureOptions,
} from "./errors.js";
import type { Gateway } from "./gateway.js";
import { holdLease, type HeldLease } from "./lease.js";
import type { Log } from "./log.js";
import type { Answer, Bundle, Job } from "./protocol.js";
import type { Patience } from "./retry.js";
import { think } from "./think.js";

/** In-job calls are repeated this long: a run of an agent is worth more than some patience. */
export const JOB_CALL_BUDGET_MS = 5 * 60_000;
/** Reports about a message that was not answered: the lease's expiry says the same, only later. */
const REPORT_BUDGET_MS = 15_000;

/** The gateway takes 512 KiB for the text and its parts together. */
const MAX_ANSWER_TEXT_BYTES = 250 * 1024;

/** For an engine to end a run that took too long before it is ended from outside. */
const RUN_MARGIN_MS = 15_000;

/** Refusals that the same message would meet again. */
const HOPELESS = new Set(["INVALID_ARGUMENT", "PAYLOAD_TOO_LARGE"]);

export type JobDeps = {
  gateway: Gateway;
  engine: Engine;
  clock: Clock;
  random: () => number;
  log: Log;
  /** Takes secrets out of what is reported. */
  clean: (text: string) => string;
  heartbeatIntervalMs: number;
  leaseMs: number;
  runTimeoutMs: number;
  channelFor: (bundle: Bundle) => Channel;
  /** Restores the memory and starts the engine, on a worker's first message. */
  prepare: (job: Job) => Promise<void>;
};

export type JobResult = {
  kind: "completed" | "failed" | "lease_lost" | "handed_back";
  /** The worker cannot go on: it snapshots and exits. */
  fatal: Error | null;
};

/** Answers one message. Throws only `TokenRefused`: everything else is reported and becomes the result. */
export async function processJob(
  deps: JobDeps,
  job: Job,
  claimedAt: number,
  interrupt: AbortSignal,
): Promise<JobResult> {
  const { gateway, log } = deps;
  const lease = holdLease(gateway, job, { ...deps, claimedAt }, deps.clock, log);
  const state: { fatal: Error | null } = { fatal: null };
  const ids = { messageId: job.messageId, conversationId: job.conversationId };
  try {
    await answerMessage(deps, job, lease.signal, interrupt, state);
    return { kind: "completed", fatal: state.fatal };
  } catch (error) {
    const verdict = judgeError(error, lease, interrupt);
    if (verdict.kind === "token_refused") throw verdict.error;
    if (error instanceof RestoreFailed || error instanceof EngineBroken) state.fatal = error;
    if (verdict.kind === "lease_lost") log.warn("lease_lost", { ...ids, reason: verdict.reason });
    if (verdict.kind === "handed_back") {
      log.info("handed_back", ids);
      await report(deps, ids, () =>
        gateway.handBack(job, "worker_stopping", { budgetMs: REPORT_BUDGET_MS }),
      );
    }
    if (verdict.kind === "failed") {
      const errorMessage = deps.clean(verdict.message);
      log.warn("failed", { ...ids, error: errorMessage, retryable: verdict.retryable });
      const { retryable, retryAfterMs } = verdict;
      await report(deps, ids, () =>
        gateway.fail(
          job,
          { errorMessage, retryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
          { budgetMs: REPORT_BUDGET_MS },
        ),
      );
    }
    return { kind: verdict.kind, fatal: state.fatal };
  } finally {
    lease.release();
  }
}

async function answerMessage(
  deps: JobDeps,
  job: Job,
  lease: AbortSignal,
  interrupt: AbortSignal,
  state: { fatal: Error | null },
): Promise<void> {
  const { gateway, engine, clock, log } = deps;
  const ids = { messageId: job.messageId, conversationId: job.conversationId };
  const patience: Patience = {
    budgetMs: JOB_CALL_BUDGET_MS,
    signal: AbortSignal.any([lease, interrupt]),
  };
  await deps.prepare(job);
  const bundle = await gateway.hydrate(job.messageId, patience);
  if (bundle === null) throw new JobFailure("The message has no bundle.", { retryable: true });
  log.info("hydrated", { ...ids, history: bundle.conversationState.contextHistory.length });
  const channel = deps.channelFor(bundle);

  let answer: Answer | null | undefined = bundle.answer;
  if (!answer) {
    const stopWorking = channel.working();
    let made: Answered;
    try {
      made = await think({
        engine,
        turn: { ...turnOf(bundle), timeoutMs: engineTimeoutMs(deps) },
        lease,
        interrupt,
        timeoutMs: deps.runTimeoutMs,
        clock,
        onHung: () =>
          (state.fatal = new EngineBroken("The engine did not stop when it was aborted.")),
      });
    } finally {
      stopWorking();
    }
    const { text, parts } = compose(made, channel);
    log.info("answer_ready", { ...ids, characters: text.length });
    const stored = await gateway.storeAnswer(job, text, parts, patience);
    if (!stored.stored) throw new LeaseLost("The gateway did not take the answer.");
    answer = stored.answer;
    log.info("answer_stored", { ...ids, parts: answer.parts.length });
  }
  const { random } = deps;
  const delivery = { gateway, channel, job, clock, random, lease, interrupt, patience };
  const delivered = await deliverAnswer(delivery, answer);
  log.info("delivered", { ...ids, channel: channel.name, ...delivered });
  if (!(await gateway.complete(job, patience))) throw new LeaseLost("The completion was refused.");
  log.info("completed", ids);
}

/** What is stored: the text of the history, and the parts that the channel sends, files behind the text. */
function compose(made: Answered, channel: Channel): { text: string; parts: string[] } {
  const media = (made.mediaUrls ?? []).slice(0, channel.maxMedia);
  const said = truncateBytes(plainText(made.text), MAX_ANSWER_TEXT_BYTES);
  const files = media.map(mediaPart);
  if (said.trim() === "") {
    const text = describeMedia(media, (made.mediaUrls ?? []).slice(media.length));
    return { text, parts: files.length === 0 ? channel.split(text) : files };
  }
  return { text: said, parts: [...channel.split(said), ...files] };
}

/** Below the lease: a worker that dies leaves no run behind that outlives its lease. */
function engineTimeoutMs({ runTimeoutMs, leaseMs }: JobDeps): number {
  const limit = Math.min(runTimeoutMs, leaseMs);
  return limit - Math.min(RUN_MARGIN_MS, limit / 4);
}

function turnOf(bundle: Bundle) {
  return {
    messageId: bundle.messageId,
    conversationId: bundle.conversationId,
    agentKey: bundle.agentKey,
    userText: bundle.userText ?? bundle.payload.messageText,
    systemPrompt: bundle.systemPrompt ?? null,
    history: bundle.conversationState.contextHistory,
    attachments: bundle.payload.attachments ?? [],
  };
}

type Verdict =
  | { kind: "token_refused"; error: TokenRefused }
  | { kind: "lease_lost"; reason: string }
  | { kind: "handed_back" }
  | ({ kind: "failed"; message: string } & FailureOptions);

function judgeError(error: unknown, lease: HeldLease, interrupt: AbortSignal): Verdict {
  const message = describe(error);
  const lost = lease.lostBecause();
  if (error instanceof TokenRefused) return { kind: "token_refused", error };
  if (lost instanceof TokenRefused) return { kind: "token_refused", error: lost };
  if (lost !== null) return { kind: "lease_lost", reason: lost };
  if (error instanceof LeaseLost) return { kind: "lease_lost", reason: message };
  if (error instanceof Interrupted) return { kind: "handed_back" };
  if (error instanceof GatewayUnreachable && interrupt.aborted) return { kind: "handed_back" };
  if (error instanceof JobFailure) {
    const { retryable, retryAfterMs } = error;
    return {
      kind: "failed",
      message,
      retryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }
  if (error instanceof FunctionRefused) {
    if (isNotOurs(error)) return { kind: "lease_lost", reason: message };
    return { kind: "failed", message, retryable: !HOPELESS.has(error.code) };
  }
  return { kind: "failed", message, retryable: true };
}

/** A report that cannot be made is only logged: the lease ends by itself. */
async function report(
  deps: JobDeps,
  ids: { messageId: string; conversationId: string },
  call: () => Promise<unknown>,
): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (error instanceof TokenRefused) throw error;
    deps.log.warn("report_failed", { ...ids, error: describe(error) });
  }
}

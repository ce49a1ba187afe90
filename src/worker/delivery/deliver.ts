/** Delivers an answer part by part, recording each step so that any crash leaves a state that can be read. */
import type { Clock } from "../clock.js";
import { GatewayUnreachable, Interrupted, JobFailure, LeaseLost } from "../errors.js";
import type { Gateway } from "../gateway.js";
import type { Answer, AnswerPart, DeliveryRecord, Job } from "../protocol.js";
import { backoffMs, type Patience } from "../retry.js";
import type { Channel, SendOutcome } from "./channel.js";

/** Waits longer than this are the queue's business: the message is given back until then. */
export const MAX_WAIT_MS = 30_000;
export const MAX_TRIES = 5;

export type DeliverOptions = {
  gateway: Pick<Gateway, "recordDelivery">;
  channel: Channel;
  job: Job;
  clock: Clock;
  random: () => number;
  /** Aborts when the lease is lost. */
  lease: AbortSignal;
  /** Aborts when the worker has to stop. */
  interrupt: AbortSignal;
  patience: Patience;
};

/** Sends every part that is not yet settled. Returns how many were sent and how many stay unknown. */
export async function deliverAnswer(
  options: DeliverOptions,
  answer: Answer,
): Promise<{ sent: number; unknown: number }> {
  const result = { sent: 0, unknown: 0 };
  for (const [index, part] of answer.parts.entries()) {
    const settled = isSettled(part) ? part.state : await deliverPart(options, index, part);
    if (settled === "unknown") result.unknown++;
    else result.sent++;
  }
  return result;
}

async function deliverPart(
  options: DeliverOptions,
  index: number,
  part: AnswerPart,
): Promise<"sent" | "unknown"> {
  const { gateway, channel, job, clock, patience } = options;
  let known: AnswerPart["state"] = part.state;
  const number = numbering(part);
  let last: SendOutcome | null = null;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    checkSignals(options);
    const begun = await begin(options, index, known, number);
    if (!begun.proceed) {
      const now = begun.answer?.parts[index]?.state;
      if (now === "sent" || now === "unknown") return now;
      throw new LeaseLost("The gateway refused a delivery: the lease is lost.");
    }
    // No look at the signals here: the record says "sending", so it must be followed by the call.
    last = await channel.send(part.text);
    if (last.kind === "sent") {
      const id = last.externalMessageId;
      await gateway.recordDelivery(
        job,
        {
          ...{ part: index, state: "sent", sequence: number.next() },
          ...(id === undefined ? {} : { externalMessageId: id }),
        },
        patience,
      );
      return "sent";
    }
    if (last.kind === "unknown") {
      // The next `sending` finds this one: the gateway's policy decides between silence and a duplicate.
      known = "sending";
      continue;
    }
    const failed = { part: index, state: "failed", sequence: number.next() } as const;
    await gateway.recordDelivery(job, failed, patience);
    known = "pending";
    const wait = last.retryAfterMs ?? backoffMs(tries, options.random, 500);
    if (last.permanent || wait > MAX_WAIT_MS) break;
    await clock.sleep(wait, AbortSignal.any([options.lease, options.interrupt]));
  }
  throw failure(last);
}

/**
 * Records `sending`. When the answer to that is lost, the part may be recorded as `sending` although nothing
 * was sent, and a repetition would be taken for an interrupted send. Only we know better, so we take it back
 * (`failed`: certainly not sent) before recording it again. A part that was found in `sending` is not ours
 * to take back.
 */
async function begin(
  options: DeliverOptions,
  index: number,
  known: AnswerPart["state"],
  number: Numbering,
): Promise<DeliveryRecord> {
  const { gateway, job, clock, random, patience } = options;
  const until = clock.now() + patience.budgetMs;
  let sequence = number.next();
  for (let attempt = 0; ; attempt++) {
    try {
      return await gateway.recordDelivery(job, { part: index, state: "sending", sequence });
    } catch (error) {
      if (!(error instanceof GatewayUnreachable) || clock.now() > until) throw error;
      await clock.sleep(error.retryAfterMs ?? backoffMs(attempt, random), patience.signal);
    }
    // Before the signals: a worker that has to stop should not leave a part behind as interrupted.
    if (known === "pending") {
      const failed = { part: index, state: "failed", sequence: number.next() } as const;
      const undone = await gateway.recordDelivery(job, failed, patience);
      sequence = number.next();
      const now = undone.answer?.parts[index];
      if (now !== undefined && isSettled(now)) return { ...undone, proceed: false };
    }
    checkSignals(options);
  }
}

type Numbering = { next: () => number };

/** Numbers of the reports about one part, after those of whoever delivered it before. */
function numbering(part: AnswerPart): Numbering {
  let last = part.sequence ?? 0;
  return { next: () => ++last };
}

function isSettled(part: AnswerPart): part is AnswerPart & { state: "sent" | "unknown" } {
  return part.state === "sent" || part.state === "unknown";
}

function checkSignals({ lease, interrupt }: DeliverOptions): void {
  if (lease.aborted) throw new LeaseLost("The lease was lost during the delivery.");
  if (interrupt.aborted) throw new Interrupted("Stopped during the delivery.");
}

function failure(last: SendOutcome | null): JobFailure {
  if (last === null || last.kind === "sent")
    throw new Error("A delivery ended without an outcome.");
  if (last.kind === "unknown") return new JobFailure(last.reason, { retryable: true });
  const { reason, permanent, retryAfterMs } = last;
  return new JobFailure(reason, {
    retryable: !permanent,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

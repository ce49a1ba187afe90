import { aborted, deadline, within, TIMED_OUT, type Clock } from "./clock.js";
import { describe, Interrupted, JobFailure, LeaseLost } from "./errors.js";
import type { Answered, Engine, Turn } from "./engine/engine.js";

/** How long an engine may take to notice that it was aborted before it counts as hung. */
export const ABORT_GRACE_MS = 10_000;

export type ThinkOptions = {
  engine: Engine;
  turn: Omit<Turn, "signal">;
  lease: AbortSignal;
  interrupt: AbortSignal;
  timeoutMs: number;
  clock: Clock;
  /** Called when the engine did not settle after an abort: it must not get another turn. */
  onHung: () => void;
};

/** One engine run, bounded in time. An answer that is ready counts even if the worker was just told to stop. */
export async function think(options: ThinkOptions): Promise<Answered> {
  const { engine, turn, lease, interrupt, timeoutMs, clock } = options;
  const limit = deadline(timeoutMs, clock, lease, interrupt);
  try {
    const run = settle(() => engine.run({ ...turn, signal: limit.signal }));
    let outcome = await Promise.race([run, aborted(limit.signal).then((): null => null)]);
    if (outcome === null) {
      const late = await within(run, ABORT_GRACE_MS, clock);
      if (late === TIMED_OUT) options.onHung();
      else outcome = late;
    }
    if (lease.aborted) throw new LeaseLost("The lease was lost while the engine was at work.");
    if (outcome?.ok) return checked(outcome.answer);
    if (interrupt.aborted) throw new Interrupted("Stopped while the engine was at work.");
    if (limit.expired()) {
      const seconds = Math.round(timeoutMs / 1000);
      throw new JobFailure(`The engine gave no answer within ${seconds} s.`, { retryable: true });
    }
    throw outcome?.error instanceof JobFailure
      ? outcome.error
      : new JobFailure(`The engine failed: ${describe(outcome?.error)}`, { retryable: true });
  } finally {
    limit.cancel();
  }
}

type Outcome = { ok: true; answer: Answered } | { ok: false; error: unknown };

async function settle(run: () => Promise<Answered>): Promise<Outcome> {
  try {
    return { ok: true, answer: await run() };
  } catch (error) {
    return { ok: false, error };
  }
}

function checked(answer: Answered): Answered {
  if (answer.text.trim() === "" && (answer.mediaUrls ?? []).length === 0)
    throw new JobFailure("The engine's answer was empty.", { retryable: true });
  return answer;
}

/** What can go wrong, by what the worker does about it. */

export const EXIT = {
  done: 0,
  /** Failed, worth a new machine. */
  failed: 1,
  misconfigured: 2,
  restoreFailed: 3,
  tokenRefused: 4,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** No answer, or an answer that says "later": network errors, 5xx, 429. Worth another try. */
export class GatewayUnreachable extends Error {
  override readonly name = "GatewayUnreachable";
  readonly retryAfterMs: number | undefined;
  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The function answered "no". Trying the same call again gives the same answer. */
export class FunctionRefused extends Error {
  override readonly name = "FunctionRefused";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** True for refusals that mean: this message is not ours (any more). */
export function isNotOurs(error: FunctionRefused): boolean {
  return ["LEASE_LOST", "FORBIDDEN", "MESSAGE_NOT_FOUND"].includes(error.code);
}

/** The worker's token is unknown: it was stopped. It exits and changes nothing. */
export class TokenRefused extends Error {
  override readonly name = "TokenRefused";
}

/** The memory of the conversation exists but could not be brought here: never start empty over it. */
export class RestoreFailed extends Error {
  override readonly name = "RestoreFailed";
}

/** Another delivery owns the message now: send nothing, complete nothing. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

/** The worker is asked to stop before the message was done. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

export type FailureOptions = { retryable: boolean; retryAfterMs?: number };

/** The message could not be answered or delivered; says whether another try makes sense, and when. */
export class JobFailure extends Error {
  override readonly name: string = "JobFailure";
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options: FailureOptions) {
    super(message);
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The engine is of no use on this machine: the message is given back and the worker exits. */
export class EngineBroken extends JobFailure {
  override readonly name = "EngineBroken";
  constructor(message: string) {
    super(message, { retryable: true });
  }
}

/** A text for logs and reports from anything that was thrown. */
export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

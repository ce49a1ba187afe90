/** What the end of a run means, and what to do about a failure. */
import { z } from "zod";
import { redact } from "../../../shared/redact.js";
import { MINUTE_MS, SECOND_MS } from "../../../shared/time.js";
import { EngineError } from "../engine.js";
import type { Text } from "./history.js";

const payload = z.object({
  text: z.string().nullish(),
  mediaUrl: z.string().nullish(),
  mediaUrls: z.array(z.string()).nullish(),
  isError: z.boolean().nullish(),
});
const runSchema = z.object({
  status: z.string(),
  summary: z.string().nullish().catch(null),
  error: z.unknown().optional(),
  result: z.object({ payloads: z.array(payload).nullish() }).nullish(),
});

export type RunEnd =
  | ({ kind: "answered" } & Text)
  /** The same key is running already. */
  | { kind: "in_flight" }
  | { kind: "failed"; reason: string };

/** Only `status: "ok"` with something that is no error counts as an answer: errors carry readable text too. */
export function judgeRun(value: unknown): RunEnd {
  const parsed = runSchema.safeParse(value);
  if (!parsed.success) return { kind: "failed", reason: "an answer that could not be read" };
  const { status, summary, error, result } = parsed.data;
  if (status === "in_flight") return { kind: "in_flight" };
  const payloads = result?.payloads ?? [];
  const said = payloads.filter(({ isError }) => isError !== true);
  const texts = said.map(({ text }) => text?.trim() ?? "").filter((text) => text !== "");
  const mediaUrls = said.flatMap((one) => one.mediaUrls ?? (one.mediaUrl ? [one.mediaUrl] : []));
  if (status === "ok" && texts.length + mediaUrls.length > 0) {
    return { kind: "answered", text: texts.join("\n\n"), mediaUrls: [...new Set(mediaUrls)] };
  }
  const told = payloads.find(({ isError }) => isError === true)?.text ?? undefined;
  const reason = told ?? (typeof error === "string" ? error : (summary ?? "no answer"));
  return { kind: "failed", reason: `${status}: ${reason}` };
}

/** A provider's refusal as the relay saw it. */
export type ProviderFailure = {
  status: number;
  retryAfterMs: number | undefined;
  /** Refusals since the run began or the provider last answered, this one included. */
  inARow: number;
};

/** OpenClaw sets a key aside for a minute after it was refused: earlier tries fail without a call. */
const REFUSED_KEY_WAIT_MS = 65 * SECOND_MS;
const NO_CREDIT_WAIT_MS = 5 * MINUTE_MS;
const RATE_LIMIT_WAIT_MS = 30 * SECOND_MS;
const TROUBLE_WAIT_MS = 10 * SECOND_MS;
/** OpenClaw waits out shorter limits within the run. */
const LONG_LIMIT_MS = 20 * SECOND_MS;
/** OpenClaw tries a 5xx this often within a turn, in about 80 s; then it begins the turn anew, without an end. */
const TRIES_OF_A_TURN = 8;

/** Refusals that a run cannot get over: it is ended at once. */
export function endsTheRun({ status, retryAfterMs = 0, inARow }: ProviderFailure): boolean {
  if ([401, 402, 403].includes(status)) return true;
  if (status === 429 && retryAfterMs > LONG_LIMIT_MS) return true;
  return status >= 500 && inARow >= TRIES_OF_A_TURN;
}

/** Whether another try makes sense, and when. The provider's status decides where there is one. */
export function failureOf(reason: string, provider: ProviderFailure | null): EngineError {
  const status = provider?.status ?? statusIn(reason);
  const text = `OpenClaw gave no answer: ${redact(reason, 500)}${
    provider === null ? "" : ` (the model's provider answered ${provider.status})`
  }`;
  const later = (ms: number) =>
    new EngineError(text, {
      retryable: true,
      retryAfterMs: Math.max(provider?.retryAfterMs ?? 0, ms),
    });
  if (isOverflow(reason)) return new EngineError(text, { retryable: false });
  if (status === 401 || status === 403) return later(REFUSED_KEY_WAIT_MS);
  if (status === 402) return later(NO_CREDIT_WAIT_MS);
  if (status === 429)
    return provider?.retryAfterMs === undefined ? later(RATE_LIMIT_WAIT_MS) : later(SECOND_MS);
  if (status !== null && [400, 404, 405, 413, 422].includes(status))
    return new EngineError(text, { retryable: false });
  if (status !== null && status >= 500) return later(TROUBLE_WAIT_MS);
  return new EngineError(text, { retryable: true });
}

function isOverflow(reason: string): boolean {
  return /context (length|window|overflow)|prompt (is )?too (long|large)/i.test(reason);
}

/** OpenClaw says so for a minute after a provider refused the key, whoever asks and without a call. */
export function isKeySetAside(reason: string): boolean {
  return /temporarily disabled after a provider auth/i.test(reason);
}

/** A run that was refused before it began, also on an earlier machine: its key is never taken again. */
export function isSpentRun(reason: string): boolean {
  return /submit a new turn to continue/i.test(reason);
}

/** For providers that are not called through the relay. */
function statusIn(reason: string): number | null {
  if (isKeySetAside(reason)) return 401;
  if (/rate.?limit|too many requests|\b429\b/i.test(reason)) return 429;
  if (/billing|insufficient (credit|quota)|\b402\b/i.test(reason)) return 402;
  if (/unauthori[sz]ed|invalid api key|authentication|\b401\b/i.test(reason)) return 401;
  return null;
}

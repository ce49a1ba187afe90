/**
 * What a failed answer of the Machines API means. Fly publishes no contract for its error texts, so the
 * `status` field outranks the HTTP code, and the code outranks the text: a text only refines, and it never
 * decides alone between "gone" and "there".
 */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../../shared/time.js";
import type { ProviderErrorKind } from "../validators.js";

/** What the URL of the call names last: `app` for lists and creates. */
export type FlySubject = "app" | "machine" | "volume";

export type FlyFailedAnswer = {
  method: "GET" | "POST" | "DELETE";
  subject: FlySubject;
  status: number;
  body: string;
  /** The `Retry-After` header; Fly does not document it. */
  retryAfter: string | null;
};

export type FlyFailure = {
  kind: ProviderErrorKind;
  /** True when the call may have taken effect all the same. */
  ambiguous: boolean;
  /** Fly's own words, unredacted; may be empty. */
  text: string;
  scope?: "host" | "region";
  machineId?: string;
  retryAfterMs?: number;
};

/** Longest wait that we believe a header about, and a lease. */
const RETRY_AFTER_CAP_MS = HOUR_MS;
const LEASE_CAP_MS = 2 * MINUTE_MS;

type Meaning = { kind: ProviderErrorKind; scope?: "host" | "region" };
type Refinement = Meaning & { code: number; text: RegExp };

/** Values of `status` that say it all. Other values mean "read the code, but it is not about capacity". */
const BY_STATUS = new Map<string, Meaning>([
  ["insufficient_capacity", { kind: "capacity", scope: "region" }],
  ["volume_placement_capacity", { kind: "capacity", scope: "host" }],
  ["name_taken", { kind: "nameConflict" }],
]);

/** Per HTTP code, what the text may refine; first match wins. */
const BY_TEXT: readonly Refinement[] = [
  { code: 400, text: /MANIFEST_UNKNOWN|failed to get manifest/i, kind: "imageMissing" },
  { code: 400, text: /\bno capacity\W*$/i, kind: "capacity", scope: "region" },
  { code: 400, text: /\bvolume\b.*\b(?:not found|does not exist)/is, kind: "notFound" },
  { code: 412, text: /\bvolume\b.*\b(?:not found|does not exist)/is, kind: "notFound" },
  { code: 403, text: /\bquota\b.*\bother regions\b/is, kind: "quota", scope: "region" },
  { code: 403, text: /\bquota\b/i, kind: "quota" },
  { code: 409, text: /unique machine name violation/i, kind: "nameConflict" },
  { code: 409, text: /^already_exists:.*\bmachine\b/is, kind: "nameConflict" },
  { code: 409, text: /lease currently held/i, kind: "leaseHeld" },
  { code: 409, text: /could not reserve resource for machine/i, kind: "capacity", scope: "host" },
  {
    code: 409,
    text: /insufficient resources available to fulfill request/i,
    kind: "capacity",
    scope: "host",
  },
  { code: 409, text: /\bno capacity\W*$/i, kind: "capacity", scope: "region" },
  { code: 409, text: /governor policy|temporarily disabled/i, kind: "transient" },
  { code: 412, text: /volume is currently bound|volume already claimed/i, kind: "volumeBound" },
  {
    code: 412,
    text: /insufficient resources .*existing volume/is,
    kind: "capacity",
    scope: "host",
  },
  { code: 422, text: /could not find a candidate host/i, kind: "capacity", scope: "region" },
  { code: 422, text: /machine limit|payment method|contact billing/i, kind: "quota" },
  { code: 422, text: /name has already been taken/i, kind: "nameConflict" },
];

const BY_CODE: Record<number, ProviderErrorKind> = {
  401: "auth",
  403: "forbidden",
  408: "transient",
  409: "precondition",
  412: "precondition",
  429: "rateLimited",
};

/** Reads a non-2xx answer. `now` is epoch ms (for dates in the answer). Never throws. */
export function classifyFlyAnswer(answer: FlyFailedAnswer, now: number): FlyFailure {
  const parsed = parseErrorBody(answer.body);
  const meaning = meaningOf(answer, parsed);
  const unsure = answer.status === 408 || answer.status >= 500;
  const failure: FlyFailure = {
    ...meaning,
    ambiguous: meaning.kind === "transient" && unsure && answer.method !== "GET",
    text: parsed.text,
  };
  if (meaning.kind === "nameConflict") {
    const id = /machine ID ([0-9a-z]{8,32})\b/i.exec(parsed.text)?.[1];
    if (id !== undefined) failure.machineId = id;
  }
  const wait =
    meaning.kind === "leaseHeld" ? leaseWait(parsed.text, now) : headerWait(answer, meaning, now);
  if (wait !== undefined) failure.retryAfterMs = wait;
  return failure;
}

function meaningOf(answer: FlyFailedAnswer, parsed: ParsedBody): Meaning {
  const byStatus = parsed.status === null ? undefined : BY_STATUS.get(parsed.status);
  if (byStatus) return byStatus;
  const code = answer.status;
  if (code < 400) return { kind: "malformed" };
  if (code >= 500) return { kind: "transient" };
  if (code === 404) return { kind: kindOf404(answer.subject, parsed) };
  // A `status` that we do not know says at least that this is no shortage, whatever the text sounds like.
  // ("error" is the lease endpoints' way of saying nothing.)
  const aboutCapacity = parsed.status === null || parsed.status === "error";
  for (const rule of BY_TEXT) {
    if (rule.code !== code || (rule.kind === "capacity" && !aboutCapacity)) continue;
    if (rule.text.test(parsed.text)) {
      return rule.scope ? { kind: rule.kind, scope: rule.scope } : { kind: rule.kind };
    }
  }
  return { kind: BY_CODE[code] ?? "invalid" };
}

/**
 * A 404 proves absence only as JSON that names what was asked for: a wrong URL answers 404 in plain text,
 * and an unknown app answers 404 for every machine in it.
 */
function kindOf404(subject: FlySubject, parsed: ParsedBody): ProviderErrorKind {
  if (/could not find app\b|\bapp(?:lication)? not found/i.test(parsed.text)) return "appMissing";
  const named = /\b(machine|volume)\b.*\bnot found\b|\bnot_found\b.*\b(machine|volume)\b/is.exec(
    parsed.text,
  );
  const name = (named?.[1] ?? named?.[2])?.toLowerCase();
  if (parsed.json && name !== undefined && (subject === "app" || subject === name))
    return "notFound";
  return "malformed";
}

type ParsedBody = { json: boolean; text: string; status: string | null };

/** `message` wins over `error`, as in Fly's own client (the lease endpoints only fill `message`). */
function parseErrorBody(body: string): ParsedBody {
  const plain = { json: false, text: body.trim(), status: null };
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return plain;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return plain;
  const fields = value as Record<string, unknown>;
  const word = (field: unknown) =>
    typeof field === "string" && field.trim() ? field.trim() : null;
  return {
    json: true,
    text: word(fields.message) ?? word(fields.error) ?? "",
    status: word(fields.status)?.toLowerCase() ?? null,
  };
}

function headerWait(answer: FlyFailedAnswer, meaning: Meaning, now: number): number | undefined {
  if (meaning.kind !== "rateLimited" && meaning.kind !== "transient") return undefined;
  return parseRetryAfter(answer.retryAfter, now);
}

/**
 * Milliseconds to wait by a `Retry-After` header (seconds or an HTTP date), at most an hour;
 * undefined when there is none or it makes no sense.
 */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d+(?:\.\d+)?$/.test(text)) return cap(Number(text) * SECOND_MS, RETRY_AFTER_CAP_MS);
  // Strict on purpose: Date.parse alone finds a date in almost any text with a number in it.
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text))
    return undefined;
  return cap(Date.parse(text) - now, RETRY_AFTER_CAP_MS);
}

function leaseWait(text: string, now: number): number | undefined {
  const until = /expires at (\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2}))/.exec(text)?.[1];
  return until === undefined ? undefined : cap(Date.parse(until) - now, LEASE_CAP_MS);
}

function cap(ms: number, maxMs: number): number | undefined {
  if (Number.isNaN(ms)) return undefined;
  return Math.min(maxMs, Math.max(0, Math.ceil(ms)));
}

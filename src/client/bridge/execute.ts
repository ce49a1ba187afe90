/** One call of an app's function through its bridge. */
import { z } from "zod";
import type { ResolvedBridgeRuntimeConfig } from "./config.js";

/** What became of a bridge call. `success` needs an HTTP success and the bridge's own word for it. */
export type BridgeExecutionResult = {
  success: boolean;
  /** The HTTP status of the last answer. */
  status: number;
  functionKey: string;
  result?: unknown;
  error?: string;
};

export type BridgeRetry = {
  /** Default 3, at least 1. */
  attempts?: number;
  /** Milliseconds before the second try, doubling from there. Default 250, at least 50. */
  baseDelayMs?: number;
};

export type BridgeCall = {
  config: ResolvedBridgeRuntimeConfig;
  functionKey: string;
  args: unknown;
  /** Sent as `Authorization: Bearer`. */
  userToken?: string | undefined;
  /** For the app's audit log. Blank ones, and those that name an authentication header, are left out. */
  auditHeaders?: Readonly<Record<string, string | undefined>>;
  fetchImpl?: typeof globalThis.fetch;
  retry?: BridgeRetry;
  /** For each try. Default 30 s. */
  timeoutMs?: number;
  /**
   * Sent as `Idempotency-Key` with every try, so that the bridge can tell a repetition from a second call. Use the
   * tool call's id to cover a restart of the caller too. Default: a random one per call.
   */
  idempotencyKey?: string;
};

const DEFAULT_TIMEOUT_MS = 30_000;
/** The longest wait that a bridge may ask for with `Retry-After`. */
const MAX_DELAY_MS = 10_000;

/** Set by this file alone: whoever sends an audit header must not choose who is calling. */
const RESERVED_HEADERS = new Set([
  ...["content-type", "authorization", "idempotency-key"],
  ...["x-agent-service-id", "x-agent-service-key", "x-agent-app"],
]);

const bodySchema = z.object({
  success: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.string().nullish().catch(null),
});

/**
 * `POST <baseUrl>/agent/execute` with `{functionKey, args}`. Repeats after 429, 5xx, a network error and a timeout,
 * always under the same idempotency key. Redirects are not followed: they would carry the service key elsewhere.
 *
 * @returns the bridge's answer, also when it is an error
 * @throws the network error or the timeout of the last try
 */
export async function executeBridgeFunction(call: BridgeCall): Promise<BridgeExecutionResult> {
  const attempts = Math.max(1, Math.floor(call.retry?.attempts ?? 3));
  const baseDelayMs = Math.max(50, call.retry?.baseDelayMs ?? 250);
  const idempotencyKey = call.idempotencyKey ?? crypto.randomUUID();
  for (let attempt = 1; ; attempt++) {
    let askedMs = 0;
    try {
      const answer = await post(call, idempotencyKey);
      const again = answer.status === 429 || answer.status >= 500;
      if (!again || attempt >= attempts) return resultOf(call, answer);
      askedMs = answer.retryAfterMs;
    } catch (error) {
      if (attempt >= attempts) throw error;
    }
    const waitMs = Math.max(baseDelayMs * 2 ** (attempt - 1), Math.min(askedMs, MAX_DELAY_MS));
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

type BridgeAnswer = {
  ok: boolean;
  status: number;
  retryAfterMs: number;
  body: z.infer<typeof bodySchema> | null;
};

async function post(call: BridgeCall, idempotencyKey: string): Promise<BridgeAnswer> {
  const { config, functionKey, args } = call;
  const timeoutMs = call.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const expired = new AbortController();
  const timer = setTimeout(() => expired.abort(), timeoutMs);
  try {
    const response = await (call.fetchImpl ?? fetch)(`${config.baseUrl}/agent/execute`, {
      method: "POST",
      headers: headersOf(call, idempotencyKey),
      body: JSON.stringify({ functionKey, args }),
      redirect: "manual",
      signal: expired.signal,
    });
    // The body belongs to the try: a bridge that stops in the middle of it is repeated too.
    const { ok, status } = response;
    const retryAfterMs = Number(response.headers.get("retry-after") ?? 0) * 1_000 || 0;
    return { ok, status, retryAfterMs, body: await bodyOf(response) };
  } catch (error) {
    if (!expired.signal.aborted) throw error;
    throw new Error(`Bridge function '${functionKey}' gave no answer within ${timeoutMs} ms.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

function headersOf(call: BridgeCall, idempotencyKey: string): Record<string, string> {
  const { config, userToken, auditHeaders = {} } = call;
  const audit = Object.entries(auditHeaders).flatMap(([name, value]) => {
    const kept = value !== undefined && value.trim() !== "";
    return kept && !RESERVED_HEADERS.has(name.trim().toLowerCase()) ? [[name, value]] : [];
  });
  return {
    ...(Object.fromEntries(audit) as Record<string, string>),
    "Content-Type": "application/json",
    "X-Agent-Service-Id": config.serviceId,
    "X-Agent-Service-Key": config.serviceKey,
    "X-Agent-App": config.appKey,
    "Idempotency-Key": idempotencyKey,
    ...(userToken ? { Authorization: `Bearer ${userToken}` } : {}),
  };
}

function resultOf(
  { config, functionKey }: BridgeCall,
  answer: BridgeAnswer,
): BridgeExecutionResult {
  const { ok, status, body } = answer;
  const error = body?.error ?? (ok ? undefined : `HTTP ${status}`);
  return {
    success: ok && body?.success === true,
    status,
    functionKey,
    ...(body?.result === undefined ? {} : { result: body.result }),
    ...(error === undefined ? {} : { error: error.replaceAll(config.serviceKey, "[secret]") }),
  };
}

/** null for anything that is not a JSON object. */
async function bodyOf(response: Response): Promise<BridgeAnswer["body"]> {
  if (!/\bjson\b/i.test(response.headers.get("content-type") ?? "")) return null;
  try {
    return bodySchema.safeParse(await response.json()).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Calls to the Fly Machines API: addressed, authorised, paced, read and retried in one place. */
import { redact } from "../../../shared/redact.js";
import { SECOND_MS } from "../../../shared/time.js";
import { ProviderError } from "../provider.js";
import type { ProviderErrorKind } from "../validators.js";
import { authorizationHeader, normalizeBaseUrl, withoutSecrets } from "./auth.js";
import { classifyFlyAnswer, type FlySubject } from "./errors.js";
import { outcomeOf } from "./admission.js";
import { createGovernor, type FlyAction, type Governor } from "./governor.js";
import { exchange, type FetchLike, type HttpResult } from "./http.js";
import { checkedId } from "./naming.js";
import { retryDelay, type RetryClass } from "./retry.js";
import type { z } from "zod";

export type FlyClientOptions = {
  appName: string;
  token: string;
  /** Default `https://api.machines.dev`. */
  baseUrl?: string;
  fetch?: FetchLike;
  now?: () => number;
  sleep?: (ms: number) => Promise<void>;
  random?: () => number;
  /** Per request, for headers and body together; 20 s by default. */
  timeoutMs?: number;
  /** By default one that knows of the calls of this client only. */
  governor?: Governor;
};

export type FlyCall<Schema extends z.ZodType> = {
  action: FlyAction;
  method: "GET" | "POST" | "DELETE";
  subject: FlySubject;
  /** Below `/apps/<app>`; ids in it went through `checkedId`. */
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  answer: Schema;
  retry: RetryClass;
  /** Values of this request that no error may quote. */
  secrets?: readonly string[];
};

export type FlyClient = {
  /** The parsed answer. @throws ProviderError */
  call<Schema extends z.ZodType>(call: FlyCall<Schema>): Promise<z.output<Schema>>;
};

const DEFAULT_TIMEOUT_MS = 20 * SECOND_MS;
/** A list of 1,000 machines with their events stays well below. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Of Fly's own words in one of our errors. */
const MAX_ERROR_TEXT = 300;
const USER_AGENT = "okrlinkhub-agent-factory/4";

/**
 * @throws ProviderError `auth` for a token that cannot be sent, `invalid` for a bad app name or base URL
 */
export function createFlyClient(options: FlyClientOptions): FlyClient {
  const appPath = `/apps/${checkedId("app name", options.appName)}`;
  const base = normalizeBaseUrl(options.baseUrl);
  const authorization = authorizationHeader(options.token);
  const tokenParts = [...authorization.split(/[ ,]+/).slice(1), options.token.trim()];
  const fetchFn: FetchLike = options.fetch ?? ((url, init) => fetch(url, init));
  const now = options.now ?? Date.now;
  const random = options.random ?? Math.random;
  const sleep = options.sleep ?? ((ms) => new Promise<void>((resolve) => setTimeout(resolve, ms)));
  const limits = {
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    maxBytes: MAX_ANSWER_BYTES,
  };
  const governor = options.governor ?? createGovernor({ now, sleep });

  async function once<Schema extends z.ZodType>(
    call: FlyCall<Schema>,
  ): Promise<z.output<Schema> | ProviderError> {
    const query = call.query ? `?${new URLSearchParams(call.query).toString()}` : "";
    const json = call.body === undefined ? undefined : JSON.stringify(call.body);
    const result = await exchange(
      fetchFn,
      {
        url: `${base}${appPath}${call.path}${query}`,
        method: call.method,
        headers: {
          Authorization: authorization,
          Accept: "application/json",
          "User-Agent": USER_AGENT,
          ...(json === undefined ? {} : { "Content-Type": "application/json" }),
        },
        ...(json === undefined ? {} : { body: json }),
      },
      limits,
    );
    const failed = (kind: ProviderErrorKind, text: string, details: ProviderError["details"]) => {
      const secrets = [...tokenParts, ...(call.secrets ?? [])];
      const clean = redact(withoutSecrets(text, secrets), MAX_ERROR_TEXT);
      const where = result.type === "answer" ? ` (${describe(result)})` : "";
      const message = `Fly API ${call.method} ${appPath}${call.path} failed: ${clean}${where}`;
      return new ProviderError(kind, message, details);
    };
    return readResult(call, result, now(), failed);
  }

  return {
    async call(call) {
      let failed: ProviderError | null = null;
      for (let attempt = 0; ; attempt++) {
        try {
          await governor.admit(call.action);
        } catch (refusal) {
          // What the last attempt met says more, above all when it may have taken effect.
          throw failed ?? refusal;
        }
        const outcome = await once(call);
        failed = outcome instanceof ProviderError ? outcome : null;
        await governor.settle(call.action, outcomeOf(failed));
        if (!(outcome instanceof ProviderError)) return outcome;
        const wait = retryDelay(outcome, call.retry, attempt, random());
        if (wait === null) throw outcome;
        await sleep(wait);
      }
    },
  };
}

type Fail = (
  kind: ProviderErrorKind,
  text: string,
  details: ProviderError["details"],
) => ProviderError;

function readResult<Schema extends z.ZodType>(
  call: FlyCall<Schema>,
  result: HttpResult,
  now: number,
  failed: Fail,
): z.output<Schema> | ProviderError {
  const isWrite = call.method !== "GET";
  if (result.type === "noAnswer") return failed("transient", result.reason, { ambiguous: isWrite });
  const seen = {
    status: result.status,
    ...(result.requestId === null ? {} : { requestId: result.requestId }),
  };
  if (result.status < 200 || result.status > 299) {
    const { method, subject } = call;
    const failure = classifyFlyAnswer({ ...result, method, subject }, now);
    const { kind, text, ...details } = failure;
    return failed(kind, presentable(text), { ...seen, ...details });
  }
  const unreadable = (text: string) => failed("malformed", text, { ...seen, ambiguous: isWrite });
  if (result.truncated) return unreadable("the answer is too large");
  let value: unknown;
  try {
    value = result.body.trim() === "" ? undefined : JSON.parse(result.body);
  } catch {
    return unreadable("the answer is not JSON");
  }
  const parsed = call.answer.safeParse(value);
  if (parsed.success) return parsed.data;
  // Where, not what: the values of an answer include the environment of machines.
  const place = parsed.error.issues[0]?.path.join(".") || "the top";
  return unreadable(`the answer has an unexpected shape at ${place}`);
}

/** Proxies answer with whole pages; those help nobody in a log line. */
function presentable(text: string): string {
  if (text === "") return "no text";
  return /^\s*<(?:!doctype|html|\?xml)/i.test(text) ? "a page that is not from the API" : text;
}

function describe(result: { status: number; requestId: string | null }): string {
  return `HTTP ${result.status}${result.requestId === null ? "" : `, request ${result.requestId}`}`;
}

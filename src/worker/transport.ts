/** One HTTP call to the gateway: no retry here, every outcome becomes a value or a typed error. */
import { FunctionRefused, GatewayUnreachable, TokenRefused } from "./errors.js";
import { envelopeSchema } from "./protocol.js";

export type CallKind = "query" | "mutation" | "action";
export type Transport = (
  kind: CallKind,
  fn: string,
  args: Record<string, unknown>,
) => Promise<unknown>;

export type HttpTransportOptions = {
  /** `/api/<kind>` is appended. */
  baseUrl: string;
  /** Absent when the token is part of the address. */
  token?: string | undefined;
  namespace: string;
  timeoutMs: number;
  fetch?: typeof globalThis.fetch;
};

/** Calls gateway functions by `POST`. Addresses may hold the token, so no error names one. */
export function httpTransport(options: HttpTransportOptions): Transport {
  const fetch = options.fetch ?? globalThis.fetch;
  const base = options.baseUrl.replace(/\/+$/, "");
  return async (kind, fn, args) => {
    let status: number;
    let body: string;
    let retryAfter: string | null;
    try {
      const response = await fetch(`${base}/api/${kind}`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        },
        body: JSON.stringify({ path: `${options.namespace}:${fn}`, args }),
        // A redirect would carry the token to another host.
        redirect: "manual",
        signal: AbortSignal.timeout(options.timeoutMs),
      });
      status = response.status;
      retryAfter = response.headers.get("retry-after");
      body = await response.text();
    } catch (error) {
      throw new GatewayUnreachable(`${fn}: no answer from the gateway (${networkReason(error)}).`);
    }
    return interpret(fn, status, body, retryAfter);
  };
}

function interpret(fn: string, status: number, body: string, retryAfter: string | null): unknown {
  if (status === 401) throw new TokenRefused("The gateway does not know this worker's token.");
  if (status === 429 || (status >= 500 && status !== 560)) {
    throw new GatewayUnreachable(`${fn}: the gateway answered ${status}.`, seconds(retryAfter));
  }
  const envelope = envelopeSchema.safeParse(parseJson(body));
  if (!envelope.success) {
    const message = `${fn}: the gateway answered ${status} without an envelope.`;
    // A proxy's page in place of an answer passes; a clear 4xx does not.
    if (status < 300) throw new GatewayUnreachable(message);
    throw new FunctionRefused(status, "UNKNOWN", message);
  }
  if (envelope.data.status === "success") return envelope.data.value;
  const { errorData, errorMessage } = envelope.data;
  const text = errorData?.message ?? errorMessage ?? "no reason given";
  throw new FunctionRefused(status, errorData?.code ?? "UNKNOWN", `${fn}: ${text}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function seconds(header: string | null): number | undefined {
  const value = header === null ? Number.NaN : Number(header);
  return Number.isFinite(value) && value >= 0 ? value * 1000 : undefined;
}

/** A short reason out of what `fetch` threw, without the address that it was about. */
export function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  if (error.name === "TimeoutError") return "timeout";
  if (error.name === "AbortError") return "aborted";
  return errorCode(error.cause) ?? errorCode(error) ?? error.name;
}

/** The system's or undici's error code, e.g. `ECONNREFUSED`. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

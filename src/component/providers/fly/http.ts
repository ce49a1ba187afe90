/** One HTTP exchange: a time limit, a size limit, no redirects. Knows nothing of Fly and never throws. */

export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

export type HttpRequest = {
  url: string;
  method: string;
  headers: Record<string, string>;
  body?: string;
};
export type HttpLimits = {
  /** For headers and body together. */
  timeoutMs: number;
  /** Largest body of a 2xx answer. Other bodies are only read for their error text. */
  maxBytes: number;
};
export type HttpResult =
  | {
      type: "answer";
      status: number;
      body: string;
      /** The body was larger than allowed; `body` holds its beginning. */
      truncated: boolean;
      requestId: string | null;
      retryAfter: string | null;
    }
  | { type: "noAnswer"; reason: string };

/** Error bodies are shown in part only. */
const MAX_ERROR_BYTES = 64 * 1024;

/** Sends `request` and reads the whole answer; a redirect is returned with status 3xx, never followed. */
export async function exchange(
  fetchFn: FetchLike,
  request: HttpRequest,
  limits: HttpLimits,
): Promise<HttpResult> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  // Raced, not only aborted: the limit must hold for a fetch that ignores its signal, too.
  const expired = new Promise<HttpResult>((resolve) => {
    timer = setTimeout(() => {
      resolve({ type: "noAnswer", reason: `no answer within ${limits.timeoutMs} ms` });
      controller.abort();
    }, limits.timeoutMs);
  });
  const work = send(fetchFn, request, limits, controller.signal).catch(
    (error: unknown): HttpResult => ({ type: "noAnswer", reason: networkReason(error) }),
  );
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}

async function send(
  fetchFn: FetchLike,
  request: HttpRequest,
  limits: HttpLimits,
  signal: AbortSignal,
): Promise<HttpResult> {
  const { url, ...rest } = request;
  const response = await fetchFn(url, { ...rest, redirect: "manual", signal });
  // Some runtimes hide a redirect that was not followed behind an opaque response with status 0.
  const status = response.type === "opaqueredirect" ? 302 : response.status;
  const read = await readBody(response, response.ok ? limits.maxBytes : MAX_ERROR_BYTES);
  return {
    type: "answer",
    status,
    ...read,
    requestId: response.headers.get("fly-request-id"),
    retryAfter: response.headers.get("retry-after"),
  };
}

async function readBody(
  response: Response,
  maxBytes: number,
): Promise<{ body: string; truncated: boolean }> {
  const reader = response.body?.getReader();
  if (!reader) return { body: "", truncated: false };
  const decoder = new TextDecoder();
  let body = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { body: body + decoder.decode(), truncated: false };
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      await reader.cancel().catch(() => undefined);
      return { body, truncated: true };
    }
    body += decoder.decode(value, { stream: true });
  }
}

/** Only a code: the messages of fetch errors may quote headers, and the token is one. */
function networkReason(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code =
    typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
  return typeof code === "string" && /^[A-Z_]{2,40}$/.test(code)
    ? `network error ${code}`
    : "network error";
}

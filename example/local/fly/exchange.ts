/** One request and its answer, free of sockets, so that the same server runs in-process and over HTTP. */

export type AnyBody = string | Uint8Array<ArrayBuffer>;

export interface LocalRequest {
  method: string;
  url: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  body?: AnyBody | undefined;
  /** Aborted when the client is no longer listening. */
  signal?: AbortSignal | undefined;
}

export interface LocalResponse<Body extends AnyBody = string> {
  status: number;
  headers: Record<string, string>;
  body: Body;
}

export type Handle<Body extends AnyBody = string> = (
  request: LocalRequest,
) => Promise<LocalResponse<Body>>;

/** Thrown by a handler to say that the client gets no answer at all. */
export class ConnectionReset extends Error {
  constructor() {
    super("socket hang up");
    this.name = "ConnectionReset";
  }
}

const REDIRECTS = [301, 302, 303, 307, 308];
const EMPTY_STATUSES = [204, 205, 304];

/** A `fetch` that never leaves the process. The host of the URL is ignored. */
export function createFetch(handle: Handle<AnyBody>): typeof fetch {
  return async function localFetch(input: RequestInfo | URL, init?: RequestInit) {
    const request = input instanceof Request ? input : undefined;
    const url = request?.url ?? String(input instanceof Request ? input.url : input);
    const method = (init?.method ?? request?.method ?? "GET").toUpperCase();
    const signal = init?.signal ?? request?.signal ?? undefined;
    const { body, contentType } = await readBody(init?.body, request);
    const headers = Object.fromEntries(new Headers(init?.headers ?? request?.headers ?? {}));
    if (contentType && !headers["content-type"]) headers["content-type"] = contentType;

    signal?.throwIfAborted();
    let answer: LocalResponse<AnyBody>;
    try {
      answer = await abortable(handle({ method, url, headers, body, signal }), signal);
    } catch (error) {
      if (error instanceof ConnectionReset) throw new TypeError("fetch failed", { cause: error });
      throw error;
    }
    const redirect = init?.redirect ?? request?.redirect ?? "follow";
    const location = answer.headers["location"];
    if (location !== undefined && REDIRECTS.includes(answer.status) && redirect !== "manual") {
      if (redirect === "error") throw new TypeError("fetch failed: unexpected redirect");
      const followed = answer.status < 307 && method === "POST" ? "GET" : method;
      const next = {
        ...init,
        method: followed,
        headers,
        ...(followed === "GET" && { body: null }),
      };
      return await localFetch(new URL(location, url), next);
    }
    const payload = EMPTY_STATUSES.includes(answer.status) ? null : answer.body;
    return new Response(payload, { status: answer.status, headers: answer.headers });
  };
}

async function readBody(body: BodyInit | null | undefined, request: Request | undefined) {
  // A plain string is taken as it is: reading it through a stream would need timers to run.
  if (typeof body === "string") return { body, contentType: undefined };
  if (body === null || body === undefined) {
    if (!request?.body) return { body: undefined, contentType: undefined };
    return { body: new Uint8Array(await request.arrayBuffer()), contentType: undefined };
  }
  const packed = new Response(body);
  const contentType = packed.headers.get("content-type") ?? undefined;
  return { body: new Uint8Array(await packed.arrayBuffer()), contentType };
}

function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(asError(signal.reason));
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new DOMException("aborted", "AbortError");
}

export function bodyText(body: LocalRequest["body"]): string {
  if (body === undefined) return "";
  return typeof body === "string" ? body : new TextDecoder().decode(body);
}

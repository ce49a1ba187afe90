/**
 * Between OpenClaw and the model's provider, in this process: it adds the provider's key, so that neither OpenClaw's
 * config nor the agent's shell has it, and it sees how the provider answers.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { describe } from "../../errors.js";
import type { Log } from "../../log.js";
import type { ProviderFailure } from "./outcome.js";
import type { Provider } from "./settings.js";

const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
/** Ours to set, or about one connection only. */
const NOT_FORWARDED = new Set([
  ...["host", "authorization", "x-api-key", "cookie", "connection", "content-length"],
  ...["transfer-encoding", "accept-encoding", "expect", "keep-alive"],
]);
const NOT_RETURNED = new Set([
  ...["content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"],
  "set-cookie",
]);

export type Relay = {
  url: string;
  token: string;
  /** The provider's last refusal since `forget`, unless a call went well after it. */
  lastFailure(): ProviderFailure | null;
  forget(): void;
  close(): Promise<void>;
};

/** Serves `/<provider>/…` on the loopback interface until closed. */
export async function startRelay(options: {
  providers: readonly Provider[];
  log: Log;
  onFailure: (failure: ProviderFailure) => void;
  fetch?: typeof globalThis.fetch;
}): Promise<Relay> {
  const token = randomBytes(24).toString("hex");
  const providers = new Map(options.providers.map((provider) => [provider.name, provider]));
  let failure: ProviderFailure | null = null;
  const note = (provider: Provider, status: number, retryAfterMs: number | undefined) => {
    if (status < 400) {
      failure = null;
      return;
    }
    failure = { status, retryAfterMs, inARow: (failure?.inARow ?? 0) + 1 };
    options.log.warn("model_refused", { provider: provider.name, status, retryAfterMs });
    options.onFailure(failure);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!mayCall(request, token)) return refuse(response, 401, "not for you");
    const [, name = "", ...rest] = (request.url ?? "").split("/");
    const provider = providers.get(decodeURIComponent(name));
    if (provider === undefined) return refuse(response, 404, "no such provider");
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const body = await readBody(request);
    if (body === null) return refuse(response, 413, "the request is too large");
    let answer: Response;
    try {
      answer = await (options.fetch ?? fetch)(
        `${provider.baseUrl.replace(/\/$/, "")}/${rest.join("/")}`,
        {
          method: request.method ?? "POST",
          headers: headersFor(provider, request),
          ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
          signal: gone.signal,
          redirect: "manual",
        },
      );
    } catch (error) {
      if (gone.signal.aborted) return;
      options.log.warn("model_unreachable", { provider: provider.name, error: describe(error) });
      note(provider, 502, undefined);
      return refuse(response, 502, "the provider could not be reached");
    }
    note(provider, answer.status, retryAfterMs(answer.headers.get("retry-after")));
    const headers = [...answer.headers].filter(([key]) => !NOT_RETURNED.has(key));
    response.writeHead(answer.status, Object.fromEntries(headers));
    if (answer.body === null) response.end();
    else await pipeline(Readable.fromWeb(answer.body as ReadableStream), response);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}`, token },
    lastFailure: () => failure,
    forget: () => (failure = null),
    close: () => closeServer(server),
  };
}

function mayCall(request: IncomingMessage, token: string): boolean {
  const bearer = request.headers.authorization?.replace(/^Bearer /, "");
  const given = Buffer.from(bearer ?? String(request.headers["x-api-key"] ?? ""));
  const expected = Buffer.from(token);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function headersFor(provider: Provider, request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (!NOT_FORWARDED.has(name) && typeof value === "string") headers[name] = value;
  }
  if (provider.auth === "x-api-key") headers["x-api-key"] = provider.apiKey;
  else headers["authorization"] = `Bearer ${provider.apiKey}`;
  return headers;
}

/** null when it is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_REQUEST_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ error: { message } }));
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

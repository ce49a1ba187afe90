import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { ConnectionReset, type AnyBody, type Handle } from "./exchange.js";

export interface Listener {
  url: string;
  close(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";

/** Serves a handler over HTTP, on the loopback interface only. */
export async function listen(handle: Handle<AnyBody>, port = 0): Promise<Listener> {
  let url = "";
  const server = createServer((incoming, outgoing) => void serve(handle, url, incoming, outgoing));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, LOOPBACK, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port to listen on");
  url = `http://${LOOPBACK}:${address.port}`;
  return {
    url,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  handle: Handle<AnyBody>,
  url: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort());
  try {
    const body = await readBody(incoming);
    const answer = await handle({
      method: incoming.method ?? "GET",
      url: url + (incoming.url ?? "/"),
      headers: plainHeaders(incoming),
      body,
      signal: gone.signal,
    });
    outgoing.sendDate = false;
    outgoing.writeHead(answer.status, answer.headers);
    outgoing.end(answer.body);
  } catch (error) {
    if (error instanceof ConnectionReset || gone.signal.aborted) {
      incoming.socket.destroy();
      return;
    }
    outgoing.writeHead(500, { "content-type": "text/plain" });
    outgoing.end(error instanceof Error ? (error.stack ?? error.message) : "internal error");
  }
}

async function readBody(incoming: IncomingMessage): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return chunks.length === 0 ? undefined : new Uint8Array(Buffer.concat(chunks));
}

function plainHeaders({ headers }: IncomingMessage): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return plain;
}

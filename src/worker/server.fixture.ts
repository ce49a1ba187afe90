/** The fake gateway over HTTP, with its file storage: for real child processes. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { FunctionRefused, TokenRefused } from "./errors.js";
import type { FakeGateway } from "./gateway.fixture.js";
import type { CallKind } from "./transport.js";

export type FixtureServer = { url: string; close: () => Promise<void> };
export type Handler = (request: IncomingMessage, body: Buffer, response: ServerResponse) => unknown;

/** Any HTTP server on a free local port. The handler gets the whole body. */
export async function serve(handler: Handler): Promise<FixtureServer> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => void handler(request, Buffer.concat(chunks), response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Serves a fake gateway as `<url>/api/…`, accepting `token` in the header or in the path. */
export async function serveGateway(fake: FakeGateway, token: string): Promise<FixtureServer> {
  const server = await serve(async (request, body, response) => {
    const path = request.url ?? "";
    if (path.startsWith("/upload/")) {
      const storageId = fake.newId("file");
      fake.files.set(storageId, body);
      return response.end(JSON.stringify({ storageId }));
    }
    if (path.startsWith("/files/")) {
      const file = fake.files.get(path.slice("/files/".length));
      return response.writeHead(file === undefined ? 404 : 200).end(file);
    }
    const answer = (status: number, value: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    const refusal = (status: number, code: string, message: string) =>
      answer(status, { status: "error", errorMessage: message, errorData: { code, message } });
    const known =
      request.headers.authorization === `Bearer ${token}` || path.startsWith(`/${token}/api/`);
    if (!known) return refusal(401, "TOKEN_INVALID", "No such worker.");
    const call = JSON.parse(body.toString("utf8")) as { path: string; args: object };
    try {
      const kind = (path.split("/").at(-1) ?? "") as CallKind;
      const fn = call.path.replace(/^[^:]*:/, "");
      return answer(200, {
        status: "success",
        value: await fake.transport(kind, fn, { ...call.args }),
      });
    } catch (error) {
      if (error instanceof TokenRefused) return refusal(401, "TOKEN_INVALID", error.message);
      if (error instanceof FunctionRefused) return refusal(error.status, error.code, error.message);
      return response.writeHead(503).end("unavailable");
    }
  });
  fake.state.storageBase = server.url;
  return server;
}

/** HTTP actions: the routes of the app's http.ts. */
import type http from "node:http";
import { currentExecution } from "./hooks.js";
import type { Instance } from "./instances.js";
import type { Runtime } from "./runtime.js";
import { callerOf, failureOf, readBody } from "./wire.js";

type HttpHandler = (ctx: unknown, request: Request) => Promise<Response>;

interface Router {
  lookup(path: string, method: string): [{ _handler: HttpHandler }, string, string] | null;
}

/**
 * convex-test passes on a request that it has made up from path and method. This replaces the app's
 * router by one whose handlers get the request that was sent, with its URL, headers and body.
 */
export async function useRealRequests(app: Instance): Promise<void> {
  const module = await app.modules["./http.js"]?.();
  const router = module?.default as Router | undefined;
  if (router === undefined) return;
  const lookup = (path: string, method: string) => {
    const found = router.lookup(path, method === "HEAD" ? "GET" : method);
    if (found === null) return null;
    const _handler: HttpHandler = (ctx, request) =>
      found[0]._handler(ctx, currentExecution()?.request ?? request);
    return [{ _handler }, found[1], found[2]];
  };
  app.modules["./http.js"] = () => Promise.resolve({ default: { lookup } });
}

export function siteHandler(
  runtime: Runtime,
  siteUrl: () => string,
  onError: (route: string, error: unknown) => void,
): http.RequestListener {
  return (req, res) => {
    const answer = async () => {
      const request = await requestOf(req, siteUrl());
      const { pathname } = new URL(request.url);
      const router = await runtime.defaultExport<Router>("", "http");
      const found = router?.lookup(pathname, request.method) ?? null;
      if (found === null) {
        res.writeHead(404).end("No matching routes found");
        return;
      }
      const response = await runtime.fetch(request, callerOf(req));
      const headers: [string, string][] = [...response.headers];
      res.writeHead(response.status, headers.flat());
      res.end(Buffer.from(await response.arrayBuffer()));
    };
    answer().catch((error: unknown) => {
      onError(`${req.method} ${req.url?.split("?", 1)[0]}`, error);
      if (!res.headersSent) res.writeHead(500, { "content-type": "application/json" });
      const { errorMessage } = failureOf(error);
      res.end(JSON.stringify({ code: "InternalServerError", message: errorMessage }));
    });
  };
}

async function requestOf(req: http.IncomingMessage, siteUrl: string): Promise<Request> {
  const method = req.method ?? "GET";
  const body = await readBody(req);
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers)) {
    for (const one of [value ?? []].flat()) headers.append(name, one);
  }
  const bodyless = body.length === 0 || method === "GET" || method === "HEAD";
  return new Request(new URL(req.url ?? "/", siteUrl), {
    method,
    headers,
    ...(bodyless ? {} : { body }),
  });
}

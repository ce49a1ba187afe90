/** A fetch that fails on order: between the client under test and any in-process Fly. */
import type { ConformanceFault, FaultableCall } from "../provider.conformance.js";
import type { FetchLike } from "./http.js";

const ROUTES: Record<FaultableCall, { method: string; path: RegExp }> = {
  checkAccess: { method: "GET", path: /\/v1\/apps\/[^/]+$/ },
  createMachine: { method: "POST", path: /\/machines$/ },
  getMachine: { method: "GET", path: /\/machines\/[^/]+$/ },
  destroyMachine: { method: "DELETE", path: /\/machines\/[^/]+$/ },
};

export type FaultyFetch = {
  fetch: FetchLike;
  inject(call: FaultableCall, fault: ConformanceFault): void;
  /** 429 answers seen so far. */
  rateLimitHits(): number;
};

export function createFaultyFetch(inner: FetchLike): FaultyFetch {
  const pending: { call: FaultableCall; fault: ConformanceFault; left: number }[] = [];
  let limited = 0;
  return {
    async fetch(url, init) {
      const { pathname } = new URL(url);
      const hit = pending.find(({ call, left }) => {
        const route = ROUTES[call];
        return left > 0 && init.method === route.method && route.path.test(pathname);
      });
      if (hit) {
        hit.left -= 1;
        if (hit.fault === "lostAnswer" || hit.fault === "lostAnswerHtml502") await inner(url, init);
        return failure(hit.fault);
      }
      const response = await inner(url, init);
      if (response.status === 429) limited += 1;
      return response;
    },
    inject(call, fault) {
      // The client sends reads and destroys three times when the server fails.
      pending.push({ call, fault, left: fault === "status500" ? 3 : 1 });
    },
    rateLimitHits: () => limited,
  };
}

function failure(fault: ConformanceFault): Response {
  switch (fault) {
    case "lostAnswer":
      throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
    case "lostAnswerHtml502":
      return new Response("<html><body>Bad Gateway</body></html>", {
        status: 502,
        headers: { "content-type": "text/html" },
      });
    case "plain404":
      return new Response("404 page not found\n", { status: 404 });
    case "status500":
      return Response.json({ error: "internal: machine not found" }, { status: 500 });
    case "unauthorized":
      return Response.json({ error: "Authenticate: token validation error" }, { status: 401 });
  }
}

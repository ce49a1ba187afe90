/** The worker gateway over HTTP: who gets in, what is refused and how, and what is never repeated. */
import { convexTest } from "convex-test";
import { componentsGeneric, defineSchema, httpRouter } from "convex/server";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { GATEWAY_FUNCTIONS } from "../../component/gateway/protocol.js";
import { ERROR_CODES, agentFactoryError } from "../../shared/errors.js";
import agentFactory from "../../test.js";
import { sha256Hex } from "../hash.js";
import { registerRoutes, type ComponentApi } from "../index.js";
import { MAX_BODY_BYTES } from "./workerCall.js";

const component = (componentsGeneric() as unknown as { agentFactory: ComponentApi }).agentFactory;
const TOKEN = "afw_0123456789abcdefghijklmnopqrstuv";
const OTHER_TOKEN = "afw_othertoken0123456789abcdefghijkl";
const BASE = "/agent-factory/worker";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** An app with two workers: "w1" has TOKEN and a waiting message, "w2" has OTHER_TOKEN. */
async function startApp(pathPrefix?: string) {
  const http = httpRouter();
  registerRoutes(http, component, pathPrefix === undefined ? {} : { pathPrefix });
  const t = convexTest({
    schema: defineSchema({}),
    modules: {
      "./_generated/api.ts": () => Promise.resolve({}),
      "./http.ts": () => Promise.resolve({ default: http }),
    },
  });
  agentFactory.register(t);
  const messageId = await t.mutation(async (ctx) => {
    const { lib } = component;
    await ctx.runMutation(lib.configureAgent, {
      agentKey: "default",
      version: "1",
      secretsRef: [],
      enabled: true,
    });
    return await ctx.runMutation(lib.enqueue, {
      conversationId: "c1",
      agentKey: "default",
      payload: { provider: "web", providerUserId: "ada", messageText: "hello" },
    });
  });
  await inComponent(t, async (db) => {
    for (const [workerId, token] of [
      ["w1", TOKEN],
      ["w2", OTHER_TOKEN],
    ] as const) {
      await db.insert("workers", {
        workerId,
        provider: "fly",
        status: "active",
        load: 0,
        heartbeatAt: Date.now(),
        capabilities: [],
      });
      await db.insert("workerTokens", {
        tokenHash: await sha256Hex(token),
        workerId,
        createdAt: Date.now(),
      });
    }
  });
  return { t, messageId };
}

type T = ReturnType<typeof convexTest>;
type Db = { insert: (table: string, row: Record<string, unknown>) => Promise<unknown> };

/** convex-test can run a function inside a component, but does not say so in its types. */
async function inComponent(t: T, handler: (db: Db) => Promise<void>): Promise<void> {
  const inside = t as unknown as {
    runInComponent: (path: string, handler: (ctx: { db: Db }) => Promise<void>) => Promise<void>;
  };
  await inside.runInComponent("agentFactory", async (ctx) => await handler(ctx.db));
}

type Envelope = {
  status: string;
  value?: unknown;
  errorMessage?: string;
  errorData?: { code: string; message: string };
};

/** Calls the gateway; `body` is sent as it is when it is a text. */
async function call(
  t: T,
  body: unknown,
  options: {
    kind?: string;
    token?: string | null;
    path?: string;
    headers?: Record<string, string>;
  } = {},
): Promise<{ status: number; answer: Envelope; text: string }> {
  const { kind = "mutation", token = TOKEN, headers = {} } = options;
  const response = await t.fetch(options.path ?? `${BASE}/api/${kind}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  expect(response.headers.get("content-type")).toBe("application/json");
  return { status: response.status, answer: JSON.parse(text) as Envelope, text };
}

const POLL = { path: "agentFactory:workerPoll", args: {} };

describe("a worker with its token", () => {
  test("calls mutations and queries, by header or by path, under any namespace", async () => {
    const { t, messageId } = await startApp();
    const polled = await call(t, POLL);
    expect(polled).toMatchObject({
      status: 200,
      answer: { status: "success", value: { kind: "job", job: { messageId } } },
    });
    const args = { messageId, workspaceId: "default" };
    const hydrated = await call(
      t,
      { path: "other:workerHydrationBundle", args },
      { kind: "query" },
    );
    expect(hydrated).toMatchObject({
      status: 200,
      answer: { status: "success", value: { payload: { messageText: "hello" } } },
    });
    const byPath = await call(t, POLL, { token: null, path: `${BASE}/${TOKEN}/api/mutation` });
    expect(byPath).toMatchObject({ status: 200, answer: { value: { kind: "job" } } });
  });

  test("a query that leaves a trace still is a query for the worker", async () => {
    const { t } = await startApp();
    await call(t, POLL);
    const restore = {
      path: "agentFactory:workerLatestSnapshotForRestore",
      args: { workspaceId: "default", agentKey: "default", conversationId: "c1" },
    };
    expect(await call(t, restore, { kind: "query" })).toMatchObject({
      status: 200,
      answer: { status: "success", value: null },
    });
  });

  test("arguments may come in the list that Convex's own clients send, or not at all", async () => {
    const { t } = await startApp();
    const listed = { path: "workerPoll", args: [{}], format: "convex_encoded_json" };
    expect((await call(t, listed)).status).toBe(200);
    expect((await call(t, { path: "workerPoll" })).status).toBe(200);
  });
});

describe("401 TOKEN_INVALID", () => {
  test.each([
    ["no token", null, {}],
    ["another scheme", null, { authorization: `Basic ${TOKEN}` }],
    ["an empty bearer", null, { authorization: "Bearer " }],
    ["two words", null, { authorization: `Bearer ${TOKEN} ${TOKEN}` }],
    ["a token beyond any length", "a".repeat(513), {}],
  ])("%s never reaches the component", async (_what, token, headers) => {
    const unreachable = {
      lib: new Proxy(
        {},
        {
          get: () => {
            throw new Error("the component was asked");
          },
        },
      ),
    } as unknown as ComponentApi;
    const http = httpRouter();
    registerRoutes(http, unreachable);
    const t = convexTest({
      schema: defineSchema({}),
      modules: {
        "./_generated/api.ts": () => Promise.resolve({}),
        "./http.ts": () => Promise.resolve({ default: http }),
      },
    });
    expect(await call(t, POLL, { token, headers })).toMatchObject({
      status: 401,
      answer: { status: "error", errorData: { code: "TOKEN_INVALID" } },
    });
  });

  test.each(["garbage", "afw_unknown0123456789abcdefghijklmnop", "%41fw", TOKEN.slice(0, -1)])(
    "a token that was never minted: %s",
    async (token) => {
      const { t } = await startApp();
      for (const options of [{ token }, { token: null, path: `${BASE}/${token}/api/mutation` }]) {
        const { status, answer, text } = await call(t, POLL, options);
        expect([status, answer.errorData?.code]).toEqual([401, "TOKEN_INVALID"]);
        expect(text).not.toContain(token);
      }
    },
  );
});

test("403 FORBIDDEN: a good token opens no other worker's message", async () => {
  const { t, messageId } = await startApp();
  await call(t, POLL);
  const args = { messageId, workspaceId: "default" };
  const foreign = await call(
    t,
    { path: "agentFactory:workerHydrationBundle", args },
    { kind: "query", token: OTHER_TOKEN },
  );
  expect([foreign.status, foreign.answer.errorData?.code]).toEqual([403, "FORBIDDEN"]);
  const posing = await call(
    t,
    { path: "agentFactory:workerClaim", args: { workerId: "w1" } },
    { token: OTHER_TOKEN },
  );
  expect([posing.status, posing.answer.errorData?.code]).toEqual([403, "FORBIDDEN"]);
});

describe("400 INVALID_ARGUMENT", () => {
  test.each([
    ["no body", ""],
    ["no JSON", "{path:"],
    ["null", "null"],
    ["a list", "[]"],
    ["no path", { args: {} }],
    ["a path that is no text", { path: 1, args: {} }],
    ["arguments that are no object", { path: "agentFactory:workerPoll", args: "x" }],
    ["two argument objects", { path: "agentFactory:workerPoll", args: [{}, {}] }],
    ["a reserved field name", { path: "agentFactory:workerPoll", args: { $bytes: "x" } }],
    ["an unknown argument", { path: "agentFactory:workerPoll", args: { extra: "private-value" } }],
    ["a missing argument", { path: "agentFactory:workerHeartbeat", args: { messageId: "m" } }],
  ])("%s", async (_what, body) => {
    const { t } = await startApp();
    const { status, answer, text } = await call(t, body);
    expect([status, answer.status, answer.errorData?.code]).toEqual([
      400,
      "error",
      "INVALID_ARGUMENT",
    ]);
    expect(text).not.toContain("private-value");
  });

  test("bytes that are no text", async () => {
    const { t } = await startApp();
    const response = await t.fetch(`${BASE}/api/mutation`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: new Uint8Array([0xff, 0xfe, 0x7b]),
    });
    expect(response.status).toBe(400);
  });

  test("nesting deeper than any call", async () => {
    const { t } = await startApp();
    const deep = `{"path":"workerPoll","args":{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`;
    expect((await call(t, deep)).status).toBe(400);
  });

  test.each([
    ["workerClaim", "query", "mutation"],
    ["workerControlState", "mutation", "query"],
    ["workerPoll", "action", "mutation"],
  ])("%s at the endpoint for a %s", async (name, kind, right) => {
    const { t } = await startApp();
    const { status, answer } = await call(t, { path: `agentFactory:${name}`, args: {} }, { kind });
    expect([status, answer.errorData]).toEqual([
      400,
      { code: "INVALID_ARGUMENT", message: `'${name}' is a ${right}: call /api/${right}.` },
    ]);
  });

  test("a body at the limit is read, one byte more is not, announced or not", async () => {
    const { t } = await startApp();
    const padded = (bytes: number) => {
      const frame = JSON.stringify({ path: "workerPoll", pad: "" }).length;
      return JSON.stringify({ path: "workerPoll", pad: "x".repeat(bytes - frame) });
    };
    expect((await call(t, padded(MAX_BODY_BYTES))).status).toBe(200);
    const tooLarge = await call(t, padded(MAX_BODY_BYTES + 1));
    expect([tooLarge.status, tooLarge.answer.errorData?.code]).toEqual([400, "PAYLOAD_TOO_LARGE"]);
    const headers = { "content-length": String(MAX_BODY_BYTES + 1) };
    expect((await call(t, POLL, { headers })).answer.errorData?.code).toBe("PAYLOAD_TOO_LARGE");
  });
});

describe("404", () => {
  test.each([
    "agentFactory:enqueue",
    "agentFactory:importSecret",
    "workerUnknown",
    "toString",
    "__proto__",
    "agentFactory:constructor",
    ":",
  ])("%s is no worker function", async (path) => {
    const { t } = await startApp();
    const { status, answer } = await call(t, { path, args: {} });
    expect([status, answer.status]).toEqual([404, "error"]);
  });

  test.each([
    `${BASE}/`,
    `${BASE}/api`,
    `${BASE}/api/other`,
    `${BASE}/a/b/api/query`,
    `${BASE}/x/y/z`,
  ])("%s is no address", async (path) => {
    const { t } = await startApp();
    expect((await call(t, POLL, { path })).status).toBe(404);
  });
});

describe("what the component throws", () => {
  const throwing = async (error: unknown) => {
    const http = httpRouter();
    registerRoutes(http, component);
    const t = convexTest({
      schema: defineSchema({}),
      modules: {
        "./_generated/api.ts": () => Promise.resolve({}),
        "./http.ts": () => Promise.resolve({ default: http }),
      },
    });
    const { mutation } = await import("../../component/_generated/server.js");
    const { v } = await import("convex/values");
    t.registerComponent("agentFactory", agentFactory.schema, {
      "./_generated/api.ts": () => Promise.resolve({}),
      "./lib.ts": () =>
        Promise.resolve({
          workerGatewayMutation: mutation({
            args: { tokenHash: v.string(), name: v.string(), args: v.any() },
            returns: v.any(),
            handler: () => Promise.reject(error),
          }),
        }),
    });
    return await call(t, POLL);
  };

  test.each(ERROR_CODES)("%s arrives as its status with its data", async (code) => {
    const known: Record<string, number> = {
      TOKEN_INVALID: 401,
      FORBIDDEN: 403,
      INVALID_ARGUMENT: 400,
    };
    const { status, answer } = await throwing(agentFactoryError(code, "why", { workerId: "w1" }));
    expect(status).toBe(known[code] ?? 560);
    expect(answer).toMatchObject({
      status: "error",
      errorMessage: "why",
      errorData: { code, message: "why", workerId: "w1" },
    });
  });

  test("a defect is a 500 that tells nothing, so that the worker may call again", async () => {
    const { status, answer, text } = await throwing(new Error(`boom ${TOKEN} private`));
    expect([status, answer.status]).toEqual([500, "error"]);
    expect(text).not.toContain("private");
    expect(text).not.toContain(TOKEN);
  });
});

describe("registerRoutes", () => {
  test("mounts under another prefix, for any depth", async () => {
    const { t } = await startApp("/internal/agents");
    const path = "/internal/agents/worker/api/mutation";
    expect((await call(t, POLL, { path })).status).toBe(200);
    const byPath = `/internal/agents/worker/${TOKEN}/api/mutation`;
    expect((await call(t, POLL, { path: byPath, token: null })).status).toBe(200);
    expect((await t.fetch("/internal/agents/health")).status).toBe(200);
    expect((await t.fetch("/agent-factory/health")).status).toBe(404);
  });

  test.each(["", "/", "agents", "/agents/", "//agents", "/a/../b", "/a b", "/a?b", "/./a"])(
    "refuses the prefix '%s'",
    (pathPrefix) => {
      expect(() => {
        registerRoutes(httpRouter(), component, { pathPrefix });
      }).toThrow("pathPrefix must start with");
    },
  );

  test("leaves room for the app's own routes and registers nothing else", () => {
    const http = httpRouter();
    registerRoutes(http, component);
    expect(http.getRoutes().map(([path, method]) => `${method} ${path}`)).toEqual([
      "GET /agent-factory/health",
      "POST /agent-factory/telegram/webhook",
      "POST /agent-factory/worker/api/action",
      "POST /agent-factory/worker/api/mutation",
      "POST /agent-factory/worker/api/query",
      "POST /agent-factory/worker/*",
    ]);
  });
});

test("every function of the protocol is reachable at its endpoint", async () => {
  const { t } = await startApp();
  for (const [name, { endpoint }] of Object.entries(GATEWAY_FUNCTIONS)) {
    const { status } = await call(
      t,
      { path: `agentFactory:${name}`, args: { nonsense: true } },
      { kind: endpoint },
    );
    // Through to the component, which knows that the arguments are nonsense.
    expect([name, status]).toEqual([name, 400]);
  }
});

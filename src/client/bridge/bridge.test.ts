import { describe, expect, test, vi } from "vitest";
import {
  bridgeFunctionKeyFromToolName,
  executeBridgeFunction,
  isBridgeToolName,
  maybeExecuteBridgeToolCall,
  resolveBridgeRuntimeConfig,
  type HydratedBridgeRuntimeConfig,
} from "../index.js";

const hydrated: HydratedBridgeRuntimeConfig = {
  ...{ baseUrl: " https://app.test/ ", appBaseUrlMapJson: null, serviceId: "svc" },
  ...{ appKey: "okr", serviceKey: "key-123456", serviceKeySecretRef: "agent-bridge.serviceKey" },
};
const config = {
  ...{ baseUrl: "https://app.test", serviceId: "svc", appKey: "okr", serviceKey: "key-123456" },
};
const nothing: HydratedBridgeRuntimeConfig = {
  ...{ baseUrl: null, appBaseUrlMapJson: null, serviceId: null },
  ...{ appKey: null, serviceKey: null, serviceKeySecretRef: null },
};
const retry = { baseDelayMs: 50 };

type Sent = { url: string; init: RequestInit; headers: Record<string, string> };
type Reply = Response | Error | "hang";

/** Answers with one reply after the other; the last one again and again. */
function bridge(...replies: (() => Reply)[]) {
  const sent: Sent[] = [];
  const fetchImpl = ((url: string, init: RequestInit) => {
    sent.push({ url, init, headers: init.headers as Record<string, string> });
    const reply = replies[Math.min(sent.length, replies.length) - 1]!();
    if (reply instanceof Error) return Promise.reject(reply);
    if (reply !== "hang") return Promise.resolve(reply);
    return new Promise((_, reject) => {
      init.signal!.addEventListener("abort", () => reject(new Error("aborted")));
    });
  }) as typeof fetch;
  return { sent, fetchImpl };
}
const json =
  (body: unknown, status = 200) =>
  () =>
    Response.json(body, { status });

describe("resolving the config", () => {
  test("takes hydrated values before the environment, trimmed, without a trailing slash", () => {
    const env = { OPENCLAW_SERVICE_ID: "other", AGENT_BRIDGE_BASE_URL: "https://env.test" };
    expect(resolveBridgeRuntimeConfig(hydrated, env)).toEqual({ ok: true, config });
  });
  test("takes what is missing from the environment, in the order of its names", () => {
    const env = {
      OPENCLAW_AGENT_BRIDGE_BASE_URL: "  ",
      AGENT_BRIDGE_BASE_URL: "https://env.test/x//",
      OPENCLAW_SERVICE_ID: "a",
      AGENT_BRIDGE_SERVICE_ID: "b",
      AGENT_BRIDGE_SERVICE_KEY: "k",
      OPENCLAW_APP_KEY: "app",
      AGENT_BRIDGE_APP_KEY: "late",
    };
    for (const from of [null, nothing, { ...nothing, serviceId: " " }])
      expect(resolveBridgeRuntimeConfig(from, env)).toEqual({
        ok: true,
        config: { baseUrl: "https://env.test/x/", serviceId: "a", serviceKey: "k", appKey: "app" },
      });
  });
  test("looks the base URL up by app key at last, and ignores a map that is none", () => {
    const mapped = (appBaseUrlMapJson: string) =>
      resolveBridgeRuntimeConfig({ ...hydrated, baseUrl: null, appBaseUrlMapJson }, {});
    expect(mapped('{"okr":" https://map.test/ "}')).toMatchObject({
      config: { baseUrl: "https://map.test" },
    });
    for (const map of ["{", "[]", "7", '{"okr":5}', '{"other":"https://x.test"}', "null"])
      expect(mapped(map)).toEqual({ ok: false, error: "Agent Bridge config incompleta: baseUrl" });
    const proto = { ...hydrated, baseUrl: null, appKey: "constructor", appBaseUrlMapJson: "{}" };
    expect(resolveBridgeRuntimeConfig(proto, {})).toMatchObject({ ok: false });
  });
  test("names everything that is missing, in one order", () => {
    expect(resolveBridgeRuntimeConfig(null, {})).toEqual({
      ok: false,
      error: "Agent Bridge config incompleta: baseUrl, serviceId, serviceKey, appKey",
    });
  });
});

test.each([
  ["bridge.okr.list-all_2", "okr.list-all_2"],
  ["bridge.", null],
  ["bridge.a b", null],
  ["xbridge.a", null],
  ["bridge.a/b", null],
  ["bridge.a\n", null],
])("tool name %j", (name, key) => {
  expect(bridgeFunctionKeyFromToolName(name)).toBe(key);
  expect(isBridgeToolName(name)).toBe(key !== null);
});

describe("executing", () => {
  const call = { config, functionKey: "okr.list", args: { a: 1 }, retry };

  test("posts to the bridge as the service, for the user", async () => {
    const { sent, fetchImpl } = bridge(json({ success: true, result: [1] }));
    const auditHeaders = { "X-Audit-Reason": "why", "X-Blank": " ", "X-None": undefined };
    const answer = await executeBridgeFunction({
      ...{ ...call, fetchImpl, userToken: "u", idempotencyKey: "call-1", auditHeaders },
    });
    expect(answer).toEqual({ success: true, status: 200, functionKey: "okr.list", result: [1] });
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      url: "https://app.test/agent/execute",
      init: {
        method: "POST",
        redirect: "manual",
        body: '{"functionKey":"okr.list","args":{"a":1}}',
      },
    });
    expect(sent[0]!.headers).toEqual({
      "Content-Type": "application/json",
      "X-Agent-Service-Id": "svc",
      "X-Agent-Service-Key": "key-123456",
      "X-Agent-App": "okr",
      Authorization: "Bearer u",
      "Idempotency-Key": "call-1",
      "X-Audit-Reason": "why",
    });
  });

  test("audit headers never become authentication headers, however they are written", async () => {
    const { sent, fetchImpl } = bridge(json({ success: true }));
    const auditHeaders = {
      authorization: "Bearer stolen",
      "x-agent-SERVICE-key": "other",
      "X-Agent-App ": "other",
      "Idempotency-Key": "other",
      "content-type": "text/html",
    };
    await executeBridgeFunction({ ...call, fetchImpl, auditHeaders });
    const headers = new Headers(sent[0]!.headers);
    expect(headers.get("authorization")).toBeNull();
    expect(headers.get("x-agent-service-key")).toBe("key-123456");
    expect(headers.get("x-agent-app")).toBe("okr");
    expect(headers.get("content-type")).toBe("application/json");
    expect(JSON.stringify(sent[0]!.headers)).not.toMatch(/other|stolen/);
  });

  test("repeats 429, 5xx and network errors under one idempotency key", async () => {
    const { sent, fetchImpl } = bridge(
      json({}, 429),
      () => new Error("socket hang up"),
      json({ success: true, result: "ok" }),
    );
    expect(await executeBridgeFunction({ ...call, fetchImpl })).toMatchObject({ result: "ok" });
    expect(sent).toHaveLength(3);
    const keys = new Set(sent.map(({ headers }) => headers["Idempotency-Key"]));
    expect(keys.size).toBe(1);
    expect([...keys][0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("gives up after the attempts, with the last answer or the last error", async () => {
    const failing = bridge(json({ error: "no key-123456 here" }, 503));
    expect(await executeBridgeFunction({ ...call, fetchImpl: failing.fetchImpl })).toEqual({
      ...{ success: false, status: 503, functionKey: "okr.list", error: "no [secret] here" },
    });
    expect(failing.sent).toHaveLength(3);
    const broken = bridge(() => new Error("ECONNREFUSED"));
    const once = { ...call, fetchImpl: broken.fetchImpl, retry: { attempts: 0 } };
    await expect(executeBridgeFunction(once)).rejects.toThrow("ECONNREFUSED");
    expect(broken.sent).toHaveLength(1);
  });

  test("waits between the tries, twice as long each time", async () => {
    const waits: number[] = [];
    const real = globalThis.setTimeout;
    const spy = vi.spyOn(globalThis, "setTimeout").mockImplementation(((f: () => void, ms = 0) => {
      if (ms < 30_000) waits.push(ms);
      return real(f, ms < 30_000 ? 0 : ms);
    }) as typeof setTimeout);
    try {
      const { fetchImpl } = bridge(json({}, 500));
      await executeBridgeFunction({ ...call, fetchImpl, retry: { attempts: 4 } });
      expect(waits).toEqual([250, 500, 1_000]);
      waits.length = 0;
      const asking = bridge(
        () => new Response(null, { status: 429, headers: { "retry-after": "2" } }),
      );
      await executeBridgeFunction({ ...call, fetchImpl: asking.fetchImpl, retry: { attempts: 2 } });
      expect(waits).toEqual([2_000]);
    } finally {
      spy.mockRestore();
    }
  });

  test("does not repeat what the bridge refused, and follows no redirect", async () => {
    const refusing = bridge(json({ success: false, error: "no such function" }, 404));
    expect(await executeBridgeFunction({ ...call, fetchImpl: refusing.fetchImpl })).toEqual({
      ...{ success: false, status: 404, functionKey: "okr.list", error: "no such function" },
    });
    const elsewhere = bridge(() => new Response(null, { status: 302 }));
    expect(await executeBridgeFunction({ ...call, fetchImpl: elsewhere.fetchImpl })).toMatchObject({
      ...{ success: false, status: 302, error: "HTTP 302" },
    });
    expect([...refusing.sent, ...elsewhere.sent]).toHaveLength(2);
  });

  test.each([
    [json({ success: "true", result: 1 }), { success: false, status: 200, result: 1 }],
    [json({ success: true, error: { odd: 1 } }), { success: true, status: 200 }],
    [json([1]), { success: false, status: 200 }],
    [() => new Response('{"success":true}'), { success: false, status: 200 }],
    [
      () => new Response("{", { headers: { "content-type": "application/json" } }),
      { success: false, status: 200 },
    ],
  ])("judges an odd answer without failing", async (reply, expected) => {
    const { fetchImpl } = bridge(reply);
    const answer = await executeBridgeFunction({ ...call, fetchImpl });
    expect(answer).toEqual({ ...expected, functionKey: "okr.list" });
  });

  test("ends a call that gives no answer", async () => {
    const { sent, fetchImpl } = bridge(() => "hang");
    const hanging = { ...call, fetchImpl, timeoutMs: 20, retry: { attempts: 2, baseDelayMs: 50 } };
    await expect(executeBridgeFunction(hanging)).rejects.toThrow(
      "Bridge function 'okr.list' gave no answer within 20 ms.",
    );
    expect(sent).toHaveLength(2);
  });
});

describe("a tool call", () => {
  test("of the bridge is executed, of others not", async () => {
    const { sent, fetchImpl } = bridge(json({ success: true, result: "r" }));
    const call = { toolArgs: { q: 1 }, hydratedConfig: hydrated, fetchImpl, env: {} };
    expect(await maybeExecuteBridgeToolCall({ ...call, toolName: "bash" })).toEqual({
      handled: false,
    });
    expect(sent).toHaveLength(0);
    const done = await maybeExecuteBridgeToolCall({ ...call, toolName: "bridge.okr.get" });
    expect(done).toEqual({
      handled: true,
      functionKey: "okr.get",
      response: { success: true, status: 200, functionKey: "okr.get", result: "r" },
    });
    expect(JSON.parse(sent[0]!.init.body as string)).toEqual({
      functionKey: "okr.get",
      args: { q: 1 },
    });
  });
  test("without a complete config says what is missing, and calls nobody", async () => {
    const { sent, fetchImpl } = bridge(json({}));
    const call = { toolName: "bridge.x", toolArgs: {}, hydratedConfig: null, fetchImpl, env: {} };
    expect(await maybeExecuteBridgeToolCall(call)).toEqual({
      handled: true,
      functionKey: "x",
      response: {
        ...{ success: false, status: 400, functionKey: "x" },
        error: "Agent Bridge config incompleta: baseUrl, serviceId, serviceKey, appKey",
      },
    });
    expect(sent).toHaveLength(0);
  });
});

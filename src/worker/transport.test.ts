import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "./clock.js";
import { FunctionRefused, GatewayUnreachable, TokenRefused } from "./errors.js";
import { createGateway } from "./gateway.js";
import { serve, type FixtureServer } from "./server.fixture.js";
import { httpTransport } from "./transport.js";

const TOKEN = "afw_secretsecretsecretsecret";
let server: FixtureServer;
afterEach(() => server.close());

type Reply = { status: number; body?: string; headers?: Record<string, string>; hang?: boolean };
type Seen = { url: string; authorization: string | undefined; body: unknown };

async function gatewayAnswering(...replies: Reply[]) {
  const seen: Seen[] = [];
  server = await serve((request, body, response) => {
    const { authorization } = request.headers;
    const parsed: unknown = JSON.parse(body.toString("utf8"));
    seen.push({ url: request.url ?? "", authorization, body: parsed });
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    if (reply === undefined || reply.hang) return;
    response.writeHead(reply.status, reply.headers).end(reply.body);
  });
  return seen;
}

const transport = (more: { token?: string; timeoutMs?: number; path?: string } = {}) =>
  httpTransport({
    baseUrl: `${server.url}${more.path ?? "/agent-factory/worker/"}`,
    token: more.token,
    namespace: "agentFactory",
    timeoutMs: more.timeoutMs ?? 2_000,
  });

const success = (value: unknown) => JSON.stringify({ status: "success", value });

async function failure(call: Promise<unknown>): Promise<Error> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("It did not fail.");
}

describe("the addresses", () => {
  test("token in the header", async () => {
    const seen = await gatewayAnswering({ status: 200, body: success(7) });
    expect(await transport({ token: TOKEN })("mutation", "workerPoll", { a: 1 })).toBe(7);
    expect(seen).toEqual([
      {
        url: "/agent-factory/worker/api/mutation",
        authorization: `Bearer ${TOKEN}`,
        body: { path: "agentFactory:workerPoll", args: { a: 1 } },
      },
    ]);
  });

  test("token in the path", async () => {
    const seen = await gatewayAnswering({ status: 200, body: success(null) });
    await transport({ path: `/agent-factory/worker/${TOKEN}` })("query", "workerClaim", {});
    expect(seen[0]).toMatchObject({
      url: `/agent-factory/worker/${TOKEN}/api/query`,
      authorization: undefined,
    });
  });
});

describe("the outcomes", () => {
  const error = (code: string) =>
    JSON.stringify({ status: "error", errorMessage: "no", errorData: { code, message: "no" } });

  test.each([
    [401, error("TOKEN_INVALID"), TokenRefused],
    [560, error("LEASE_LOST"), FunctionRefused],
    [403, error("FORBIDDEN"), FunctionRefused],
    [400, error("INVALID_ARGUMENT"), FunctionRefused],
    [404, "<html>not found</html>", FunctionRefused],
    [302, "", FunctionRefused],
    [500, error("X"), GatewayUnreachable],
    [503, "", GatewayUnreachable],
    [429, "", GatewayUnreachable],
    [200, "<html>captive portal</html>", GatewayUnreachable],
  ])("%i %s", async (status, body, type) => {
    await gatewayAnswering({ status, body, headers: status === 302 ? { location: "/x" } : {} });
    expect(await failure(transport()("mutation", "f", {}))).toBeInstanceOf(type);
  });

  test("codes and waiting times are kept", async () => {
    await gatewayAnswering({ status: 560, body: error("LEASE_LOST") });
    expect(await failure(transport()("mutation", "f", {}))).toMatchObject({
      status: 560,
      code: "LEASE_LOST",
      message: "f: no",
    });
    await server.close();
    await gatewayAnswering({ status: 429, headers: { "retry-after": "3" } });
    expect(await failure(transport()("mutation", "f", {}))).toMatchObject({ retryAfterMs: 3_000 });
  });

  test("a gateway that hangs or is gone is unreachable, and no error holds the token", async () => {
    await gatewayAnswering({ status: 200, hang: true });
    const path = `/${TOKEN}`;
    const hung = await failure(transport({ timeoutMs: 100, path })("mutation", "f", {}));
    expect(hung).toBeInstanceOf(GatewayUnreachable);
    expect(hung.message).toContain("timeout");
    const call = transport({ path });
    await server.close();
    const gone = await failure(call("mutation", "f", {}));
    expect(gone).toBeInstanceOf(GatewayUnreachable);
    expect(gone.message).toContain("ECONNREFUSED");
    for (const error of [hung, gone])
      expect(`${error.message} ${error.stack ?? ""}`).not.toContain(TOKEN);
  });
});

describe("the client", () => {
  const client = () =>
    createGateway({
      transport: transport(),
      workerId: "w1",
      workspaceId: "default",
      clock: systemClock,
      random: () => 0,
    });

  test("repeats what is safe to repeat", async () => {
    const seen = await gatewayAnswering(
      { status: 503 },
      { status: 429 },
      { status: 200, body: success(true) },
    );
    expect(await client().handBack({ messageId: "m", leaseId: "l" }, "why")).toBe(true);
    expect(seen).toHaveLength(3);
    expect(new Set(seen.map((call) => JSON.stringify(call.body))).size).toBe(1);
  });

  test("does not repeat a refusal, nor a poll, nor the record of a send", async () => {
    const seen = await gatewayAnswering({
      status: 560,
      body: JSON.stringify({ status: "error", errorMessage: "no" }),
    });
    await failure(client().handBack({ messageId: "m", leaseId: "l" }, "why"));
    expect(seen).toHaveLength(1);
    await server.close();
    const later = await gatewayAnswering({ status: 503 });
    await failure(client().poll());
    await failure(
      client().recordDelivery(
        { messageId: "m", leaseId: "l" },
        { part: 0, state: "sending", sequence: 1 },
      ),
    );
    expect(later).toHaveLength(2);
  });

  test("sends of a job only what the functions take", async () => {
    const seen = await gatewayAnswering({ status: 200, body: success(true) });
    const job = { messageId: "m", leaseId: "l", conversationId: "c", payload: {} };
    await client().complete(job);
    await client().heartbeat(job);
    for (const call of seen) {
      expect(call.body).toMatchObject({ args: { workerId: "w1", messageId: "m", leaseId: "l" } });
      expect(JSON.stringify(call.body)).not.toContain("payload");
    }
  });

  test("an answer of another shape is refused by name", async () => {
    await gatewayAnswering({ status: 200, body: success({ kind: "idle" }) });
    const error = await failure(client().poll());
    expect(error).toMatchObject({ code: "BAD_ANSWER" });
    expect(error.message).toBe('workerPoll: unreadable answer at "retryAfterMs".');
  });
});

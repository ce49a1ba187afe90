import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { createVirtualClock } from "../clock.fixture.js";
import { ProviderError } from "../provider.js";
import { createFlyClient, type FlyCall, type FlyClientOptions } from "./client.js";
import type { FetchLike } from "./http.js";
import { error } from "./server.fixture.js";

const TOKEN = "fm2_c2VjcmV0LXRva2Vu+/=,fm2_b3RoZXItdG9rZW4";

const get: FlyCall<z.ZodType> = {
  action: "machineGet",
  method: "GET",
  subject: "machine",
  path: "/machines/e784126fe16e98",
  answer: z.looseObject({ id: z.string() }),
  retry: "repeatable",
};
const stop: FlyCall<z.ZodType> = {
  ...get,
  action: "machineStop",
  method: "POST",
  path: `${get.path}/stop`,
  body: {},
  answer: z.unknown(),
};
const create: FlyCall<z.ZodType> = {
  ...get,
  action: "machineCreate",
  method: "POST",
  subject: "app",
  path: "/machines",
  body: {},
  retry: "once",
};

/** A client whose fetch gives these answers in turn, the last one for ever. */
function setup(
  answers: (() => Response | Promise<Response>)[],
  options: Partial<FlyClientOptions> = {},
) {
  const clock = createVirtualClock();
  const start = clock.now();
  const sent: { url: string; init: RequestInit }[] = [];
  const fetch: FetchLike = async (url, init) => {
    const answer = answers[Math.min(sent.length, answers.length - 1)]!;
    sent.push({ url, init });
    return answer();
  };
  const client = createFlyClient({
    appName: "workers",
    token: TOKEN,
    fetch,
    now: clock.now,
    sleep: clock.sleep,
    random: () => 0.5,
    ...options,
  });
  return { client, sent, waited: () => clock.now() - start };
}

async function failure(promise: Promise<unknown>): Promise<ProviderError> {
  const thrown: unknown = await promise.then(
    () => "no error",
    (caught: unknown) => caught,
  );
  expect(thrown).toBeInstanceOf(ProviderError);
  return thrown as ProviderError;
}

const ok = () => Response.json({ id: "e784126fe16e98" });
const reset = () => {
  throw new TypeError(`fetch failed for ${TOKEN}`, { cause: { code: "ECONNRESET" } });
};

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a request", () => {
  test("goes to the right place with our headers and follows no redirect", async () => {
    const { client, sent } = setup([ok], { baseUrl: "https://fly.example/v1/" });
    await client.call({ ...stop, query: { force: "true" } });
    expect(sent[0]?.url).toBe(
      "https://fly.example/v1/apps/workers/machines/e784126fe16e98/stop?force=true",
    );
    expect(sent[0]?.init).toMatchObject({
      method: "POST",
      body: "{}",
      redirect: "manual",
      headers: {
        Authorization: `FlyV1 ${TOKEN}`,
        "Content-Type": "application/json",
        "User-Agent": expect.stringContaining("agent-factory"),
      },
    });
  });

  test("without a body names no content type", async () => {
    const { client, sent } = setup([ok]);
    await client.call(get);
    expect(sent[0]?.init.headers).not.toHaveProperty("Content-Type");
    expect(sent[0]?.init).not.toHaveProperty("body");
  });

  test("is not made for a bad app name", () => {
    for (const appName of ["", "..", "a/b", "A"]) {
      expect(() => setup([ok], { appName })).toThrow(expect.objectContaining({ kind: "invalid" }));
    }
  });
});

describe("time limits", () => {
  const never = () => new Promise<Response>(() => undefined);

  test("a fetch that never answers and ignores its signal ends after the limit", async () => {
    const { client, sent } = setup([never], { timeoutMs: 5 });
    const thrown = await failure(client.call(create));
    expect(thrown).toMatchObject({ kind: "transient", details: { ambiguous: true } });
    expect(thrown.message).toContain("no answer within 5 ms");
    expect(sent).toHaveLength(1);
    expect(sent[0]?.init.signal?.aborted).toBe(true);
  });

  test("the limit covers the body, too", async () => {
    const hanging = () =>
      new Response(new ReadableStream({ pull: () => new Promise(() => undefined) }));
    const { client } = setup([hanging], { timeoutMs: 5 });
    expect(await failure(client.call(create))).toMatchObject({ kind: "transient" });
  });

  test("is 20 s unless told otherwise", async () => {
    vi.useFakeTimers();
    const { client } = setup([never], { sleep: () => Promise.resolve() });
    const outcome = failure(client.call(create));
    await vi.advanceTimersByTimeAsync(19_999);
    expect(await Promise.race([outcome, "waiting"])).toBe("waiting");
    await vi.advanceTimersByTimeAsync(1);
    expect((await outcome).message).toContain("20000 ms");
  });
});

describe("answers that cannot be used", () => {
  test.each([301, 302, 307, 308])("a %i is malformed and not followed", async (status) => {
    const headers = { location: "/v1/apps/workers/" };
    const { client, sent } = setup([() => new Response(null, { status, headers })]);
    expect(await failure(client.call(get))).toMatchObject({
      kind: "malformed",
      details: { status },
    });
    expect(sent).toHaveLength(1);
  });

  test("a redirect that the runtime hides is malformed, too", async () => {
    const hidden = () => Object.defineProperty(new Response(), "type", { value: "opaqueredirect" });
    const { client } = setup([hidden]);
    expect(await failure(client.call(get))).toMatchObject({ kind: "malformed" });
  });

  test.each(['{"id": "abc", ', "<html></html>", "[]", "null", '"ok"', '{"id": 7}', ""])(
    "%j is malformed, and ambiguous on a write",
    async (body) => {
      const { client, sent } = setup([() => new Response(body)]);
      expect(await failure(client.call(get))).toMatchObject({
        kind: "malformed",
        details: { status: 200, ambiguous: false },
      });
      expect(await failure(client.call(create))).toMatchObject({ details: { ambiguous: true } });
      expect(sent).toHaveLength(2);
    },
  );

  test("a body beyond the limit is not read to its end", async () => {
    let chunks = 0;
    const chunk = new Uint8Array(1024 * 1024);
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            chunks += 1;
            controller.enqueue(chunk);
          },
        }),
      );
    const { client } = setup([endless]);
    const thrown = await failure(client.call(get));
    expect(thrown).toMatchObject({ kind: "malformed" });
    expect(thrown.message).toContain("too large");
    expect(chunks).toBeLessThan(20);
  });

  test("a failed read of the body is a network error", async () => {
    const broken = () =>
      new Response(
        new ReadableStream({ pull: (controller) => controller.error(new Error(TOKEN)) }),
      );
    const { client } = setup([broken]);
    const thrown = await failure(client.call(create));
    expect(thrown).toMatchObject({ kind: "transient", details: { ambiguous: true } });
    expect(thrown.message).toMatch(/failed: network error$/);
  });
});

describe("retries", () => {
  test.each([
    ["a read", get],
    ["a stop", stop],
  ])("%s is sent up to three times", async (_what, call) => {
    const { client, sent, waited } = setup([reset, () => error(503, "x"), ok]);
    await expect(client.call(call)).resolves.toBeDefined();
    expect(sent).toHaveLength(3);
    expect(waited()).toBeGreaterThanOrEqual(900);
    const hopeless = setup([() => error(500, "x")]);
    await failure(hopeless.client.call(call));
    expect(hopeless.sent).toHaveLength(3);
  });

  test.each([reset, () => error(408, "x"), () => error(502, "x")])(
    "a create is sent once",
    async (answer) => {
      const { client, sent } = setup([answer, ok]);
      expect(await failure(client.call(create))).toMatchObject({
        kind: "transient",
        details: { ambiguous: true },
      });
      expect(sent).toHaveLength(1);
    },
  );

  test.each([400, 401, 403, 404, 409, 412, 422])("a %i is final", async (status) => {
    const { client, sent } = setup([() => error(status, "no")]);
    await failure(client.call(get));
    expect(sent).toHaveLength(1);
  });

  const limited = (retryAfter?: string) => () =>
    new Response('{"error":"resource_exhausted: rate limit exceeded"}', {
      status: 429,
      headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
    });

  test("a 429 is waited for as long as it says", async () => {
    const { client, sent, waited } = setup([limited("7"), ok]);
    await client.call(create);
    expect(sent).toHaveLength(2);
    expect(waited()).toBe(7_000);
  });

  test.each([undefined, "soon"])(
    "a 429 with Retry-After %j is waited for a while",
    async (after) => {
      const { client, waited } = setup([limited(after), ok]);
      await client.call(create);
      expect(waited()).toBe(1_000);
    },
  );

  test("a 429 that says 'tomorrow' is the caller's business", async () => {
    const { client, sent, waited } = setup([limited("86400")]);
    expect(await failure(client.call(create))).toMatchObject({
      kind: "rateLimited",
      details: { retryAfterMs: 3_600_000 },
    });
    expect([sent.length, waited()]).toEqual([1, 0]);
  });

  test("a 429 for ever ends", async () => {
    const { client, sent } = setup([limited()]);
    expect(await failure(client.call(create))).toMatchObject({ kind: "rateLimited" });
    expect(sent).toHaveLength(3);
  });
});

describe("what an error tells", () => {
  test("method, path, Fly's words, code and request id", async () => {
    const { client } = setup([() => error(412, "failed_precondition: machine still active")]);
    const thrown = await failure(client.call(stop));
    expect(thrown.message).toBe(
      "Fly API POST /apps/workers/machines/e784126fe16e98/stop failed: " +
        "failed_precondition: machine still active (HTTP 412, request 01TEST-fra)",
    );
    expect(thrown.details).toMatchObject({ status: 412, requestId: "01TEST-fra" });
  });

  test("no page of a proxy", async () => {
    const { client } = setup([() => new Response("<!DOCTYPE html><p>secret", { status: 502 })]);
    expect((await failure(client.call(create))).message).toContain(
      "a page that is not from the API",
    );
  });

  test("never the token or a value of the request, and nothing is logged", async () => {
    const logs = (["log", "info", "warn", "error", "debug"] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation(() => undefined),
    );
    const password = "correct horse battery";
    const echo = `bad: FlyV1 ${TOKEN} and ${TOKEN.split(",")[1]} and ${password} ${"x".repeat(5_000)}`;
    const answers = [
      reset,
      () => error(400, echo),
      () => error(401, echo),
      () => error(500, echo),
      () => new Response(echo, { status: 404 }),
      () => new Response(echo),
      () => Response.json({ id: { env: password } }),
    ];
    for (const answer of answers) {
      const { client } = setup([answer]);
      const thrown = await failure(client.call({ ...create, secrets: [password] }));
      const everything = `${thrown.stack} ${JSON.stringify(thrown)} ${String(thrown.cause)}`;
      for (const secret of [...TOKEN.split(","), "c2VjcmV0", password]) {
        expect(everything).not.toContain(secret);
      }
      expect(thrown.message.length).toBeLessThan(500);
    }
    for (const log of logs) expect(log).not.toHaveBeenCalled();
  });
});

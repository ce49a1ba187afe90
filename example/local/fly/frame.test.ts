import { describe, expect, test } from "vitest";
import { field, setup } from "./client.setup.js";

describe("the door", () => {
  test.each([
    ["GET", "http://fly.test/v1/nowhere"],
    ["PATCH", "/machines"],
    ["GET", "http://fly.test/v2/apps/local-workers"],
  ])("%s %s is a plain 404 before any token is looked at", async (method, path) => {
    const { call } = setup();
    const answer = await call(method, path, undefined, "Bearer wrong");
    expect(answer).toMatchObject({ status: 404, text: "404 page not found" });
    expect(answer.headers.get("content-type")).toContain("text/plain");
  });

  test("an empty path segment is redirected to the cleaned path", async () => {
    const { call } = setup();
    const answer = await call("GET", "/machines//wait?state=started");
    expect(answer.status).toBe(301);
    expect(answer.text).toBe("");
    expect(answer.headers.get("location")).toBe(
      "/v1/apps/local-workers/machines/wait?state=started",
    );
  });

  test("each answer has a request id of its own", async () => {
    const { call } = setup();
    const ids = [await call("GET", ""), await call("GET", "/machines")].map(({ headers }) =>
      headers.get("fly-request-id"),
    );
    expect(ids[0]).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}-fra$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  test("the log tells what was asked, but not with which token", async () => {
    const { create, control } = setup();
    await create({ name: "worker-1" });
    expect(control.log()).toMatchObject([
      { action: "machine_launch", method: "POST", status: 200, query: "" },
    ]);
    expect(JSON.stringify(control.log())).not.toContain("fm2_local");
  });
});

describe("tokens", () => {
  const REFUSED = '{"error":"Authenticate: token validation error"}\n';

  test.each([
    ["Bearer fm2_local", 200],
    ["FlyV1 fm2_local", 200],
    ["flyv1 fm2_local,fm2_discharge", 200],
    ["Bearer FlyV1fm2_local", 401],
    ["Bearer FlyV1 fm2_local", 401],
    ["Bearer other", 401],
    ["Basic fm2_local", 401],
    ["fm2_local", 401],
    ["", 401],
  ])("%j is answered with %i", async (header, status) => {
    const { call } = setup();
    const answer = await call("GET", "", undefined, header);
    expect(answer.status).toBe(status);
    if (status !== 401) return;
    expect(answer.text).toBe(REFUSED);
    expect(answer.headers.get("www-authenticate")).toBe('Basic realm="api.machines.dev"');
  });

  test("a revoked token is refused while its machines keep running", async () => {
    const { call, create, control } = setup();
    await create();
    await control.advance(10_000);
    control.revokeToken("FlyV1 fm2_local");
    expect((await call("GET", "/machines")).status).toBe(401);
    expect(control.bill().runningNow).toBe(1);
  });

  test("what a token may do ends at its scope", async () => {
    const { call, control } = setup();
    control.addApp("other");
    control.addApp("abroad", "elsewhere");
    control.addToken("reader", { scope: "readonly", org: "local" });
    control.addToken("old", { scope: "expired", org: "local" });
    const url = "http://fly.test/v1/apps";
    expect((await call("GET", "/machines", undefined, "Bearer reader")).status).toBe(200);
    expect((await call("POST", "/machines", {}, "Bearer reader")).text).toContain("unauthorized");
    expect((await call("GET", "", undefined, "Bearer old")).status).toBe(401);
    expect((await call("GET", `${url}/other`)).status).toBe(403);
    expect((await call("GET", `${url}/abroad`, undefined, "Bearer reader")).status).toBe(403);
    expect(await call("GET", `${url}/unknown/machines`)).toMatchObject({
      status: 404,
      text: '{"error":"Could not find App \\"unknown\\""}\n',
    });
    control.switches.otherAppStatus = 404;
    expect((await call("GET", `${url}/other`)).status).toBe(404);
  });

  test("a macaroon may be made to insist on its own scheme", async () => {
    const { call } = setup({ switches: { requireFlyV1ForMacaroon: true } });
    expect((await call("GET", "", undefined, "Bearer fm2_local")).status).toBe(401);
    expect((await call("GET", "", undefined, "FlyV1 fm2_local")).status).toBe(200);
  });
});

describe("rate limits", () => {
  test("three creates pass, the fourth waits a second, and nothing is made in vain", async () => {
    const { create, control } = setup();
    const statuses = [];
    for (let attempt = 0; attempt < 4; attempt++) statuses.push((await create()).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect(control.machines()).toHaveLength(3);
    await control.advance(1000);
    expect((await create()).status).toBe(200);
    expect(await create()).toMatchObject({
      status: 429,
      text: '{"error":"resource_exhausted: rate limit exceeded"}\n',
    });
  });

  test("ten reads of one machine pass, and another machine has a bucket of its own", async () => {
    const { call, create } = setup();
    const [one, two] = [field(await create(), "id"), field(await create(), "id")];
    const statuses = [];
    for (let attempt = 0; attempt < 11; attempt++) {
      statuses.push((await call("GET", `/machines/${one}`)).status);
    }
    expect(statuses).toEqual([...Array<number>(10).fill(200), 429]);
    expect((await call("GET", `/machines/${two}`)).status).toBe(200);
  });

  test.each([
    ["none", null],
    ["seconds", /^1$/],
    ["httpDate", /GMT$/],
    ["garbage", /^soon$/],
    ["huge", /^86400$/],
  ] as const)("Retry-After can be %s", async (mode, header) => {
    const { call, control } = setup();
    control.limits.retryAfter = mode;
    for (let attempt = 0; attempt < 3; attempt++) await call("GET", "/machines");
    const value = (await call("GET", "/machines")).headers.get("retry-after");
    if (header === null) expect(value).toBeNull();
    else expect(value).toMatch(header);
  });
});

describe("broken rules", () => {
  test("deleting the app makes close throw", async () => {
    const { call, core } = setup();
    expect((await call("DELETE", "")).status).toBe(202);
    await expect(core.close()).rejects.toThrow("the whole app local-workers was deleted");
  });

  test("a token in a machine's environment or a URL is noticed", async () => {
    const { call, create, control } = setup();
    await create({}, { env: { FLY_TOKEN: "fm2_local" } });
    await call("GET", "/machines?token=fm2_local");
    expect(control.violations()).toEqual([
      "a token is in the body of machine_launch",
      "a token is in the URL of machine_list",
    ]);
  });

  test("a secret belongs in the environment, not in metadata", async () => {
    const { create, control } = setup({ secrets: ["worker-secret"] });
    await create({ name: "a" }, { env: { KEY: "worker-secret" } });
    expect(control.violations()).toEqual([]);
    await create({ name: "b" }, { metadata: { key: "worker-secret" } });
    expect(control.violations()).toHaveLength(1);
  });
});

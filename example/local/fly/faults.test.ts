import { describe, expect, test } from "vitest";
import { field, setup } from "./client.setup.js";

describe("faults", () => {
  test("a lost answer after a create leaves exactly one machine", async () => {
    const { create, control } = setup();
    control.scenario("ambiguousCreate408");
    expect(await create({ name: "worker-1" })).toMatchObject({
      status: 408,
      text: '{"error":"deadline_exceeded"}\n',
    });
    expect(control.machines()).toMatchObject([{ name: "worker-1" }]);
    expect((await create({ name: "worker-1" })).status).toBe(409);
  });

  test("a reset after a create is a network error for the client, and a machine for the server", async () => {
    const { create, control } = setup();
    control.scenario("ambiguousCreateReset");
    await expect(create()).rejects.toThrow(TypeError);
    expect(control.machines()).toHaveLength(1);
  });

  test("a fault before the request leaves nothing", async () => {
    const { create, control } = setup();
    control.scenario("createNotCommitted");
    expect(await create()).toMatchObject({ status: 503, text: "" });
    expect(control.machines()).toEqual([]);
    expect((await create()).status).toBe(200);
  });

  test("a rule strikes the nth request that matches, as often as it was told", async () => {
    const { call, control } = setup({ rateLimits: false });
    const effect = { kind: "status", status: 500 } as const;
    control.fault({ match: { action: "machine_list", nth: 2 }, effect });
    const twice = control.fault({ match: { path: "/volumes" }, times: 2, effect });
    const statuses = async (path: string) => {
      const answers = [await call("GET", path), await call("GET", path), await call("GET", path)];
      return answers.map(({ status }) => status);
    };
    expect(await statuses("/machines")).toEqual([200, 500, 200]);
    expect(await statuses("/volumes")).toEqual([500, 500, 200]);
    expect(twice.hits()).toBe(2);
  });

  test("a rule for one machine leaves the others alone, and ends with its time", async () => {
    const { call, create, control } = setup();
    const [one, two] = [field(await create(), "id"), field(await create(), "id")];
    const effect = { kind: "status", status: 502, html: "<h1>Bad</h1>" } as const;
    control.fault({ match: { machineId: one }, forMs: 5000, effect });
    const answer = await call("GET", `/machines/${one}`);
    expect(answer).toMatchObject({ status: 502, text: "<h1>Bad</h1>" });
    expect(answer.headers.get("content-type")).toBe("text/html");
    expect((await call("GET", `/machines/${two}`)).status).toBe(200);
    await control.advance(5000);
    expect((await call("GET", `/machines/${one}`)).status).toBe(200);
  });

  test("answers can be cut, misshapen, late or missing", async () => {
    const { call, create, core, control } = setup({ rateLimits: false });
    await create();
    control.fault({ times: 1, phase: "after", effect: { kind: "truncateJson" } });
    expect((await call("GET", "/machines")).json).toBeUndefined();
    control.fault({ times: 1, effect: { kind: "wrongShape", json: null } });
    expect((await call("GET", "/machines")).json).toBeNull();

    await create();
    control.fault({ times: 1, phase: "after", effect: { kind: "omit", from: 1, every: 2 } });
    expect((await call("GET", "/machines")).json).toHaveLength(1);
    expect((await call("GET", "/machines")).json).toHaveLength(2);

    control.fault({ times: 1, effect: { kind: "delay", ms: 15_000 } });
    let done = false;
    const late = call("GET", "/machines").then(() => (done = true));
    await control.advance(14_999);
    expect(done).toBe(false);
    await control.advance(1);
    await late;

    control.fault({ effect: { kind: "hang" } });
    const abort = new AbortController();
    const hanging = core.fetch("http://fly.test/v1/apps/local-workers", { signal: abort.signal });
    abort.abort(new Error("the client has had enough"));
    await expect(hanging).rejects.toThrow("had enough");
    const cut = call("GET", "/machines");
    await control.advance(1);
    await Promise.all([expect(cut).rejects.toThrow(TypeError), core.close()]);
  });
});

describe("capacity", () => {
  test.each([
    [
      "regionFull",
      422,
      { error: "could not find a candidate host", status: "insufficient_capacity" },
    ],
    ["regionFull503", 503, { error: "out of capacity", status: "insufficient_capacity" }],
    [
      "hostFull",
      409,
      {
        error:
          "aborted: could not reserve resource for machine: insufficient memory available to fulfill request on the current host",
      },
    ],
    [
      "machineLimit",
      422,
      { error: expect.stringContaining("reached its machine limit") as string },
    ],
    ["regionQuota", 403, { error: expect.stringContaining("over the allowed quota") as string }],
    ["unknownStatus", 422, { status: "something_new" }],
    ["textWithoutStatus", 409, { error: "aborted: no capacity" }],
    ["statusWithMisleadingText", 409, { error: "aborted: no capacity", status: "unknown" }],
  ] as const)("%s refuses a create with %i", async (mode, status, body) => {
    const { create, control } = setup();
    control.capacity.set("fra", mode);
    expect(await create()).toMatchObject({ status, json: body });
    expect((await create({ region: "ams" })).status).toBe(200);
    control.capacity.set("fra", "ok");
    expect((await create()).status).toBe(200);
  });

  test("what is left is handed out before a region is full", async () => {
    const { create, control } = setup({ rateLimits: false });
    control.capacity.set("fra", "regionFull", { n: 2 });
    const statuses = [await create(), await create(), await create()].map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 422]);
  });

  test("a region may be out of volumes only", async () => {
    const { call, create, control } = setup();
    control.capacity.set("fra", "volumeNoCapacity");
    const refused = await call("POST", "/volumes", { name: "data", region: "fra" });
    expect(refused).toMatchObject({ status: 409, json: { error: "aborted: no capacity" } });
    expect((await create()).status).toBe(200);
  });
});

describe("other hands", () => {
  test("machines of others are seen, but are not ours to count", async () => {
    const { call, control } = setup();
    const { volumeId } = control.createForeignMachine({ name: "theirs", volume: true });
    expect((await call("GET", "/machines")).json).toMatchObject([{ name: "theirs" }]);
    expect(volumeId).toMatch(/^vol_[0-9a-z]{16}$/);
    expect(control.bill().peakMachines).toBe(0);
    control.expectNoCost();
  });

  test("an operator may destroy, and a state may have a name that nobody knows", async () => {
    const { call, create, control } = setup();
    const id = field(await create(), "id");
    control.showState(id, "hibernating");
    expect((await call("GET", `/machines/${id}`)).json).toMatchObject({ state: "hibernating" });
    control.showState(id, null);
    control.operatorDestroy(id);
    await control.advance(5000);
    expect((await call("GET", `/machines/${id}`)).json).toMatchObject({ state: "destroyed" });
  });
});

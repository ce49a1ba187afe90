import { describe, expect, test } from "vitest";
import { field, setup } from "./client.setup.js";

const NOT_STOPPED =
  '{"error":"failed_precondition: unable to destroy machine, not currently stopped or suspended"}\n';

describe("create, stop, destroy", () => {
  test("a DELETE straight after a stop is refused until the machine has stopped", async () => {
    const { call, create, control, core } = setup();
    const created = await create({ name: "worker-1" });
    expect(created.status).toBe(200);
    expect(created.json).toMatchObject({
      name: "worker-1",
      state: "created",
      region: "fra",
      incomplete_config: null,
      host_status: "ok",
      config: {
        guest: { cpu_kind: "shared", cpus: 1, memory_mb: 256 },
        restart: { policy: "on-failure", max_retries: 10 },
        init: {},
      },
      image_ref: { registry: "registry.fly.io", repository: "workers", tag: "1" },
      events: [{ type: "launch", status: "created", source: "user", request: null }],
    });
    const id = field(created, "id");
    expect(id).toMatch(/^[0-9a-f]{14}$/);

    const waiting = call("GET", `/machines/${id}/wait?state=started`);
    await control.advance(10_000);
    expect((await waiting).json).toMatchObject({ ok: true, state: "started" });

    expect(await call("POST", `/machines/${id}/stop`, {})).toMatchObject({
      status: 200,
      text: '{"ok":true}',
    });
    const refused = await call("DELETE", `/machines/${id}`);
    expect(refused).toMatchObject({ status: 412, text: NOT_STOPPED });

    await control.advance(6000);
    expect((await call("GET", `/machines/${id}`)).json).toMatchObject({ state: "stopped" });
    expect((await call("DELETE", `/machines/${id}`)).text).toBe('{"ok":true}');
    expect((await call("GET", `/machines/${id}`)).json).toMatchObject({ state: "destroying" });
    await control.advance(6000);
    expect((await call("GET", `/machines/${id}`)).json).toMatchObject({ state: "destroyed" });
    expect((await call("GET", "/machines")).json).toEqual([]);
    expect((await call("DELETE", `/machines/${id}`)).status).toBe(404);
    await control.advance(30_000);
    expect(await call("GET", `/machines/${id}`)).toMatchObject({
      status: 404,
      text: '{"error":"not_found: machine not found"}\n',
    });
    await core.close();
  });

  test.each(["force=true", "force=1", "kill=true"])(
    "%s destroys a running machine",
    async (query) => {
      const { call, create, control } = setup();
      const id = field(await create(), "id");
      await control.advance(10_000);
      expect((await call("DELETE", `/machines/${id}?${query}`)).status).toBe(200);
      await control.advance(10_000);
      control.expectNoCost();
    },
  );

  test("auto_destroy removes the machine at its exit, with any code", async () => {
    for (const code of [0, 3]) {
      const { create, control } = setup();
      const config = { auto_destroy: true, restart: { policy: "no" } };
      const id = field(await create({}, config), "id");
      await control.advance(10_000);
      control.exit(id, code);
      expect(control.machines()[0]?.state).toBe("destroying");
      await control.advance(5000);
      expect(control.machines()[0]?.state).toBe("destroyed");
    }
  });

  test("on-failure restarts a crashing process until its retries are used up", async () => {
    const { create, control } = setup({ timings: "instant" });
    const id = field(await create({}, { restart: { policy: "on-failure", max_retries: 2 } }), "id");
    for (const state of ["started", "started", "stopped"]) {
      await control.advance(1);
      control.exit(id, 1);
      await control.advance(1);
      expect(control.machines()[0]?.state).toBe(state);
    }
  });

  test("running out of memory is told in the exit event", async () => {
    const { call, create, control } = setup();
    const id = field(await create({}, { restart: { policy: "no" } }), "id");
    await control.advance(10_000);
    control.oom(id);
    const events = await call("GET", `/machines/${id}/events?limit=1`);
    expect(events.json).toMatchObject([
      { type: "exit", request: { exit_event: { exit_code: 137, oom_killed: true } } },
    ]);
  });

  test("a start too early after a stop is refused, later it is accepted", async () => {
    const { call, create, control } = setup({ timings: { startRefusal: [8000, 8000] } });
    const id = field(await create(), "id");
    await control.advance(10_000);
    await call("POST", `/machines/${id}/stop`);
    await control.advance(5000);
    expect(await call("POST", `/machines/${id}/start`)).toMatchObject({
      status: 412,
      json: { error: "failed_precondition: machine still active, refusing to start" },
    });
    await control.advance(8000);
    const started = await call("POST", `/machines/${id}/start`);
    expect(started.json).toEqual({ previous_state: "stopped", migrated: false, new_host: "" });
  });
});

describe("names", () => {
  test("belong to one live machine and are free again once it is destroyed", async () => {
    const { call, create, control } = setup();
    const id = field(await create({ name: "worker-1" }), "id");
    const conflict = {
      status: 409,
      json: {
        error: `already_exists: unique machine name violation, machine ID ${id} already exists with name "worker-1"`,
      },
    };
    expect(await create({ name: "worker-1" })).toMatchObject(conflict);
    await call("DELETE", `/machines/${id}?force=true`);
    await control.advance(100);
    expect(await create({ name: "worker-1" })).toMatchObject(conflict);
    await control.advance(10_000);
    expect((await create({ name: "worker-1" })).status).toBe(200);
  });
});

describe("reading", () => {
  test("a list is filtered by metadata, region and state", async () => {
    const { call, create, control } = setup();
    await create({ name: "ours" }, { metadata: { owner: "a", role: "worker" } });
    await create({ name: "theirs", region: "ams" }, { metadata: { owner: "b", role: "worker" } });
    const list = async (query: string) => {
      await control.advance(2000);
      return (await call("GET", `/machines?${query}`)).json;
    };
    expect(await list("metadata.owner=a&metadata.role=worker")).toMatchObject([{ name: "ours" }]);
    expect(await list("metadata.owner=a&metadata.role=boss")).toEqual([]);
    expect(await list("region=ams")).toMatchObject([{ name: "theirs" }]);
    expect(await list("state=stopped,suspended")).toEqual([]);
    const [summary] = (await list("summary=true&region=ams")) as Record<string, unknown>[];
    expect(summary).not.toHaveProperty("config");
  });

  test("a machine stays invisible for the read lag after its creation", async () => {
    const { call, create, control } = setup({ switches: { readLagMs: 10_000 } });
    const id = field(await create(), "id");
    expect((await call("GET", `/machines/${id}`)).status).toBe(404);
    expect((await call("DELETE", `/machines/${id}?force=true`)).status).toBe(404);
    expect((await call("GET", "/machines")).json).toEqual([]);
    await control.advance(10_000);
    expect((await call("GET", `/machines/${id}`)).status).toBe(200);
  });

  test("a lagging list shows an older state than a GET", async () => {
    const { call, create, control } = setup({ switches: { listLagMs: 60_000 } });
    const id = field(await create(), "id");
    await control.advance(10_000);
    expect((await call("GET", `/machines/${id}`)).json).toMatchObject({ state: "started" });
    expect((await call("GET", "/machines")).json).toMatchObject([{ state: "created" }]);
  });
});

describe("wait", () => {
  test("ends with 408 when the state is not reached", async () => {
    const { call, create, control } = setup();
    const id = field(await create({ skip_launch: true }), "id");
    const waiting = call("GET", `/machines/${id}/wait?timeout=2`);
    await control.advance(2000);
    expect(await waiting).toMatchObject({
      status: 408,
      json: {
        error:
          "deadline_exceeded: machine failed to reach desired state, started, currently created",
      },
    });
  });

  test.each(["0", "61", "x"])("refuses a timeout of %s", async (timeout) => {
    const { call, create } = setup();
    const id = field(await create(), "id");
    const answer = await call("GET", `/machines/${id}/wait?timeout=${timeout}`);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("value must be inside range [1s, 1m0s]");
  });

  test("ends with 404 when the machine goes away meanwhile", async () => {
    const { call, create, control } = setup();
    const id = field(await create(), "id");
    const waiting = call("GET", `/machines/${id}/wait?state=stopped`);
    await call("DELETE", `/machines/${id}?force=true`);
    await control.advance(10_000);
    expect((await waiting).status).toBe(404);
  });
});

describe("bodies", () => {
  test.each([
    [{ region: "fra" }, 400],
    [{ region: "nowhere", config: { image: "a" } }, 400],
    [{ config: { image: "a", guest: { cpu_kind: "shared", cpus: 1, memory_mb: 300 } } }, 422],
    [{ config: { image: "a", guest: { cpu_kind: "shared", cpus: 1, memory_mb: 4096 } } }, 422],
    [{ config: { image: "a", guest: { cpu_kind: "performance", cpus: 1, memory_mb: 512 } } }, 422],
    ["{", 400],
  ])("create refuses %j with %i and makes nothing", async (body, status) => {
    const { call, control } = setup();
    expect((await call("POST", "/machines", body)).status).toBe(status);
    expect(control.machines()).toEqual([]);
  });

  test("an array as the body of stop is refused in the words of the real service", async () => {
    const { call, create, control } = setup();
    const id = field(await create(), "id");
    await control.advance(10_000);
    expect(await call("POST", `/machines/${id}/stop`, [])).toMatchObject({
      status: 400,
      text: '{"error":"json: cannot unmarshal array into Go value of type main.stopRequest"}\n',
    });
    const wrongTime = await call("POST", `/machines/${id}/stop`, { timeout: "soon" });
    expect(wrongTime.status).toBe(400);
  });

  test("an image that the registry lacks is refused until it arrives", async () => {
    const { create, control } = setup();
    control.missImage("registry.fly.io/workers:1", 5000);
    const answer = await create();
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("MANIFEST_UNKNOWN");
    await control.advance(5000);
    expect((await create()).status).toBe(200);
  });
});

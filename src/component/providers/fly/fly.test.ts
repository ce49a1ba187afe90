import { describe, expect, test } from "vitest";
import { createVirtualClock } from "../clock.fixture.js";
import { conformanceSpec, describeProviderConformance } from "../provider.conformance.js";
import { createFaultyFetch } from "./faults.fixture.js";
import { createFlyProvider } from "./fly.js";
import { createFlyServer, error } from "./server.fixture.js";

function setup() {
  const clock = createVirtualClock();
  const server = createFlyServer({ app: "workers", now: clock.now });
  const faulty = createFaultyFetch(server.fetch);
  const provider = createFlyProvider({
    appName: "workers",
    token: "fm2_test",
    baseUrl: "http://127.0.0.1:1/v1/",
    fetch: faulty.fetch,
    now: clock.now,
    sleep: clock.sleep,
    random: () => 0.5,
  });
  return { clock, server, faulty, provider };
}

describeProviderConformance("Fly", () => {
  const { clock, server, faulty, provider } = setup();
  return {
    provider,
    inject: faulty.inject,
    advance: clock.advance,
    addForeignMachine: (name, tags) => Promise.resolve(server.addMachine(name, tags)),
    rateLimitHits: faulty.rateLimitHits,
  };
});

const posts = (server: ReturnType<typeof setup>["server"], path: string) =>
  server.requests.filter((seen) => seen.method === "POST" && seen.path.endsWith(path));

describe("what is sent", () => {
  test("a machine that Fly neither restarts nor keeps, in its region, on its volume", async () => {
    const { provider, server } = setup();
    await provider.createMachine(conformanceSpec("afw-1", { stopTimeoutSeconds: 900 }));
    const [machine] = posts(server, "/machines");
    expect(machine?.body).toEqual({
      name: "afw-1",
      region: "fra",
      config: {
        image: "registry.fly.io/worker:1",
        env: { AGENT_FACTORY_WORKER_ID: "afw-1" },
        metadata: conformanceSpec("afw-1").tags,
        guest: { cpu_kind: "shared", cpus: 1, memory_mb: 2048 },
        restart: { policy: "no" },
        auto_destroy: true,
        stop_config: { signal: "SIGTERM", timeout: "300s" },
        mounts: [{ volume: [...server.volumes.keys()][0], path: "/data" }],
      },
    });
    expect(posts(server, "/volumes")[0]?.body).toEqual({
      name: "vol_afw_1",
      region: "fra",
      size_gb: 1,
      encrypted: true,
      auto_backup_enabled: false,
      snapshot_retention: 1,
      require_unique_zone: false,
      compute: { cpu_kind: "shared", cpus: 1, memory_mb: 2048 },
    });
    expect(machine?.headers.get("authorization")).toBe("FlyV1 fm2_test");
  });

  test("a stop without and with its own grace, a destroy without and with force", async () => {
    const { provider, server } = setup();
    const id = server.addMachine("other", {});
    await provider.stopMachine(id);
    await provider.stopMachine(id, { timeoutSeconds: 30 });
    await provider.destroyMachine(id).catch(() => undefined);
    await provider.destroyMachine(id, { force: true });
    expect(server.requests.map(({ method, search, body }) => [method, search, body])).toEqual([
      ["POST", "", {}],
      ["POST", "", { timeout: "30s" }],
      ["DELETE", "", undefined],
      ["DELETE", "?force=true", undefined],
    ]);
  });

  test.each([
    { name: "Upper" },
    { name: "" },
    { region: "" },
    { region: "iad,eu" },
    { tags: {} },
    { stopTimeoutSeconds: 0 },
    { stopTimeoutSeconds: NaN },
    { volume: { name: "with-dash", path: "/data", sizeGb: 1 } },
  ])("a spec that cannot work is refused: %o", async (overrides) => {
    const { provider, server } = setup();
    const spec = { ...conformanceSpec("afw-1", { volume: null }), ...overrides };
    await expect(provider.createMachine(spec)).rejects.toMatchObject({ kind: "invalid" });
    expect(posts(server, "/machines")).toEqual([]);
  });

  test.each(["..", ".", "", "a/b", "machine?x=1", "ABCDEF1234"])(
    "the id %j never reaches a URL",
    async (id) => {
      const { provider, server } = setup();
      const calls = [
        () => provider.getMachine(id),
        () => provider.destroyMachine(id, { force: true }),
        () => provider.cordonMachine(id),
        () => provider.stopMachine(id),
        () => provider.deleteVolume(id),
        () => provider.getVolume(id),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ kind: "invalid" });
      expect(server.requests).toEqual([]);
    },
  );
});

describe("volumes of earlier attempts", () => {
  test("one that is left behind is used", async () => {
    const { provider, server } = setup();
    const volumeId = server.addVolume({ name: "vol_afw_1" });
    const made = await provider.createMachine(conformanceSpec("afw-1"));
    expect(made.volumeIds).toEqual([volumeId]);
    expect(posts(server, "/volumes")).toEqual([]);
  });

  test.each([
    { region: "iad" },
    { size_gb: 10 },
    { state: "pending_destroy" },
    { name: "vol_afw_2" },
    { attached_machine_id: "0000000000feed" },
  ])("one that does not fit is not: %o", async (difference) => {
    const { provider, server } = setup();
    const volumeId = server.addVolume({ name: "vol_afw_1", ...difference });
    const made = await provider.createMachine(conformanceSpec("afw-1"));
    expect(made.volumeIds).not.toContain(volumeId);
    expect(posts(server, "/volumes")).toHaveLength(1);
  });

  test("one whose create lost its answer is found again", async () => {
    const { provider, server } = setup();
    server.before = ({ method, path, body }) => {
      if (method !== "POST" || !path.endsWith("/volumes")) return undefined;
      server.addVolume({ name: String(body?.name) });
      return new Response("upstream timed out", { status: 504 });
    };
    const made = await provider.createMachine(conformanceSpec("afw-1"));
    expect(made.volumeIds).toEqual([...server.volumes.keys()]);
    expect(posts(server, "/volumes")).toHaveLength(1);
  });

  test("a volume create that leaves no trace is ambiguous and makes no machine", async () => {
    const { provider, server } = setup();
    server.before = ({ method, path }) =>
      method === "POST" && path.endsWith("/volumes") ? error(503, "unavailable") : undefined;
    await expect(provider.createMachine(conformanceSpec("afw-1"))).rejects.toMatchObject({
      kind: "transient",
      details: { ambiguous: true },
    });
    expect(posts(server, "/volumes")).toHaveLength(1);
    expect(posts(server, "/machines")).toEqual([]);
  });

  test.each([
    error(400, "volume not found"),
    error(412, "failed_precondition: volume already claimed by machine \0\0\0\0"),
  ])("one that turns out lost is replaced, once", async (refusal) => {
    const { provider, server } = setup();
    const volumeId = server.addVolume({ name: "vol_afw_1" });
    const mountsIt = (body: unknown) => JSON.stringify(body).includes(volumeId);
    server.before = ({ method, path, body }) =>
      method === "POST" && path.endsWith("/machines") && mountsIt(body)
        ? refusal.clone()
        : undefined;
    const made = await provider.createMachine(conformanceSpec("afw-1"));
    expect(made.volumeIds).toHaveLength(1);
    expect(made.volumeIds).not.toContain(volumeId);
    server.before = ({ method, path }) =>
      method === "POST" && path.endsWith("/machines") ? refusal.clone() : undefined;
    await expect(provider.createMachine(conformanceSpec("afw-3"))).rejects.toMatchObject({
      details: { status: refusal.status },
    });
    expect(posts(server, "/machines")).toHaveLength(4);
  });

  test("one made for a name that somebody else has is not left behind", async () => {
    const { provider, server } = setup();
    server.addMachine("afw-1", { managed_by: "somebody" });
    const leftBehind = server.addVolume({ name: "vol_afw_2" });
    server.addMachine("afw-2", { managed_by: "somebody" });
    for (const name of ["afw-1", "afw-2"]) {
      const refused = provider.createMachine(conformanceSpec(name));
      await expect(refused).rejects.toMatchObject({ kind: "nameConflict" });
    }
    const alive = (await provider.listVolumes()).filter((volume) => !volume.dying);
    expect(alive.map((volume) => volume.volumeId)).toEqual([leftBehind]);
  });

  test("one on a full host is given up, so that the next attempt goes elsewhere", async () => {
    const { provider, server } = setup();
    server.before = ({ method, path }) =>
      method === "POST" && path.endsWith("/machines")
        ? error(412, "insufficient resources", { status: "volume_placement_capacity" })
        : undefined;
    await expect(provider.createMachine(conformanceSpec("afw-1"))).rejects.toMatchObject({
      kind: "capacity",
      details: { scope: "host" },
    });
    expect((await provider.listVolumes()).map((volume) => volume.dying)).toEqual([true]);
  });
});

describe("creates without a clear answer", () => {
  test("nothing visible: transient and ambiguous, sent once", async () => {
    const { provider, server } = setup();
    server.before = ({ method }) => (method === "POST" ? error(408, "timeout") : undefined);
    const spec = conformanceSpec("afw-1", { volume: null });
    await expect(provider.createMachine(spec)).rejects.toMatchObject({
      kind: "transient",
      details: { ambiguous: true, status: 408, requestId: "01TEST-fra" },
    });
    expect(posts(server, "/machines")).toHaveLength(1);
  });

  test("an answer that is cut off counts as lost", async () => {
    const { provider, server } = setup();
    let cut = true;
    server.before = ({ method, body }) => {
      if (method !== "POST" || !cut) return undefined;
      cut = false;
      const { name, config } = body as {
        name: string;
        config: { metadata: Record<string, string> };
      };
      server.addMachine(name, config.metadata);
      return new Response('{"id": "00000000000001", "name": "af');
    };
    const spec = conformanceSpec("afw-1", { volume: null });
    expect(await provider.createMachine(spec)).toMatchObject({ name: "afw-1", phase: "running" });
    expect(server.machines.size).toBe(1);
  });

  test("a taken name whose machine is not visible yet is ambiguous, not a conflict", async () => {
    const { provider, server } = setup();
    const text = `already_exists: unique machine name violation, machine ID 0000000000beef already exists with name "afw-1"`;
    server.before = ({ method }) => (method === "POST" ? error(409, text) : undefined);
    const spec = conformanceSpec("afw-1", { volume: null });
    await expect(provider.createMachine(spec)).rejects.toMatchObject({
      kind: "transient",
      details: { ambiguous: true, machineId: "0000000000beef" },
    });
  });

  test("a machine that does not show its tags is not adopted", async () => {
    const { provider, server } = setup();
    const id = server.addMachine("afw-1", {});
    server.before = ({ path }) =>
      path.endsWith(id)
        ? Response.json({ id, name: "afw-1", state: "started", host_status: "unreachable" })
        : undefined;
    const spec = conformanceSpec("afw-1", { volume: null });
    await expect(provider.createMachine(spec)).rejects.toMatchObject({ kind: "transient" });
  });

  test("a second machine of the same name with one tag missing is a conflict", async () => {
    const { provider, server } = setup();
    const { agent_factory_worker: _worker, ...tags } = conformanceSpec("afw-1").tags;
    server.addMachine("afw-1", tags);
    const spec = conformanceSpec("afw-1", { volume: null });
    await expect(provider.createMachine(spec)).rejects.toMatchObject({ kind: "nameConflict" });
  });

  test("a 429 is waited for, a create included", async () => {
    const { provider, server } = setup();
    let refusals = 2;
    server.before = ({ method }) =>
      method === "POST" && refusals-- > 0
        ? error(429, "resource_exhausted: rate limit exceeded")
        : undefined;
    await provider.createMachine(conformanceSpec("afw-1", { volume: null }));
    expect(posts(server, "/machines").map((seen) => seen.status)).toEqual([429, 429, 200]);
  });
});

describe("what an absence proves", () => {
  test("an unknown app is not an absent machine", async () => {
    const { provider, server } = setup();
    server.before = () => error(404, 'Could not find App "workers"');
    const id = "0000000000beef";
    await expect(provider.getMachine(id)).rejects.toMatchObject({ kind: "appMissing" });
    await expect(provider.destroyMachine(id)).rejects.toMatchObject({ kind: "appMissing" });
    await expect(provider.checkAccess()).rejects.toMatchObject({ kind: "appMissing" });
    await expect(provider.deleteVolume("vol_1")).rejects.toMatchObject({ kind: "appMissing" });
  });

  test("a 404 about something else than what was asked for proves nothing", async () => {
    const { provider, server } = setup();
    server.before = () => error(404, "not_found: volume not found");
    await expect(provider.getMachine("0000000000beef")).rejects.toMatchObject({
      kind: "malformed",
    });
    expect(await provider.getVolume("vol_1")).toBeNull();
  });

  test("a refusal that mentions an absence is no 404", async () => {
    const { provider, server } = setup();
    server.before = () => error(400, "volume not found");
    await expect(provider.getVolume("vol_1")).rejects.toMatchObject({ kind: "notFound" });
    await expect(provider.deleteVolume("vol_1")).rejects.toMatchObject({ kind: "notFound" });
  });

  test("a list of null is empty, a list of something else is an error", async () => {
    const { provider, server } = setup();
    server.before = () => Response.json(null);
    expect(await provider.listMachines()).toEqual([]);
    for (const body of [{}, "ok", [{}], [{ id: "" }], { machines: [] }]) {
      server.before = () => Response.json(body);
      await expect(provider.listMachines()).rejects.toMatchObject({ kind: "malformed" });
    }
    server.before = () => new Response("");
    await expect(provider.listMachines()).rejects.toMatchObject({ kind: "malformed" });
  });
});

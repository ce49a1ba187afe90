/** The Fly provider against the local Fly that the demo runs on. */
import { afterEach, describe, expect, test } from "vitest";
import { createLocalFlyCore, type LocalFlyCore } from "../../../../example/local/fly/core.js";
import type { Scenario } from "../../../../example/local/fly/scenarios.js";
import type { LocalFlyOptions } from "../../../../example/local/fly/world.js";
import { createVirtualClock } from "../clock.fixture.js";
import { conformanceSpec, describeProviderConformance } from "../provider.conformance.js";
import { createFaultyFetch } from "./faults.fixture.js";
import { createFlyProvider } from "./fly.js";

const open: LocalFlyCore[] = [];
// Throws when a request broke a rule of the API.
afterEach(() => Promise.all(open.splice(0).map((core) => core.close())));

function setup(options: LocalFlyOptions = {}) {
  const clock = createVirtualClock();
  const core = createLocalFlyCore({ clock, app: "workers", token: "fm2_local", ...options });
  open.push(core);
  const faulty = createFaultyFetch(core.fetch);
  const provider = createFlyProvider({
    appName: "workers",
    token: "FlyV1 fm2_local",
    baseUrl: "http://localhost",
    fetch: faulty.fetch,
    now: clock.now,
    sleep: clock.sleep,
    random: () => 0.5,
  });
  const sent = (action: string) => core.control.log().filter((entry) => entry.action === action);
  return { clock, control: core.control, faulty, provider, sent };
}

describeProviderConformance("Fly on the local Fly", () => {
  const { clock, control, faulty, provider } = setup();
  return {
    provider,
    inject: faulty.inject,
    advance: clock.advance,
    addForeignMachine: (name, metadata) =>
      Promise.resolve(control.createForeignMachine({ name, metadata }).machineId),
    rateLimitHits: faulty.rateLimitHits,
  };
});

describe("bad days", () => {
  const scenarios: Scenario[] = [
    "ambiguousCreate408",
    "ambiguousCreateReset",
    "ambiguousCreate5xx",
    "createNotCommitted",
    "ambiguousVolumeCreate",
    "rateStorm",
    "plain404",
  ];
  test.each(scenarios)("%s: one machine, one volume, and nothing left to pay", async (scenario) => {
    const { clock, control, provider } = setup();
    control.scenario(scenario);
    const spec = conformanceSpec("afw-1");
    let made = await provider.createMachine(spec).catch(() => null);
    for (let attempt = 0; !made && attempt < 10; attempt++) {
      await clock.advance(30_000);
      made = await provider.createMachine(spec).catch(() => null);
    }
    if (!made) throw new Error("never created");
    expect(control.machines().map((machine) => machine.id)).toEqual([made.machineId]);
    expect(control.volumes().map((volume) => volume.id)).toEqual(made.volumeIds);
    await provider.destroyMachine(made.machineId, { force: true });
    await clock.advance(60_000);
    for (const volumeId of made.volumeIds) await provider.deleteVolume(volumeId);
    control.expectNoCost();
  });

  test("a machine that is not visible yet is neither created twice nor called a conflict", async () => {
    const { clock, control, provider } = setup({ switches: { readLagMs: 10_000 } });
    control.scenario("ambiguousCreate408");
    const spec = conformanceSpec("afw-1");
    const ambiguous = { kind: "transient", details: { ambiguous: true } };
    await expect(provider.createMachine(spec)).rejects.toMatchObject(ambiguous);
    await expect(provider.createMachine(spec)).rejects.toMatchObject(ambiguous);
    await clock.advance(10_000);
    const made = await provider.createMachine(spec);
    expect(control.machines().map((machine) => machine.id)).toEqual([made.machineId]);
    expect(control.volumes()).toHaveLength(1);
  });

  test.each(["none", "seconds", "httpDate", "garbage"] as const)(
    "two providers in one app get through, with Retry-After %s",
    async (mode) => {
      const { clock, control, provider, sent } = setup();
      control.limits.retryAfter = mode;
      // Calls that this provider's governor does not know of empty the bucket.
      for (let i = 0; i < 3; i++) control.limits.take("machine_launch", "workers");
      await provider.createMachine(conformanceSpec("afw-1", { volume: null }));
      expect(sent("machine_launch").map((entry) => entry.status)).toEqual([429, 200]);
      expect(clock.now()).toBeLessThan(Date.UTC(2026, 0, 1, 0, 0, 5));
    },
  );

  test("a Retry-After of a day is handed to the caller", async () => {
    const { control, provider } = setup();
    control.limits.retryAfter = "huge";
    for (let i = 0; i < 3; i++) control.limits.take("machine_launch", "workers");
    const spec = conformanceSpec("afw-1", { volume: null });
    await expect(provider.createMachine(spec)).rejects.toMatchObject({
      kind: "rateLimited",
      details: { retryAfterMs: 3_600_000 },
    });
  });

  test("a revoked token and an unknown app say nothing about machines", async () => {
    const { control, provider } = setup();
    const { machineId } = await provider.createMachine(conformanceSpec("afw-1"));
    control.revokeToken("fm2_local");
    await expect(provider.getMachine(machineId)).rejects.toMatchObject({ kind: "auth" });
    await expect(provider.checkAccess()).rejects.toMatchObject({ kind: "auth" });
    control.addToken("fm2_local", { scope: "org", org: "local" });
    const elsewhere = createFlyProvider({
      appName: "renamed",
      token: "fm2_local",
      baseUrl: "http://localhost",
      fetch: createFaultyFetch((url, init) => open[0]!.fetch(url, init)).fetch,
    });
    await expect(elsewhere.getMachine(machineId)).rejects.toMatchObject({ kind: "appMissing" });
    await expect(elsewhere.destroyMachine(machineId)).rejects.toMatchObject({ kind: "appMissing" });
    expect(await provider.getMachine(machineId)).toMatchObject({ machineId });
  });
});

describe("a region without room", () => {
  const spec = { ...conformanceSpec("afw-1"), fallbackRegions: ["ams", "cdg"] };
  const home = spec.region;

  test.each([
    "regionFull",
    "hostFull",
    "volumeNoCapacity",
    "volumeHostFull",
    "regionQuota",
  ] as const)(
    "%s: machine and volume go to the first fallback region that has some, and nothing stays behind",
    async (mode) => {
      const { control, provider } = setup();
      control.capacity.set(home, mode);
      control.capacity.set("ams", mode);
      const made = await provider.createMachine(spec);
      expect(made.region).toBe("cdg");
      const volumes = (await provider.listVolumes()).filter(({ dying }) => !dying);
      expect(volumes.map(({ region, volumeId }) => [region, volumeId])).toEqual([
        ["cdg", made.volumeIds[0]],
      ]);
      expect(control.machines()).toHaveLength(1);
    },
  );

  test("everywhere: the shortage is told, and no volume is kept", async () => {
    const { control, provider } = setup();
    control.capacity.set("*", "regionFull");
    await expect(provider.createMachine(spec)).rejects.toMatchObject({ kind: "capacity" });
    expect((await provider.listVolumes()).filter(({ dying }) => !dying)).toEqual([]);
  });

  test("a quota of every region stops as a quota", async () => {
    const { control, provider } = setup();
    control.capacity.set("*", "regionQuota");
    await expect(provider.createMachine(spec)).rejects.toMatchObject({ kind: "quota" });
    expect((await provider.listVolumes()).filter(({ dying }) => !dying)).toEqual([]);
  });

  test("a quota of the organisation is no shortage: no other region is tried", async () => {
    const { control, provider, sent } = setup();
    control.capacity.set("*", "machineLimit");
    await expect(provider.createMachine(spec)).rejects.toMatchObject({ kind: "quota" });
    expect(sent("machine_launch")).toHaveLength(1);
  });
});

test("restart policy and auto_destroy are those of the spec", async () => {
  const { control, provider } = setup();
  await provider.createMachine({
    ...conformanceSpec("afw-1"),
    restart: { policy: "on-failure", maxRetries: 3 },
    autoDestroy: false,
  });
  expect(control.machines()[0]?.config).toMatchObject({
    restart: { policy: "on-failure", max_retries: 3 },
    auto_destroy: false,
  });
});

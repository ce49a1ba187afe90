/** Creations whose answer is lost, that are refused, or that nobody remembers. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Scenario } from "../../../example/local/fly/scenarios.js";
import { api, internal } from "../_generated/api.js";
import { PROVIDER, send } from "../setup.test.js";
import { FLY_TOKEN, MINUTE, openStage, type Stage } from "./pass.fixture.js";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({ policy: { scaling: { maxWorkers: 2, spawnStep: 2 } } });
});
afterEach(async () => await stage.close());

const spawnBlock = async () => (await stage.t.query(api.lib.explainPass, {})).spawnBlock;
const launches = () => stage.calls("machine_launch");
const answer = async (workerId: string) => {
  await stage.boot(workerId);
  await stage.finish(workerId, await stage.claim(workerId));
};

describe("the answer of a creation is lost", () => {
  test.each<Scenario>([
    "ambiguousCreate408",
    "ambiguousCreateReset",
    "ambiguousCreate5xx",
    "createNotCommitted",
    "ambiguousVolumeCreate",
  ])("%s: one machine, one volume, and its worker can speak", async (scenario) => {
    stage.fly.scenario(scenario);
    const messageId = await send(stage.t, "c1");
    const workerId = await stage.nextStarted();
    await answer(workerId);
    expect(await stage.message(messageId)).toMatchObject({ status: "done" });
    await stage.pass(MINUTE);
    expect(await stage.live()).toMatchObject([{ workerId, machineRef: {} }]);
    expect(stage.fly.bill()).toMatchObject({ runningNow: 1, peakMachines: 1 });
    expect(stage.fly.volumes()).toHaveLength(1);
    expect(await stage.state()).not.toHaveProperty("spawnFailures");
  });

  test("and the provider stays silent for a while: the machine is adopted, with the token it was given", async () => {
    stage.fly.fault({
      match: { action: "machine_launch" },
      times: 1,
      phase: "after",
      effect: { kind: "reset" },
    });
    let silent = false;
    stage.onFlyCall = (method) => {
      if (method === "POST") silent = true;
      else if (silent) throw new TypeError("fetch failed");
    };
    await send(stage.t, "c1");
    await stage.pass(4_000);
    expect(await stage.live()).toMatchObject([{ status: "active", createAttempts: 1 }]);
    stage.onFlyCall = null;
    await stage.until(async () => (await stage.live())[0]?.machineRef !== undefined, MINUTE);
    const [worker] = await stage.live();
    await answer(worker?.workerId ?? "");
    const events = await stage.t.query(api.lib.listWorkerEvents, {
      workerId: worker?.workerId ?? "",
    });
    expect(events.map(({ kind }) => kind)).toEqual([
      "reserved",
      "create_failed",
      "adopted",
      "ready",
    ]);
    expect(stage.fly.bill().peakMachines).toBe(1);
  });
});

describe("a machine without a row", () => {
  const tags = async (worker: string) => ({
    managed_by: "agent-factory",
    agent_factory_deployment: (await stage.state()).deploymentId,
    agent_factory_worker: worker,
  });

  test("is destroyed with its volume after two observations and the grace, even if nothing else happens", async () => {
    await stage.pass(5_000);
    const { machineId, volumeId } = stage.fly.createForeignMachine({
      metadata: await tags("afw-1-lost"),
      volume: true,
    });
    await stage.t.action(api.lib.reconcileWorkers, {
      scalingPolicy: { ...(await policy()), maxWorkers: 3 },
    });
    await stage.pass(80_000);
    expect(stage.machines().map(({ id }) => id)).toEqual([machineId]);
    await stage.pass(60_000);
    expect(stage.machines()).toEqual([]);
    expect(stage.fly.volumes().find(({ id }) => id === volumeId)?.state).toMatch(/destroy/);
    await stage.until(async () => (await stage.live()).length === 0);
    expect(await stage.t.query(api.lib.listLeakedResources, {})).toEqual([]);
    expect((await stage.state()).wakeAt).toBeUndefined();
  });

  test("of another deployment, or without our tags, is never touched", async () => {
    await stage.pass(5_000);
    stage.fly.createForeignMachine({
      metadata: { ...(await tags("afw-1-x")), agent_factory_deployment: "another" },
    });
    stage.fly.createForeignMachine({ metadata: { managed_by: "somebody" } });
    await stage.t.action(api.lib.reconcileWorkers, {
      scalingPolicy: { ...(await policy()), maxWorkers: 3 },
    });
    await stage.pass(10 * MINUTE);
    expect(stage.machines()).toHaveLength(2);
    expect(await stage.t.query(api.lib.listLeakedResources, {})).toEqual([]);
  });

  test("counts against the cap while it lives", async () => {
    await stage.pass(5_000);
    stage.fly.createForeignMachine({ metadata: await tags("afw-1-lost") });
    for (const id of ["a", "b"]) await send(stage.t, id);
    await stage.pass(20_000);
    expect(await stage.live()).toHaveLength(1);
    await stage.pass(3 * MINUTE);
    expect((await stage.live()).filter(({ status }) => status === "active")).toHaveLength(2);
  });

  test("is seen at once when its creation was reported too late, in a deployment that sleeps", async () => {
    await stage.pass(5_000);
    const { machineId } = stage.fly.createForeignMachine({ metadata: await tags("afw-1-over") });
    await stage.pass(10 * MINUTE);
    expect(stage.machines()).toHaveLength(1);
    await stage.t.mutation(internal.scheduler.records.created, {
      workerId: "afw-1-over",
      machineId,
      region: "fra",
      volumeIds: [],
      createdAt: null,
    });
    await stage.pass(5 * MINUTE);
    expect(stage.machines()).toEqual([]);
    expect((await stage.state()).wakeAt).toBeUndefined();
  });

  test("a second machine of a living worker is one, too", async () => {
    await send(stage.t, "c1");
    const workerId = await stage.nextStarted();
    await answer(workerId);
    const { machineId } = stage.fly.createForeignMachine({
      name: "twin",
      metadata: await tags(workerId),
    });
    await stage.pass(4 * MINUTE);
    expect(stage.machines().map(({ id }) => id)).not.toContain(machineId);
    expect(await stage.worker(workerId)).toMatchObject({ status: "active" });
    expect(stage.machines()).toHaveLength(1);
  });

  async function policy() {
    return (await stage.t.query(api.lib.policyConfig, {})).scaling;
  }
});

describe("a row without a machine", () => {
  test("gets its machine under the same name when creating works again", async () => {
    stage.fly.fault({
      match: { action: "machine_launch" },
      forMs: 20_000,
      effect: { kind: "status", status: 503 },
    });
    await send(stage.t, "c1");
    await stage.pass(4_000);
    const [before] = await stage.live();
    const workerId = await stage.nextStarted();
    expect(workerId).toBe(before?.workerId);
    expect((await stage.worker(workerId))?.createAttempts).toBeGreaterThan(1);
    expect(stage.fly.volumes()).toHaveLength(1);
    await answer(workerId);
  });

  test("a region without room: the machine comes up in the first fallback region that has some", async () => {
    await stage.close();
    stage = await openStage({ provider: { fallbackRegions: ["ams", "cdg"] } });
    stage.fly.capacity.set("fra", "regionFull");
    stage.fly.capacity.set("ams", "hostFull");
    const messageId = await send(stage.t, "c1");
    const workerId = await stage.nextStarted();
    expect(stage.started()).toMatchObject([{ name: workerId, region: "cdg" }]);
    expect((await stage.worker(workerId))?.machineRef).toMatchObject({ region: "cdg" });
    await stage.boot(workerId);
    await stage.finish(workerId, await stage.claim(workerId));
    expect((await stage.message(messageId))?.status).toBe("done");
    expect((await stage.t.query(api.lib.explainPass, {})).spawnBlock).toBeNull();
    const costing = stage.fly.bill().volumes.filter((line) => line.costing);
    expect(costing.map(({ id }) => id)).toEqual([(await stage.worker(workerId))?.volumeId]);
  });

  test("a capacity shortage is retried ever more slowly, then with another worker, and leaks nothing", async () => {
    stage.fly.fault({
      match: { action: "machine_launch" },
      forMs: 20 * MINUTE,
      effect: {
        kind: "status",
        status: 422,
        json: { error: "could not find a candidate host", status: "insufficient_capacity" },
      },
    });
    const messageId = await send(stage.t, "c1");
    await stage.pass(20 * MINUTE);
    expect(launches()).toBeLessThan(25);
    expect(await spawnBlock()).toContain("capacity");
    const workerId = await stage.nextStarted();
    await answer(workerId);
    expect(await stage.message(messageId)).toMatchObject({ status: "done", attempts: 0 });
    await stage.pass(5 * MINUTE);
    expect(stage.fly.volumes().filter(({ state }) => state === "created")).toHaveLength(1);
    expect(await stage.live()).toHaveLength(1);
  });
});

describe("a creation that is refused for good", () => {
  const refusals: [string, (s: Stage) => void, RegExp, (s: Stage) => Promise<unknown>][] = [
    [
      "a revoked token",
      (s) => s.fly.revokeToken(FLY_TOKEN),
      /auth/,
      async (s) => {
        s.fly.addToken("fm2_new", { scope: "app", org: "local", app: PROVIDER.appName });
        await s.t.mutation(api.lib.importSecret, {
          secretRef: "fly.apiToken",
          plaintextValue: "fm2_new",
        });
      },
    ],
    [
      "a machine limit",
      (s) =>
        s.fly.fault({
          match: { action: "machine_launch" },
          effect: {
            kind: "status",
            status: 422,
            json: {
              error:
                "Your organization has reached its machine limit. Please contact billing@fly.io",
            },
          },
        }),
      /quota/,
      async (s) => {
        s.fly.clearFaults();
        await s.t.mutation(api.lib.setProviderRuntimeConfig, {
          providerConfig: { ...PROVIDER, volumeSizeGb: 2 },
        });
      },
    ],
    [
      "a missing image",
      (s) => s.fly.missImage(PROVIDER.image),
      /imageMissing/,
      async (s) =>
        await s.t.mutation(api.lib.setProviderRuntimeConfig, {
          providerConfig: { ...PROVIDER, image: "registry.fly.io/worker:2" },
        }),
    ],
  ];
  test.each(refusals)(
    "%s: spawning stops with a reason until it is mended",
    async (_n, breakIt, why, mend) => {
      breakIt(stage);
      const messageId = await send(stage.t, "c1");
      await stage.pass(30_000);
      expect(await spawnBlock()).toMatch(why);
      const { decisions } = await stage.t.query(api.lib.explainPass, {});
      expect(decisions).toMatchObject([{ kind: "hold", conversationId: "c1" }]);
      const canTearDown = !why.source.includes("auth");
      if (canTearDown) expect(await stage.live()).toEqual([]);
      const { passCount } = await stage.state();
      await stage.pass(4 * MINUTE);
      // Only a teardown that the provider does not allow either is tried again, ever more slowly.
      expect((await stage.state()).passCount - passCount).toBeLessThanOrEqual(canTearDown ? 0 : 4);
      expect(launches()).toBeLessThanOrEqual(1);
      expect(await stage.message(messageId)).toMatchObject({ status: "queued", attempts: 0 });

      const known = (await stage.workers()).map(({ workerId }) => workerId);
      await mend(stage);
      const workerId = await stage.nextStarted(known);
      await answer(workerId);
      expect(await spawnBlock()).toBeNull();
      stage.fly.clearFaults();
    },
  );

  test("a name that somebody else has costs one worker, not the service", async () => {
    await stage.pass(5_000);
    stage.onFlyCall = (method, path) => {
      if (method !== "POST" || !path.endsWith("/volumes")) return;
      stage.onFlyCall = null;
      // Somebody takes the very name in between.
      void stage
        .live()
        .then(([row]) => stage.fly.createForeignMachine({ name: row?.workerId ?? "" }));
    };
    await send(stage.t, "c1");
    await stage.until(() => stage.machines().length === 2, 2 * MINUTE);
    const foreign = stage
      .machines()
      .find((one) => one.config.metadata?.["managed_by"] === undefined);
    const workerId = await stage.nextStarted([foreign?.name ?? ""]);
    await answer(workerId);
    await stage.until(async () => (await stage.live()).length === 1);
    expect(stage.machines()).toHaveLength(2);
  });
});

describe("credentials and addresses", () => {
  test("without secrets nothing is created, the pass says which is missing, and a cron call refuses", async () => {
    await stage.close();
    stage = await openStage({ bare: true });
    await stage.t.mutation(api.lib.setProviderRuntimeConfig, { providerConfig: PROVIDER });
    await send(stage.t, "c1");
    await stage.pass(5_000);
    expect(await spawnBlock()).toContain("Missing Fly API token");
    await expect(stage.t.action(api.lib.reconcileWorkers, {})).rejects.toThrow(
      "Missing Fly API token. Import an active 'fly.apiToken' secret or pass flyApiToken explicitly.",
    );
    const { passCount } = await stage.state();
    await stage.pass(4 * MINUTE);
    expect((await stage.state()).passCount).toBe(passCount);

    await stage.t.mutation(api.lib.importSecret, {
      secretRef: "fly.apiToken",
      plaintextValue: FLY_TOKEN,
    });
    await stage.pass(5_000);
    expect(await spawnBlock()).toContain("Missing Convex URL");
    await stage.t.mutation(api.lib.importSecret, {
      secretRef: "convex.url",
      plaintextValue: "https://happy-animal-123.convex.site",
    });
    await answer(await stage.nextStarted());
  });

  test("with nothing to do, missing secrets are no error", async () => {
    await stage.close();
    stage = await openStage({ bare: true });
    expect(
      await stage.during(stage.t.action(api.lib.reconcileWorkers, { providerConfig: PROVIDER })),
    ).toEqual({ activeWorkers: 0, spawned: 0, terminated: 0 });
    expect((await stage.state()).lastPassErrors).toEqual([]);
  });

  test("without a token the rows go on: a dead worker of one's own gives its conversation free", async () => {
    await stage.close();
    stage = await openStage({ bare: true });
    const first = await send(stage.t, "c1");
    const job = await stage.t.mutation(api.lib.claim, { workerId: "own-1" });
    await stage.t.mutation(api.lib.complete, {
      workerId: "own-1",
      messageId: first,
      leaseId: job?.leaseId ?? "",
    });
    await stage.pass(8 * MINUTE);
    const second = await send(stage.t, "c1");
    await stage.pass(5 * MINUTE);
    expect(await stage.t.mutation(api.lib.claim, { workerId: "own-2" })).toMatchObject({
      messageId: second,
    });
    expect(await stage.worker("own-1")).toMatchObject({ status: "stopped", drainReason: "stale" });
  });

  test("an unmounted gateway stops spawning and says what to mount; mounting it is noticed", async () => {
    stage.gateway = 404;
    await send(stage.t, "c1");
    await stage.pass(10_000);
    expect(launches()).toBe(0);
    expect(await spawnBlock()).toMatch(
      /happy-animal-123\.convex\.site\/agent-factory\/health.*registerRoutes\(http, components\.agentFactory\)/,
    );
    const calls = stage.fly.log().length;
    await stage.pass(4 * MINUTE);
    expect(stage.fly.log()).toHaveLength(calls);
    stage.gateway = 200;
    await answer(await stage.nextStarted([], 6 * MINUTE));
  });

  test.each([[500], ["silent" as const]])("a gateway that answers %s does not", async (gateway) => {
    stage.gateway = gateway;
    await send(stage.t, "c1");
    await answer(await stage.nextStarted());
  });

  test("a gateway that answered is not asked again for each machine", async () => {
    await send(stage.t, "c1");
    const first = await stage.nextStarted();
    await send(stage.t, "c2");
    await stage.nextStarted([first]);
    expect(stage.gatewayCalls).toHaveLength(1);
  });

  test("direct transport needs no gateway and hands out no token in the address", async () => {
    await stage.t.mutation(api.lib.setWorkerRuntimeConfig, {
      workerConfig: { transport: "direct" },
    });
    stage.gateway = 404;
    await send(stage.t, "c1");
    const env = stage.environment(await stage.nextStarted());
    expect(env["CONVEX_URL"]).toBe("https://happy-animal-123.convex.cloud");
    expect(env).not.toHaveProperty("AGENT_FACTORY_WORKER_TOKEN");
    expect(stage.gatewayCalls).toEqual([]);
  });
});

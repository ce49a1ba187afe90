import { afterEach, describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import { MINUTE, openStage, type Stage } from "../scheduler/pass.fixture.js";
import { send } from "../setup.test.js";
import { findDrift } from "./fleet.js";

let stage: Stage;
afterEach(async () => await stage.close());

const fleet = async () => await stage.t.query(api.lib.fleet, {});
const conditions = async () => await stage.t.query(api.lib.deploymentConditions, {});

describe("the fleet", () => {
  test("shows each worker beside its machine, and machines that are not ours", async () => {
    stage = await openStage();
    const { machineId: foreignId } = stage.fly.createForeignMachine({ name: "stranger" });
    await send(stage.t, "c1");
    const workerId = await stage.nextStarted(["stranger"]);
    await stage.pass(30_000);
    expect(await fleet()).toMatchObject([
      { workerId, status: "active", snapshot: { state: "none" }, firstSeenAt: null, drift: null },
      { workerId: null, status: null, machineId: foreignId, drift: "foreign" },
    ]);
    await stage.boot(workerId);
    await stage.claim(workerId);
    await stage.snapshot(workerId, "manual");
    await stage.pass(2 * MINUTE);

    const [row] = await fleet();
    expect(row).toMatchObject({
      ...{ workerId, status: "active", load: 1, agentKey: "default", conversationId: "c1" },
      ...{ appName: "local-workers", region: "fra", machinePhase: "running", drift: null },
      snapshot: { state: "saved" },
    });
    expect(row!.machineId).toBe(stage.started().find(({ name }) => name === workerId)?.id);
    expect(row!.heartbeatAgeMs).toBe(Date.now() - row!.heartbeatAt!);
    expect(Date.now() - row!.observedAt!).toBeLessThanOrEqual(MINUTE + 5_000);
    expect(row!.volumeIds).toHaveLength(1);

    await stage.t.mutation(api.lib.drainWorker, { workerId });
    stage.fly.operatorDestroy(row!.machineId!);
    await stage.until(async () => (await fleet()).every((one) => one.workerId !== workerId));
    const left = (await fleet()).filter((one) => one.drift !== null);
    expect(left.map(({ machineId }) => machineId)).toEqual([foreignId]);
  });

  test("keeps what it saw last while the provider cannot be listed, and says from when that is", async () => {
    stage = await openStage();
    await send(stage.t, "c1");
    const workerId = await stage.nextStarted();
    await stage.boot(workerId);
    await stage.pass(2 * MINUTE);
    const [before] = await fleet();
    stage.fly.fault({ effect: { kind: "reset" }, forMs: 30 * MINUTE });
    await stage.pass(3 * MINUTE);
    const [after] = await fleet();
    expect(after).toMatchObject({ machinePhase: "running", observedAt: before!.observedAt });
    expect((await conditions()).map(({ kind }) => kind)).toContain("pass_errors");
  });
});

describe("drift", () => {
  const worker = {
    status: "active" as const,
    machineRef: { appName: "app", machineId: "m" },
    machineCreatedAt: 0,
  };
  const machine = { phase: "running" as const, workerTag: "w" };
  const LISTED = 10 * MINUTE;

  test.each([
    ["agrees", worker, machine, LISTED, null],
    ["misses a machine that should be listed", worker, null, LISTED, "machine_missing"],
    ["waits for a machine that is younger than lists are", worker, null, MINUTE, null],
    ["knows nothing before a list", worker, null, null, null],
    ["sees a stopped machine", worker, { ...machine, phase: "stopped" }, LISTED, "not_running"],
    [
      "lets a leaving worker's machine go",
      { ...worker, status: "stopping" },
      { ...machine, phase: "destroying" },
      LISTED,
      null,
    ],
    ["sees a machine that no row has", null, machine, LISTED, "no_row"],
    ["sees a stranger", null, { ...machine, workerTag: null }, LISTED, "foreign"],
  ] as const)("%s", async (_name, row, seen, listedAt, expected) => {
    stage ??= await openStage({ bare: true });
    expect(findDrift(row, seen, listedAt)).toBe(expected);
  });
});

describe("the conditions of the deployment", () => {
  test("name what must be set before any machine can come, the errors first", async () => {
    stage = await openStage({ bare: true });
    await send(stage.t, "c1");
    const found = await conditions();
    expect(found.map(({ kind, severity }) => `${severity}:${kind}`)).toEqual([
      "error:config",
      "error:secret",
      "error:secret",
      "info:waiting",
    ]);
  });

  test("are none when all is well", async () => {
    stage = await openStage();
    expect(await conditions()).toEqual([]);
  });

  test("say once that an image is missing, beside explainPass and explainMessage, until the config changes", async () => {
    stage = await openStage();
    stage.fly.missImage("registry.fly.io/worker:1");
    const messageId = await send(stage.t, "c1");
    await stage.until(async () => (await conditions()).length > 0);
    await stage.pass(MINUTE);
    const stopped = (await conditions()).find(({ kind }) => kind === "spawning_stopped");
    expect(stopped?.message).toContain("imageMissing");
    expect(stopped?.until).toBeGreaterThan(Date.now());
    const pass = await stage.t.query(api.lib.explainPass, {});
    expect(pass.spawnBlock).toBe(stopped?.message);
    const message = await stage.t.query(api.lib.explainMessage, { messageId });
    expect(message).toMatchObject({ waitsFor: "provider", detail: stopped?.message });
    const creates = stage.calls("machine_launch");
    await stage.pass(2 * MINUTE);
    expect(stage.calls("machine_launch")).toBe(creates);

    const providerConfig = (await stage.t.query(api.lib.providerRuntimeConfig, {}))!;
    await stage.t.mutation(api.lib.setProviderRuntimeConfig, {
      providerConfig: { ...providerConfig, image: "registry.fly.io/worker:2" },
    });
    expect((await conditions()).map(({ kind }) => kind)).not.toContain("spawning_stopped");
    await stage.nextStarted();
  });

  test.each([
    ["machineLimit", "reached its machine limit", 1],
    // Both regions are tried.
    ["regionQuota", "over the allowed quota", 2],
    ["trial", "add a payment method", 1],
  ] as const)(
    "say once that a quota (%s) is reached; nothing is created, or left, until it is raised",
    async (mode, words, launches) => {
      stage = await openStage({ provider: { fallbackRegions: ["ams"] } });
      stage.fly.capacity.set("*", mode);
      const messageId = await send(stage.t, "c1");
      await stage.until(async () => (await conditions()).length > 0);
      await stage.pass(MINUTE);
      const stopped = (await conditions()).filter(({ kind }) => kind === "spawning_stopped");
      expect(stopped).toHaveLength(1);
      expect(stopped[0]?.message).toContain("(quota)");
      expect(stopped[0]?.message).toContain(words);
      const detail = stopped[0]?.message;
      expect((await stage.t.query(api.lib.explainPass, {})).spawnBlock).toBe(detail);
      expect(await stage.t.query(api.lib.explainMessage, { messageId })).toMatchObject({
        ...{ waitsFor: "provider", detail, until: stopped[0]?.until },
      });
      expect(stage.calls("machine_launch")).toBe(launches);
      await stage.pass(3 * MINUTE);
      expect(stage.calls("machine_launch")).toBe(launches);
      stage.fly.expectNoCost();

      stage.fly.capacity.set("*", "ok");
      await stage.during(stage.t.action(api.lib.reconcileWorkers, {}));
      await stage.nextStarted();
      expect(await conditions()).toEqual([]);
    },
  );
});

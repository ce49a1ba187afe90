/** What is left at the provider without a row, and apps that are not configured any more. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import { PROVIDER, send } from "../setup.test.js";
import { FLY_TOKEN, MINUTE, openStage, type Stage } from "./pass.fixture.js";
import { ORPHAN_GRACE_MS } from "./validators.js";
import { loadWorld } from "./world.js";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({});
});
afterEach(async () => await stage.close());

const leaks = async () => await stage.t.query(api.lib.listLeakedResources, {});
const patrol = async () => {
  await stage.t.mutation(internal.scheduler.loop.patrol, {});
  await stage.pass(5_000);
};

/** A worker that came and went; the row stays behind, stopped. */
async function pastWorker() {
  await send(stage.t, "c1");
  const workerId = await stage.nextStarted();
  await stage.boot(workerId);
  await stage.finish(workerId, await stage.claim(workerId));
  await stage.t.mutation(api.lib.drainWorker, { workerId });
  await stage.snapshot(workerId);
  await stage.emptied();
  return (await stage.worker(workerId))!;
}
/** A volume of this name, as a creation that took effect late would leave it. */
async function addVolume(name: string): Promise<string> {
  const answer = await stage.core.fetch(
    `https://api.machines.dev/v1/apps/${PROVIDER.appName}/volumes`,
    {
      method: "POST",
      headers: { authorization: `Bearer ${FLY_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ name, region: PROVIDER.region, size_gb: 1 }),
    },
  );
  return ((await answer.json()) as { id: string }).id;
}

test("a volume of a worker that stopped is told, and deleted after two observations and the grace", async () => {
  const { workerId, volumeName } = await pastWorker();
  const volumeId = await addVolume(volumeName!);
  const stranger = await addVolume("openclaw_data_zzzzzzz");
  await stage.pass(MINUTE);
  await patrol();
  expect(await leaks()).toEqual([
    expect.objectContaining({ kind: "volume", id: volumeId, workerId, appName: PROVIDER.appName }),
  ]);
  await stage.pass(ORPHAN_GRACE_MS / 2);
  const state = (id: string) => stage.fly.volumes().find((volume) => volume.id === id)?.state;
  expect(state(volumeId)).toBe("created");
  await stage.pass(3 * MINUTE);
  expect(state(volumeId)).toMatch(/destroy/);
  expect(state(stranger)).toBe("created");
  expect(await leaks()).toEqual([]);
  expect(await stage.live()).toEqual([]);
  expect((await stage.state()).wakeAt).toBeUndefined();
});

test("what was seen of an app that cannot be listed now is not forgotten", async () => {
  const { volumeName } = await pastWorker();
  await addVolume(volumeName!);
  await stage.pass(MINUTE);
  await patrol();
  const [before] = await leaks();
  stage.fly.fault({ match: { action: "volume_list" }, effect: { kind: "reset" } });
  await stage.pass(MINUTE);
  expect(await leaks()).toEqual([before]);
});

test("machines of a former app are ours until they are destroyed, and then it is forgotten", async () => {
  const messageId = await send(stage.t, "c1");
  await stage.nextStarted();
  await stage.pass(MINUTE);
  const { deploymentId } = await stage.state();
  const lost = stage.fly.createForeignMachine({
    volume: true,
    metadata: {
      managed_by: "agent-factory",
      agent_factory_deployment: deploymentId,
      agent_factory_worker: "afw-1-lost",
    },
  });
  const [worker] = await stage.live();
  await stage.t.mutation(api.lib.skipMessage, { messageId });
  stage.fly.addApp("other-workers");
  stage.fly.addToken(FLY_TOKEN, { scope: "org", org: "local" });
  await stage.t.mutation(api.lib.setProviderRuntimeConfig, {
    providerConfig: { ...PROVIDER, appName: "other-workers" },
  });
  await stage.t.mutation(api.lib.drainWorker, { workerId: worker!.workerId });
  await stage.until(() => stage.machines().length === 0, 10 * MINUTE, 10_000);
  expect(stage.fly.machines().find(({ id }) => id === lost.machineId)?.state).toMatch(/destroy/);
  await stage.until(async () => (await stage.live()).length === 0);
  const apps = async () =>
    await stage.t.run(async (ctx) => await ctx.db.query("providerApps").take(9));
  await stage.until(
    async () => (await apps()).every(({ appName }) => appName === "other-workers"),
    10 * MINUTE,
    10_000,
  );
  expect(stage.fly.bill().usdPerHour).toBe(0);
});

test("an app with 5,000 free volumes of others keeps a pass inside a transaction's limits", async () => {
  const volumes = Array.from({ length: 5_000 }, (_, n) => ({
    ...{ volumeId: `vol_${n}`, name: `openclaw_data_${n}`, attachedMachineId: null },
  }));
  const observation = { apps: [{ appName: PROVIDER.appName, machines: [], volumes }] };
  const queries = await stage.t.mutation(async (ctx) => {
    await loadWorld(ctx, null, observation, Date.now());
    return (await ctx.meta.getTransactionMetrics()).databaseQueries.used;
  });
  expect(queries).toBeGreaterThan(1_000);
  expect(queries).toBeLessThan(1_100);
});

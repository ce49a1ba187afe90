/** What cannot be done anything about wakes nobody: passes between two patrols. */
import { afterEach, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import { PROVIDER, send } from "../setup.test.js";
import { MINUTE, openStage, type Stage } from "./pass.fixture.js";

let stage: Stage;
afterEach(async () => await stage.close());

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Passes that began within the next `ms`, patrols included when they are due. */
async function passesWithin(ms: number, patrols = true): Promise<number> {
  const count = async () =>
    await stage.t.run(async (ctx) => {
      const jobs = await ctx.db.system.query("_scheduled_functions").collect();
      return jobs.filter(({ name }) => name === "scheduler/loop:run").length;
    });
  const before = await count();
  for (let passed = 0; passed < ms; passed += HOUR) {
    if (patrols) await stage.t.mutation(internal.scheduler.loop.patrol, {});
    await stage.pass(Math.min(HOUR, ms - passed));
  }
  return (await count()) - before;
}

const removeToken = async () => {
  await stage.t.run(async (ctx) => {
    const secrets = await ctx.db.query("secrets").take(20);
    for (const secret of secrets)
      if (secret.secretRef === "fly.apiToken") await ctx.db.delete("secrets", secret._id);
  });
};
const orphan = async () =>
  stage.fly.createForeignMachine({
    metadata: {
      managed_by: "agent-factory",
      agent_factory_deployment: (await stage.state()).deploymentId,
      agent_factory_worker: "afw-1-lost",
    },
  });
const moveTo = async (appName: string) =>
  await stage.t.mutation(api.lib.setProviderRuntimeConfig, {
    providerConfig: { ...PROVIDER, appName },
  });

test("a former app that cannot be asked for want of a token is asked ever more rarely", async () => {
  stage = await openStage();
  await send(stage.t, "c1");
  await stage.nextStarted();
  await moveTo("other-workers");
  await stage.t.mutation(internal.scheduler.loop.patrol, {});
  await stage.pass(5_000);
  await stage.t.run(async (ctx) => {
    for (const table of ["workers", "spendMeters", "conversations", "messageQueue"] as const)
      for (const row of await ctx.db.query(table).take(20)) await ctx.db.delete(table, row._id);
  });
  await removeToken();
  await passesWithin(HOUR);
  expect(await passesWithin(6 * HOUR)).toBeLessThanOrEqual(12);
});

test("a leak in an app that cannot be listed any more waits for the patrol", async () => {
  stage = await openStage();
  await stage.pass(5_000);
  await orphan();
  await stage.t.mutation(internal.scheduler.loop.patrol, {});
  await stage.pass(2_000);
  expect(await stage.t.query(api.lib.listLeakedResources, {})).toHaveLength(1);
  await removeToken();
  await passesWithin(HOUR);
  expect(await passesWithin(6 * HOUR)).toBeLessThanOrEqual(12);
});

test("a provider that stays unreachable wakes nobody while there is nothing to do", async () => {
  stage = await openStage();
  await stage.pass(5_000);
  stage.fly.fault({ effect: { kind: "reset" } });
  await passesWithin(HOUR);
  expect(await passesWithin(6 * HOUR)).toBeLessThanOrEqual(12);
  // With something to do it is asked again soon after it is back.
  await send(stage.t, "c1");
  await stage.pass(10 * MINUTE);
  stage.fly.clearFaults();
  await stage.nextStarted([], 10 * MINUTE);
});

test("a former app that was deleted at the provider is forgotten after a week, with what leaked in it", async () => {
  stage = await openStage();
  await stage.pass(5_000);
  await orphan();
  await stage.t.mutation(internal.scheduler.loop.patrol, {});
  await stage.pass(2_000);
  await moveTo("other-workers");
  stage.fly.fault({
    match: { path: "/apps/local-workers/" },
    effect: { kind: "status", status: 404, json: { error: "app not found" } },
  });
  await passesWithin(6 * DAY);
  const apps = async () =>
    await stage.t.run(async (ctx) =>
      (await ctx.db.query("providerApps").take(9)).map(({ appName }) => appName),
    );
  expect(await apps()).toContain("local-workers");
  await passesWithin(2 * DAY);
  expect(await apps()).not.toContain("local-workers");
  expect(await stage.t.query(api.lib.listLeakedResources, {})).toEqual([]);
});

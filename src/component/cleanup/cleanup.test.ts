/** What a cleanup leaves behind at the provider and in our rows. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import { FLY_TOKEN, MINUTE, openStage, type Job, type Stage } from "../scheduler/pass.fixture.js";
import { PROVIDER, send } from "../setup.test.js";
import { DRAIN_GRACE_MS, RUN_LEASE_MS } from "./validators.js";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({ policy: { scaling: { maxWorkers: 3, spawnStep: 3 } } });
});
afterEach(async () => await stage.close());

type Args = typeof api.lib.runFlyCleanup._args;
const cleanUp = async (args: Args = {}) =>
  await stage.during(stage.t.action(api.lib.runFlyCleanup, args));
const last = async () => await stage.t.query(api.lib.lastCleanupReport, {});

async function working(conversationId = "c1", known: string[] = []) {
  await send(stage.t, conversationId);
  const workerId = await stage.nextStarted(known);
  await stage.boot(workerId);
  return { workerId, job: await stage.claim(workerId) };
}
/** Answers everything that waits, with new workers. */
async function answeredBy(job: Job, known: string[]): Promise<string> {
  const next = await stage.nextStarted(known);
  await stage.boot(next);
  const again = await stage.claim(next);
  expect(again.messageId).toBe(job.messageId);
  await stage.finish(next, again);
  return next;
}

describe("everything in the app goes", () => {
  test("ours and what others made, volumes after their machines; the report says so and is kept", async () => {
    const { workerId, job } = await working();
    await stage.finish(workerId, job);
    const other = stage.fly.createForeignMachine({ volume: true });
    const machineIds = stage.machines().map(({ id }) => id);
    const report = await cleanUp();
    expect(report).toMatchObject({
      appName: PROVIDER.appName,
      ...{ machinesFound: 2, machinesDeleted: 2, machinesRemaining: 0 },
      ...{ machineIdsRemaining: [], volumesFound: 2, volumesDeleted: 2, volumesRemaining: 0 },
      ...{ warnings: [], errors: [] },
    });
    expect([...report.machineIdsDeleted].sort()).toEqual(machineIds.sort());
    expect(report.volumeIdsDeleted).toContain(other.volumeId);
    expect(stage.fly.bill().usdPerHour).toBe(0);
    expect(await stage.worker(workerId)).toMatchObject({ status: "stopped" });
    expect(await last()).toMatchObject({
      ...report,
      state: "finished",
      phase: "done",
      error: null,
    });
    await stage.pass(5 * MINUTE);
    expect(stage.calls("machine_launch")).toBe(1);
  });

  test("a live worker stores its memory first: the cleanup waits no longer than that", async () => {
    const { workerId, job } = await working();
    await stage.finish(workerId, job);
    const begun = Date.now();
    const cleaning = stage.t.action(api.lib.runFlyCleanup, {});
    await stage.during(
      stage.until(async () => (await stage.worker(workerId))?.status === "draining"),
    );
    await stage.snapshot(workerId);
    await stage.during(cleaning);
    expect(Date.now() - begun).toBeLessThan(MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ status: "stopped" });
    expect((await stage.worker(workerId))?.finalSnapshotId).toBeDefined();
    stage.fly.expectNoCost();
  });

  test("a busy worker's message is answered by another worker, without a charge", async () => {
    const { workerId, job } = await working();
    const begun = Date.now();
    const report = await cleanUp();
    expect(Date.now() - begun).toBeGreaterThanOrEqual(DRAIN_GRACE_MS);
    expect(report).toMatchObject({ machinesDeleted: 1, volumesDeleted: 1, errors: [] });
    expect(await stage.message(job.messageId)).toMatchObject({ status: "queued", attempts: 0 });
    const next = await answeredBy(job, [workerId]);
    expect(next).not.toBe(workerId);
    expect(await stage.message(job.messageId)).toMatchObject({ status: "done", attempts: 0 });
  });

  test("no machine is created while it runs, whatever arrives", async () => {
    const { workerId } = await working();
    const cleaning = stage.t.action(api.lib.runFlyCleanup, {});
    await stage.settle();
    await send(stage.t, "c2");
    await stage.pass(MINUTE);
    expect(await last()).toMatchObject({ state: "running", phase: "draining", machinesFound: 1 });
    expect((await stage.t.query(api.lib.explainPass, {})).spawnBlock).toContain("cleanup");
    await stage.during(cleaning);
    expect(stage.calls("machine_launch")).toBe(1);
    await stage.nextStarted([workerId]);
  });

  test("volumes that stay bound for a while are deleted when they are not", async () => {
    stage.fly.setTimings({ volumeUnbind: [40_000, 40_000] });
    const { workerId, job } = await working();
    await stage.finish(workerId, job);
    await stage.snapshot(workerId);
    const report = await cleanUp();
    expect(report).toMatchObject({ volumesDeleted: 1, volumesRemaining: 0, errors: [] });
    stage.fly.expectNoCost();
  });
});

test("a config that is given names the app: that of the stored one is left alone, with its workers", async () => {
  const { workerId, job } = await working();
  stage.fly.addApp("former-app");
  stage.fly.addToken(FLY_TOKEN, { scope: "org", org: "local" });
  const former = stage.fly.createForeignMachine({ app: "former-app", volume: true });
  const report = await cleanUp({ providerConfig: { ...PROVIDER, appName: "former-app" } });
  expect(report).toMatchObject({
    ...{ appName: "former-app", machineIdsDeleted: [former.machineId], errors: [] },
    volumeIdsDeleted: [former.volumeId],
  });
  expect(stage.started().map(({ name }) => name)).toEqual([workerId]);
  expect(await stage.worker(workerId)).toMatchObject({ status: "active" });
  await stage.finish(workerId, job);
  expect((await stage.message(job.messageId))?.status).toBe("done");
  const stored = await stage.t.query(api.lib.providerRuntimeConfig, {});
  expect(stored?.appName).toBe(PROVIDER.appName);
});

test("a machine that hangs, deaf to its stop, is destroyed by force after half a minute", async () => {
  const json = { ok: true };
  stage.fly.fault({ match: { action: "machine_stop" }, effect: { kind: "wrongShape", json } });
  const { machineId } = stage.fly.createForeignMachine({ volume: true });
  const report = await cleanUp();
  expect(report).toMatchObject({ machineIdsDeleted: [machineId], volumesDeleted: 1, errors: [] });
  const calls = stage.fly.log().filter(({ method }) => method !== "GET");
  expect(calls.map(({ action, query }) => `${action}${query}`)).toEqual([
    ...["machine_cordon", "machine_stop", "machine_destroy?force=true", "volume_destroy"],
  ]);
  const [, stop, destroy] = calls;
  expect(destroy!.at - stop!.at).toBeGreaterThanOrEqual(30_000);
  expect(destroy!.at - stop!.at).toBeLessThan(40_000);
  stage.fly.expectNoCost();
});

test("a destruction that takes minutes is waited for, and its volume goes with it", async () => {
  stage.fly.setTimings({ destroy: [2 * MINUTE, 2 * MINUTE], volumeUnbind: [20_000, 20_000] });
  stage.fly.createForeignMachine({ volume: true });
  const report = await cleanUp();
  expect(report).toMatchObject({ machinesDeleted: 1, volumesDeleted: 1, volumesRemaining: 0 });
  expect(report.errors).toEqual([]);
  stage.fly.expectNoCost();
});

test("one that outlasts the action is waited for by the next one", async () => {
  stage.fly.setTimings({ destroy: [4.5 * MINUTE, 4.5 * MINUTE] });
  stage.fly.createForeignMachine({ volume: true });
  await cleanUp();
  await stage.until(async () => (await last())?.state === "finished", 10 * MINUTE);
  expect(await last()).toMatchObject({ machinesDeleted: 1, volumesDeleted: 1, errors: [] });
  stage.fly.expectNoCost();
});

test("a destruction that never ends is reported as left, within minutes", async () => {
  stage.fly.setTimings({ destroy: [9 * 60 * MINUTE, 9 * 60 * MINUTE] });
  const { machineId, volumeId } = stage.fly.createForeignMachine({ volume: true });
  const began = Date.now();
  expect((await cleanUp()).warnings.join(" ")).toContain("goes on in the background");
  await stage.until(async () => (await last())?.state === "finished", 10 * MINUTE);
  expect(Date.now() - began).toBeLessThan(9 * MINUTE);
  const report = await last();
  expect(report).toMatchObject({
    ...{ machinesDeleted: 0, machineIdsRemaining: [machineId], volumeIdsRemaining: [volumeId] },
  });
  expect(report?.warnings.join(" ")).toContain(machineId);
});

test("a list that still shows a destroyed machine does not cut short the wait for its volume", async () => {
  stage.fly.switches.listLagMs = 20_000;
  stage.fly.setTimings({ volumeUnbind: [30_000, 30_000] });
  stage.fly.createForeignMachine({ volume: true });
  await stage.pass(MINUTE);
  const report = await cleanUp();
  expect(report).toMatchObject({ machinesDeleted: 1, volumesDeleted: 1, volumesRemaining: 0 });
  expect(report.errors).toEqual([]);
  stage.fly.expectNoCost();
});

describe("what is not ours stays with scope managed", () => {
  test("untagged machines and volumes are not touched, ours go", async () => {
    const { workerId, job } = await working();
    await stage.finish(workerId, job);
    const other = stage.fly.createForeignMachine({ volume: true });
    const sibling = stage.fly.createForeignMachine({
      metadata: { managed_by: "agent-factory", agent_factory_deployment: "another" },
    });
    const report = await cleanUp({ scope: "managed" });
    expect(report).toMatchObject({ machinesFound: 1, machinesDeleted: 1, volumesDeleted: 1 });
    expect(
      stage
        .machines()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([other.machineId, sibling.machineId].sort());
    const touched = stage.fly
      .log()
      .filter(({ method, path }) => method !== "GET" && path.includes(other.machineId));
    expect(touched).toEqual([]);
    stage.fly.expectNoCost();
  });

  test("a tagged machine that no row knows leaves no volume behind, though the cleanup failed half-way and is not called again", async () => {
    const { deploymentId } = await stage.state();
    const lost = stage.fly.createForeignMachine({
      volume: true,
      metadata: {
        managed_by: "agent-factory",
        agent_factory_deployment: deploymentId,
        agent_factory_worker: "afw-1-lost",
      },
    });
    const destroyed = () =>
      stage.fly
        .log()
        .some(({ method, path }) => method === "DELETE" && path.includes(lost.machineId));
    stage.onFlyCall = () => {
      if (destroyed()) stage.fly.revokeToken(FLY_TOKEN);
    };
    await expect(cleanUp({ scope: "managed" })).rejects.toThrow("401");
    stage.onFlyCall = null;
    expect(stage.fly.bill().volumes.filter(({ costing }) => costing)).toHaveLength(1);
    stage.fly.addToken(FLY_TOKEN, { scope: "org", org: "local" });
    await stage.until(() => stage.fly.bill().volumes.every(({ costing }) => !costing), 10 * MINUTE);
    const row = await stage.worker(`orphan-${lost.machineId}`);
    expect(row?.status).toBe("stopped");
    expect(await stage.live()).toEqual([]);
  });
});

describe("a dry run", () => {
  test("lists what would go, touches nothing, and is not kept", async () => {
    const { workerId } = await working();
    const writes = () => stage.fly.log().filter(({ method }) => method !== "GET").length;
    const before = writes();
    const report = await cleanUp({ dryRun: true });
    expect(report).toMatchObject({
      ...{ machinesFound: 1, machinesDeleted: 0, machinesRemaining: 1 },
      ...{ volumesFound: 1, volumesDeleted: 0, volumesRemaining: 1, errors: [] },
    });
    expect(report.warnings[0]).toContain("Dry run");
    expect(writes()).toBe(before);
    expect(await stage.worker(workerId)).toMatchObject({ status: "active" });
    expect(await last()).toBeNull();
  });
});

describe("what goes wrong is told", () => {
  test("a machine that cannot be destroyed is an error and remains; the others go", async () => {
    const one = stage.fly.createForeignMachine({ volume: true });
    stage.fly.createForeignMachine();
    const refusal = { kind: "status", status: 409, json: { error: "locked" } } as const;
    stage.fly.fault({
      match: { action: "machine_destroy", machineId: one.machineId },
      effect: refusal,
    });
    stage.fly.fault({
      match: { action: "machine_cordon", machineId: one.machineId },
      effect: refusal,
    });
    const report = await cleanUp();
    expect(report).toMatchObject({ machinesDeleted: 1, machineIdsRemaining: [one.machineId] });
    expect(report.errors[0]).toMatch(`Machine ${one.machineId}: destroy failed (Fly API DELETE`);
    expect(report.errors[1]).toMatch(`Volume ${one.volumeId!}: destroy failed (Fly API DELETE`);
    expect(report.warnings[0]).toMatch(`Machine ${one.machineId}: cordon warning (Fly API POST`);
    expect(report.warnings).toContain(
      `Fly cleanup left 1 machine(s) after verification: ${one.machineId}`,
    );
    expect(await last()).toMatchObject({ state: "finished", machinesRemaining: 1 });
  });

  test("an error that the second sweep mended is none", async () => {
    const { machineId } = stage.fly.createForeignMachine();
    stage.fly.fault({
      match: { action: "machine_destroy", machineId },
      times: 1,
      effect: { kind: "status", status: 409, json: { error: "locked" } },
    });
    expect(await cleanUp()).toMatchObject({ machinesDeleted: 1, errors: [] });
  });

  test("an app that cannot be reached fails before anything is touched, and is remembered", async () => {
    const { workerId } = await working();
    stage.fly.revokeToken("fm2_local");
    await expect(cleanUp()).rejects.toThrow(/Fly API GET \/apps\/local-workers failed: Auth/);
    expect(await last()).toMatchObject({ state: "failed", machinesFound: 0 });
    expect((await last())?.error).toContain("Fly API GET /apps/local-workers failed");
    expect(await stage.worker(workerId)).toMatchObject({ status: "active" });
    expect((await stage.state()).cleanupUntil).toBeUndefined();
  });

  test.each([
    ["no app", { ...PROVIDER, appName: " " }, "Fly cleanup requires a non-empty Fly app name."],
    [
      "another provider",
      { ...PROVIDER, kind: "runpod" as const },
      "Fly cleanup requires a Fly provider configuration.",
    ],
  ])("%s", async (_what, providerConfig, message) => {
    await expect(cleanUp({ providerConfig })).rejects.toThrow(message);
    expect(await last()).toMatchObject({ state: "failed", error: message });
  });

  test("no token, neither stored nor given", async () => {
    await stage.t.mutation(api.lib.deactivateSecret, { secretRef: "fly.apiToken" });
    const message = "Missing active 'fly.apiToken' secret. Import it before running Fly cleanup.";
    await expect(cleanUp({ flyApiToken: "  " })).rejects.toThrow(message);
    expect(await last()).toMatchObject({ state: "failed", error: message });
    stage.fly.createForeignMachine();
    expect(await cleanUp({ flyApiToken: " fm2_local " })).toMatchObject({ machinesDeleted: 1 });
    const rows = await stage.t.run(async (ctx) => await ctx.db.query("cleanupRuns").take(5));
    expect(JSON.stringify(rows)).not.toContain("fm2_local");
  });
});

/**
 * API calls, queries and mutations of the cleanup below; before the third one there is no run to go on with.
 * `EVERY_STEP=1` lets it die before each of them.
 */
const STEPS = 107;
const DEADLY =
  process.env["EVERY_STEP"] === undefined
    ? [3, 9, 26]
    : Array.from({ length: STEPS - 2 }, (_, n) => n + 3);

describe("a run outlives its action", () => {
  test.each(DEADLY)("that dies at its step %i: the watch goes on with it", async (k) => {
    const { workerId, job } = await working();
    stage.fly.createForeignMachine({ volume: true });
    const { cleanUp: action } = await import("./cleaner.js");
    const life = await stage.mortally(k, async (ctx) => await action(ctx, {}));
    expect(life.died, `${life.steps} steps`).toBe(true);
    const over = async () => {
      // The worker is busy all the while.
      const { messageId, leaseId } = job;
      await stage.call(workerId, "workerHeartbeat", { messageId, leaseId }).catch(() => false);
      return (await last())?.state === "finished";
    };
    await stage.until(over, 3 * RUN_LEASE_MS, 30_000);
    expect(await last()).toMatchObject({ machinesRemaining: 0, volumesRemaining: 0, errors: [] });
    await answeredBy(job, [workerId]);
    expect(await stage.message(job.messageId)).toMatchObject({ status: "done", attempts: 0 });
  });

  test("that has no time left: another one goes on, and the report so far says so", async () => {
    for (let n = 0; n < 8; n++) stage.fly.createForeignMachine();
    stage.fly.fault({ match: { action: "machine_stop" }, effect: { kind: "delay", ms: 19_000 } });
    stage.fly.fault({
      match: { action: "machine_get" },
      effect: { kind: "delay", ms: 18_000 },
    });
    const report = await cleanUp({ machineConcurrency: 1 });
    expect(report.warnings.at(-1)).toContain("goes on in the background");
    expect(report.machinesDeleted).toBeLessThan(8);
    stage.fly.clearFaults();
    await stage.until(async () => (await last())?.state === "finished", 10 * MINUTE, 10_000);
    expect(await last()).toMatchObject({ machinesFound: 8, machinesDeleted: 8 });
  });

  test("while one is under way a second call starts none", async () => {
    await working();
    const first = stage.t.action(api.lib.runFlyCleanup, {});
    await stage.settle();
    const second = await cleanUp();
    expect(second.warnings).toEqual([expect.stringContaining("under way")]);
    expect((await stage.during(first)).machinesDeleted).toBe(1);
    const runs = await stage.t.run(async (ctx) => await ctx.db.query("cleanupRuns").take(5));
    expect(runs).toHaveLength(1);
  });

  test("a late action of a run that was taken over changes nothing", async () => {
    await working();
    const request = { appName: PROVIDER.appName, scope: "app" as const, tokenGiven: false };
    const widths = { machineConcurrency: 1, volumeConcurrency: 1 };
    const run = await stage.t.mutation(internal.cleanup.runs.begin, { ...request, ...widths });
    const hold = { runId: run!._id, chunk: run!.chunk };
    await stage.t.mutation(internal.cleanup.runs.resume, { runId: run!._id, afterChunk: 1 });
    const before = await last();
    const news = { machines: { gone: ["x"] } };
    expect(await stage.t.mutation(internal.cleanup.runs.note, { ...hold, ...news })).toBe(false);
    expect(await stage.t.mutation(internal.cleanup.rows.stopAll, hold)).toBe(false);
    await stage.t.mutation(internal.cleanup.runs.end, { ...hold, error: "late" });
    expect(await last()).toEqual(before);
  });
});

describe("trouble that is not over in a moment", () => {
  test("volumes that stay bound end a run within the half hour, and say so; machines are created again", async () => {
    stage.fly.setTimings({ volumeUnbind: [9 * 60 * MINUTE, 9 * 60 * MINUTE] });
    for (let n = 0; n < 20; n++) stage.fly.createForeignMachine({ volume: true });
    const began = Date.now();
    await cleanUp();
    await stage.until(async () => (await last())?.state === "finished", 60 * MINUTE);
    expect(Date.now() - began).toBeLessThan(30 * MINUTE);
    expect(await last()).toMatchObject({ machinesDeleted: 20, volumesRemaining: 20 });
    await working("c9");
  });

  test("a blip of one list in the middle does not end the run", async () => {
    stage.fly.setTimings({ destroy: [20_000, 20_000] });
    const { volumeId } = stage.fly.createForeignMachine({ volume: true });
    const call = stage.t.action(api.lib.runFlyCleanup, {});
    await stage.until(() => stage.calls("machine_destroy") === 1);
    stage.fly.fault({
      match: { action: "volume_list" },
      times: 3,
      effect: { kind: "status", status: 500, json: { error: "internal" } },
    });
    const first = await stage.during(call);
    expect(first.warnings.join(" ")).toContain("goes on in the background");
    expect(first).toMatchObject({ machinesDeleted: 1, volumeIdsRemaining: [volumeId] });
    await stage.until(async () => (await last())?.state === "finished", 10 * MINUTE);
    expect(await last()).toMatchObject({ volumeIdsDeleted: [volumeId], volumesRemaining: 0 });
    stage.fly.expectNoCost();
  });

  test("a token that no key opens is remembered as the cron's failure", async () => {
    await stage.t.run(async (ctx) => {
      const rows = await ctx.db.query("secrets").take(10);
      const row = rows.find(({ secretRef }) => secretRef === "fly.apiToken")!;
      await ctx.db.patch("secrets", row._id, { encryptedValue: "00" });
    });
    await expect(cleanUp()).rejects.toThrow(/fly\.apiToken/);
    expect(await last()).toMatchObject({ state: "failed" });
  });

  test("the end of another app's cleanup does not free this one's hold", async () => {
    stage.fly.setTimings({ destroy: [2 * MINUTE, 2 * MINUTE] });
    stage.fly.createForeignMachine();
    const mine = stage.t.action(api.lib.runFlyCleanup, {});
    await stage.settle();
    const request = {
      ...{ appName: "former", scope: "app" as const, tokenGiven: false },
      ...{ machineConcurrency: 1, volumeConcurrency: 1 },
    };
    const other = (await stage.t.mutation(internal.cleanup.runs.begin, request))!;
    const hold = { runId: other._id, chunk: other.chunk, error: null };
    await stage.t.mutation(internal.cleanup.runs.end, hold);
    expect((await stage.state()).cleanupUntil).toBeGreaterThan(Date.now());
    await stage.during(mine);
    expect((await stage.state()).cleanupUntil).toBeUndefined();
  });
});

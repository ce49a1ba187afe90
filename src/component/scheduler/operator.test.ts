/** What operators and crons see and cause. */
import { afterEach, describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import { PROVIDER, send } from "../setup.test.js";
import { MINUTE, openStage, type Stage } from "./pass.fixture.js";

let stage: Stage;
afterEach(async () => await stage.close());

async function answered(conversationId = "c1"): Promise<string> {
  const known = stage.started().map(({ name }) => name);
  await send(stage.t, conversationId);
  const workerId = await stage.nextStarted(known);
  await stage.boot(workerId);
  await stage.finish(workerId, await stage.claim(workerId));
  return workerId;
}
const reconcile = async (args = {}) =>
  await stage.during(stage.t.action(api.lib.reconcileWorkers, args));
const scaling = async () => (await stage.t.query(api.lib.policyConfig, {})).scaling;

describe("reconcileWorkers", () => {
  test("on a quiet deployment costs one document read and no call", async () => {
    stage = await openStage();
    await stage.pass(5_000);
    const { internal } = await import("../_generated/api.js");
    const cost = await stage.t.mutation(async (ctx) => {
      const result = await ctx.runMutation(internal.scheduler.start.manual, {});
      const metrics = await ctx.meta.getTransactionMetrics();
      return {
        result,
        read: metrics.documentsRead.used,
        written: metrics.documentsWritten.used,
        scheduled: metrics.functionsScheduled.used,
      };
    });
    expect(cost).toEqual({ result: { kind: "quiet" }, read: 1, written: 0, scheduled: 0 });
    const calls = stage.fly.log().length;
    expect(await reconcile()).toEqual({ activeWorkers: 0, spawned: 0, terminated: 0 });
    expect(stage.fly.log()).toHaveLength(calls);
  });

  test("reports what it did, and counts a worker as terminated once it is gone", async () => {
    stage = await openStage();
    await stage.pass(5_000);
    await send(stage.t, "c1");
    expect(await reconcile()).toEqual({ activeWorkers: 1, spawned: 1, terminated: 0 });
    const [row] = await stage.live();
    await stage.until(() => stage.started().length === 1);
    await stage.boot(row?.workerId ?? "");
    await stage.finish(row?.workerId ?? "", await stage.claim(row?.workerId ?? ""));
    await stage.t.mutation(api.lib.drainWorker, { workerId: row?.workerId ?? "" });
    await stage.snapshot(row?.workerId ?? "");
    expect(await reconcile()).toEqual({ activeWorkers: 0, spawned: 0, terminated: 1 });
  });

  test("stores the policy it is given, which later passes use", async () => {
    stage = await openStage();
    await stage.pass(5_000);
    for (const id of ["a", "b", "c"]) await send(stage.t, id);
    await reconcile({ scalingPolicy: { ...(await scaling()), maxWorkers: 3, spawnStep: 1 } });
    expect(await scaling()).toMatchObject({ maxWorkers: 3, spawnStep: 1 });
    await stage.until(async () => (await stage.live()).length === 3, MINUTE);
  });

  test("does not let the app's options override what an operator set, and never writes an old config back", async () => {
    stage = await openStage();
    await stage.pass(5_000);
    await reconcile({ providerConfig: { ...PROVIDER, image: "registry.fly.io/worker:0" } });
    await send(stage.t, "c1");
    const first = await stage.nextStarted();
    expect(stage.machines()[0]?.config.image).toBe("registry.fly.io/worker:1");
    await stage.t.mutation(api.lib.setProviderRuntimeConfig, {
      providerConfig: { ...PROVIDER, image: "registry.fly.io/worker:2" },
    });
    await stage.boot(first);
    await stage.claim(first);
    await stage.idle(first, 5 * MINUTE);
    expect(await stage.t.query(api.lib.providerRuntimeConfig, {})).toMatchObject({
      image: "registry.fly.io/worker:2",
    });
    await reconcile({ scalingPolicy: { ...(await scaling()), maxWorkers: 2 } });
    await send(stage.t, "c2");
    const second = await stage.nextStarted([first]);
    expect(stage.machines().find(({ name }) => name === second)?.config.image).toBe(
      "registry.fly.io/worker:2",
    );
  });

  test("refuses an unusable config by naming the field, and changes nothing", async () => {
    stage = await openStage();
    await expect(
      stage.t.action(api.lib.reconcileWorkers, { providerConfig: { ...PROVIDER, region: " " } }),
    ).rejects.toThrow("Missing providerConfig.region");
    await expect(
      stage.t.action(api.lib.reconcileWorkers, { providerConfig: { ...PROVIDER, kind: "ecs" } }),
    ).rejects.toThrow("PROVIDER_UNSUPPORTED");
    expect(await stage.t.query(api.lib.providerRuntimeConfig, {})).toEqual(PROVIDER);
  });

  test("takes a token and an address for this call without storing them", async () => {
    stage = await openStage({ bare: true });
    await stage.t.mutation(api.lib.setProviderRuntimeConfig, { providerConfig: PROVIDER });
    await send(stage.t, "c1");
    expect(
      await reconcile({ flyApiToken: "fm2_local", convexUrl: "http://127.0.0.1:3210" }),
    ).toMatchObject({ spawned: 1 });
    const [row] = await stage.live();
    expect(stage.environment(row?.workerId ?? "")["CONVEX_URL"]).toMatch(
      /^http:\/\/127\.0\.0\.1:3210\/agent-factory\/worker\/afw_/,
    );
    const status = await stage.t.query(api.lib.secretStatus, {
      secretRefs: ["fly.apiToken", "convex.url"],
    });
    expect(status.map((one) => one.hasActive)).toEqual([false, false]);
    const jobs = await stage.t.run(async (ctx) =>
      ctx.db.system.query("_scheduled_functions").take(99),
    );
    expect(JSON.stringify(jobs)).not.toContain("fm2_local");
  });
});

describe("checkIdleShutdowns", () => {
  test("reports what it looked at, what is still leaving and whether a look will follow", async () => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 2, spawnStep: 2 } } });
    const check = async () => await stage.during(stage.t.action(api.lib.checkIdleShutdowns, {}));
    expect(await check()).toEqual({
      checked: 0,
      stopped: 0,
      pending: 0,
      nextCheckScheduled: false,
    });
    const one = await answered("c1");
    const two = await answered("c2");
    expect(await check()).toEqual({ checked: 2, stopped: 0, pending: 0, nextCheckScheduled: true });
    await stage.t.mutation(api.lib.drainWorker, { workerId: one });
    expect(await check()).toEqual({ checked: 2, stopped: 0, pending: 1, nextCheckScheduled: true });
    await stage.snapshot(one);
    expect(await check()).toEqual({ checked: 2, stopped: 1, pending: 0, nextCheckScheduled: true });
    expect(await stage.worker(two)).toMatchObject({ status: "active" });
  });
});

describe("explainPass", () => {
  /** What the next pass did, by the rows it changed. */
  async function foretold() {
    const { decisions, running } = await stage.t.query(api.lib.explainPass, {});
    expect(running).toBe(false);
    return decisions.map((decision) => ({
      kind: decision.kind,
      subject:
        "workerId" in decision
          ? decision.workerId
          : "conversationId" in decision
            ? decision.conversationId
            : "",
    }));
  }

  test("says what the next pass then does: spawn, hold, drain, stop, teardown, nothing", async () => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 1 } } });
    await stage.pass(5_000);
    expect(await foretold()).toEqual([]);

    await send(stage.t, "c1", "later", { scheduledFor: Date.now() + MINUTE });
    expect(await foretold()).toEqual([]);
    await stage.pass(MINUTE - 1);
    expect(await stage.live()).toEqual([]);
    await stage.t.mutation(api.lib.pauseConversation, { conversationId: "c1" });
    await stage.pass(1_000);
    expect(await foretold()).toEqual([]);
    await stage.t.mutation(api.lib.resumeConversation, { conversationId: "c1" });
    expect(await foretold()).toEqual([{ kind: "spawn", subject: "c1" }]);
    await stage.pass(3_000);
    expect((await stage.live()).map((row) => row.assignment?.conversationId)).toEqual(["c1"]);

    const workerId = await stage.nextStarted();
    await stage.boot(workerId);
    const job = await stage.claim(workerId);
    await send(stage.t, "c2");
    expect(await foretold()).toEqual([{ kind: "hold", subject: "c2" }]);
    await stage.finish(workerId, job);
    expect(await foretold()).toEqual([
      { kind: "hold", subject: "c2" },
      { kind: "drain", subject: workerId },
    ]);
    await stage.until(async () => (await stage.worker(workerId))?.status === "draining", 30_000);
    await stage.pass(3 * MINUTE - 1_000);
    const before = await stage.worker(workerId);
    if (before?.status === "draining") {
      const wait = (before.drainDeadlineAt ?? 0) - Date.now();
      if (wait > 0) await stage.pass(wait - 1);
    }
    await stage.until(async () => (await stage.worker(workerId))?.status !== "draining", 30_000);
    expect((await foretold()).map(({ kind }) => kind)).not.toContain("drain");
  });

  test("foresees a message that became due, before any pass has looked", async () => {
    stage = await openStage();
    await stage.pass(5_000);
    await send(stage.t, "c1", "later", { scheduledFor: Date.now() + 10 * MINUTE });
    const later = await stage.t.query(api.lib.explainPass, { nowMs: Date.now() + 10 * MINUTE });
    expect(later.decisions).toMatchObject([{ kind: "spawn", conversationId: "c1" }]);
    expect(later.nextWakeAt).toBe(Date.now() + 10 * MINUTE);
  });

  test("shows the errors of the last pass", async () => {
    stage = await openStage();
    await answered();
    stage.fly.fault({
      match: { action: "machine_list" },
      effect: { kind: "status", status: 500, json: { error: "boom" } },
    });
    await stage.pass(2 * MINUTE);
    const { lastPassErrors, lastPassAt } = await stage.t.query(api.lib.explainPass, {});
    expect(lastPassErrors).toEqual([expect.stringContaining("list machines of 'local-workers'")]);
    expect(lastPassAt).toBeGreaterThan(Date.now() - 2 * MINUTE);
    stage.fly.clearFaults();
    await stage.pass(MINUTE);
    expect((await stage.t.query(api.lib.explainPass, {})).lastPassErrors).toEqual([]);
  });
});

describe("wake-ups", () => {
  test("a message for later wakes the scheduler by itself, at its time", async () => {
    stage = await openStage();
    await stage.pass(5_000);
    const { passCount } = await stage.state();
    await send(stage.t, "c1", "later", { scheduledFor: Date.now() + 3 * 60 * MINUTE });
    await stage.pass(3 * 60 * MINUTE - 1_000);
    expect((await stage.state()).passCount).toBe(passCount);
    await stage.pass(5_000);
    expect(stage.started()).toHaveLength(1);
  });

  test("a retry whose worker has gone gets a new one at its time", async () => {
    stage = await openStage();
    const messageId = await send(stage.t, "c1");
    const first = await stage.nextStarted();
    await stage.boot(first);
    const job = await stage.claim(first);
    await stage.call(first, "workerFail", {
      messageId,
      leaseId: job.leaseId,
      errorMessage: "try later",
      retryAfterMs: 50 * MINUTE,
    });
    await stage.idle(first, 31 * MINUTE);
    await stage.snapshot(first);
    await stage.emptied();
    expect(Date.now()).toBeLessThan((await stage.message(messageId))?.nextRetryAt ?? 0);
    await stage.until(() => stage.started().length === 1, 30 * MINUTE, 15_000);
    expect(Date.now()).toBeGreaterThanOrEqual((await stage.message(messageId))?.nextRetryAt ?? 0);
  });

  test("an expired lease is ended by a pass, though its worker's machine runs", async () => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 2 } } });
    const messageId = await send(stage.t, "c1");
    const first = await stage.nextStarted();
    await stage.boot(first);
    await stage.claim(first);
    await stage.pass(6 * MINUTE + 5_000);
    expect(await stage.message(messageId)).toMatchObject({
      attempts: 1,
      lastError: "Lease expired while processing",
    });
    expect(await stage.worker(first)).toMatchObject({ drainReason: "stale" });
    const next = await stage.nextStarted([first]);
    await stage.boot(next);
    expect(await stage.claim(next)).toMatchObject({ messageId });
  });
});

test("the fleet's figures and events are shown to operators", async () => {
  stage = await openStage({ policy: { scaling: { maxWorkers: 2, spawnStep: 2 } } });
  const idle = await answered("c1");
  await send(stage.t, "c2");
  const busy = await stage.nextStarted([idle]);
  await stage.boot(busy);
  await stage.claim(busy);
  const stats = await stage.t.query(api.lib.workerStats, {});
  expect(stats).toMatchObject({ activeCount: 1, idleCount: 1 });
  expect(stats.workers.map(({ workerId }) => workerId)).toEqual([idle, busy]);
  const rows = await stage.t.query(api.lib.listWorkers, { limit: 1 });
  expect(rows).toMatchObject([
    {
      workerId: busy,
      load: 1,
      conversationId: "c2",
      agentKey: "default",
      appName: "local-workers",
    },
  ]);
  expect(await stage.t.query(api.lib.listWorkers, { status: "stopped" })).toEqual([]);
  expect(await stage.t.mutation(api.lib.drainWorker, { workerId: "nobody" })).toBe(false);
});

/** The end of machines: by deadline, against resistance, and through deaths of the scheduler itself. */
import { afterEach, describe, expect, test } from "vitest";
import type { FaultRule } from "../../../example/local/fly/faults.js";
import { api } from "../_generated/api.js";
import { PROVIDER, send } from "../setup.test.js";
import { FLY_TOKEN, MINUTE, openStage, type Stage, type StageOptions } from "./pass.fixture.js";

let stage: Stage;
afterEach(async () => await stage.close());

async function open(options: StageOptions = {}) {
  stage = await openStage({ policy: { scaling: { maxWorkers: 2, spawnStep: 2 } }, ...options });
}
/** A worker that answered the only message of "c1". */
async function answered(): Promise<string> {
  await send(stage.t, "c1");
  const workerId = await stage.nextStarted();
  await stage.boot(workerId);
  await stage.finish(workerId, await stage.claim(workerId));
  return workerId;
}
const isGone = async (workerId: string) => (await stage.worker(workerId))?.status === "stopped";

describe("draining", () => {
  test("a hung worker is destroyed by force at its deadline; its message comes back with a charge", async () => {
    await open();
    const messageId = await send(stage.t, "c1");
    const workerId = await stage.nextStarted();
    await stage.boot(workerId);
    const job = await stage.claim(workerId);
    const lease = { messageId, leaseId: job.leaseId };
    // It hangs but its heartbeats go on: only somebody from outside can end it.
    for (let i = 0; i < 4; i++) {
      await stage.pass(MINUTE);
      expect(await stage.call(workerId, "workerHeartbeat", lease)).toBe(true);
    }
    await stage.t.run(async (ctx) => {
      const row = await ctx.db
        .query("workers")
        .withIndex("by_workerId", (q) => q.eq("workerId", workerId))
        .unique();
      await ctx.db.patch("workers", row!._id, {
        status: "draining",
        drainReason: "evicted",
        drainingSince: Date.now(),
        drainDeadlineAt: Date.now() + 2 * MINUTE,
      });
    });
    await stage.pass(1.5 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ status: "draining", load: 1 });
    await stage.until(async () => (await stage.worker(workerId))?.status !== "draining", MINUTE);
    expect(await stage.message(messageId)).toMatchObject({ status: "queued", attempts: 1 });
    await stage.until(async () => await isGone(workerId), MINUTE);
    const force = stage.fly.log().find(({ action }) => action === "machine_destroy");
    expect(force?.query).toContain("force=true");
    const next = await stage.nextStarted([workerId]);
    await stage.boot(next);
    await stage.finish(next, await stage.claim(next));
    expect(await stage.message(messageId)).toMatchObject({ status: "done", attempts: 1 });
  });

  test("an operator's drain that the worker ignores gives its message back without a charge", async () => {
    await open();
    const messageId = await send(stage.t, "c1");
    const workerId = await stage.nextStarted();
    await stage.boot(workerId);
    await stage.claim(workerId);
    expect(await stage.t.mutation(api.lib.drainWorker, { workerId })).toBe(true);
    expect(await stage.t.mutation(api.lib.drainWorker, { workerId })).toBe(false);
    await stage.pass(2.9 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ status: "draining" });
    await stage.until(async () => (await stage.worker(workerId))?.status !== "draining", MINUTE);
    expect(await stage.message(messageId)).toMatchObject({ status: "queued", attempts: 0 });
  });

  test.each(["operator", "budget"] as const)(
    "a machine that dies by itself while it drains for the reason %s charges the message that it had",
    async (drainReason) => {
      await open();
      const messageId = await send(stage.t, "c1");
      const workerId = await stage.nextStarted();
      await stage.boot(workerId);
      await stage.claim(workerId);
      if (drainReason === "operator") await stage.t.mutation(api.lib.drainWorker, { workerId });
      else await stage.t.mutation(api.lib.setSpendBudget, { usdPerDay: 0.000001 });
      await stage.until(async () => (await stage.worker(workerId))?.drainReason === drainReason);
      const machineId = stage.started()[0]?.id ?? "";
      stage.fly.exit(machineId, 137);
      await stage.until(async () => (await stage.message(messageId))?.status === "queued");
      // Nobody took it away: it may be what killed the machine.
      expect(await stage.message(messageId)).toMatchObject({ status: "queued", attempts: 1 });
    },
  );

  test("a silent worker is drained as stale after staleAfterMs and gone soon after", async () => {
    await open();
    const workerId = await answered();
    await stage.pass(6.8 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ status: "active" });
    await stage.pass(0.5 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({
      status: "draining",
      drainReason: "stale",
    });
    await stage.emptied(2 * MINUTE);
  });

  test("a worker that never calls home is given up at the boot deadline, and replaced", async () => {
    await open();
    await send(stage.t, "c1");
    const workerId = await stage.nextStarted();
    await stage.pass(9.8 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ status: "active" });
    await stage.pass(MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ drainReason: "boot_timeout" });
    const next = await stage.nextStarted([workerId]);
    await stage.boot(next);
    await stage.claim(next);
    await stage.until(async () => await isGone(workerId));
    expect(stage.machines().map(({ name }) => name)).toEqual([next]);
  });

  test("one that found nothing to do idles out from its first call, and needs no snapshot", async () => {
    await open({ policy: { scaling: { idleTimeoutMs: 5 * MINUTE } } });
    const messageId = await send(stage.t, "c1");
    const workerId = await stage.nextStarted();
    await stage.t.mutation(api.lib.skipMessage, { messageId });
    await stage.pass(3 * MINUTE);
    await stage.boot(workerId);
    await stage.pass(4.5 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ status: "active" });
    await stage.pass(MINUTE);
    expect((await isGone(workerId)) || (await stage.worker(workerId))?.status === "stopping").toBe(
      true,
    );
    await stage.emptied();
  });

  test("work that arrives at the idle deadline keeps the worker", async () => {
    await open({ policy: { scaling: { idleTimeoutMs: 5 * MINUTE } } });
    const workerId = await answered();
    await stage.idle(workerId, 4.9 * MINUTE);
    await send(stage.t, "c1");
    await stage.pass(0.5 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ status: "active" });
    expect(await stage.claim(workerId)).toMatchObject({ conversationId: "c1" });
  });
});

describe("teardown goes on until it is proven", () => {
  const resistance: [string, StageOptions, FaultRule[]][] = [
    [
      "the volume stays bound for a minute",
      { fly: { timings: { volumeUnbind: [MINUTE, MINUTE] } } },
      [],
    ],
    [
      "the machine takes a minute to be destroyed",
      { fly: { timings: { destroy: [MINUTE, MINUTE] } } },
      [],
    ],
    [
      "the first answers of destroy are lost",
      {},
      [
        {
          match: { action: "machine_destroy" },
          times: 4,
          phase: "after",
          effect: { kind: "reset" },
        },
      ],
    ],
    [
      "the first answers of volume deletion are lost",
      {},
      [
        {
          match: { action: "volume_destroy" },
          times: 4,
          phase: "after",
          effect: { kind: "status", status: 500 },
        },
      ],
    ],
    [
      "everything fails for five minutes",
      {},
      [{ forMs: 5 * MINUTE, effect: { kind: "status", status: 502 } }],
    ],
    ["everything hangs for three minutes", {}, [{ forMs: 3 * MINUTE, effect: { kind: "hang" } }]],
    [
      "the volume list is empty by mistake",
      {},
      [{ match: { action: "volume_list" }, times: 3, effect: { kind: "wrongShape", json: [] } }],
    ],
    ["a destroyed machine is denied at once", { fly: { timings: { retention: [0, 0] } } }, []],
    [
      "the rate limit strikes",
      {},
      [
        {
          forMs: MINUTE,
          effect: { kind: "status", status: 429, json: { error: "rate limit exceeded" } },
        },
      ],
    ],
  ];
  test.each(resistance)("%s", async (_name, options, faults) => {
    await open(options);
    const workerId = await answered();
    await stage.idle(workerId, 2 * MINUTE);
    await stage.t.mutation(api.lib.drainWorker, { workerId });
    await stage.snapshot(workerId);
    for (const rule of faults) stage.fly.fault(rule);
    await stage.emptied(20 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ status: "stopped" });
    stage.fly.clearFaults();
  });

  test("a machine that is not visible yet after its creation is not taken for gone", async () => {
    await open({
      fly: { switches: { readLagMs: 60_000 } },
      policy: { scaling: { maxWorkers: 1 } },
    });
    const messageId = await send(stage.t, "c1");
    await stage.until(() => stage.machines().length === 1);
    await stage.pass(3_000);
    const [row] = await stage.live();
    await stage.t.mutation(api.lib.skipMessage, { messageId });
    await stage.t.mutation(api.lib.drainWorker, { workerId: row?.workerId ?? "" });
    await send(stage.t, "c2");
    await stage.until(async () => await isGone(row?.workerId ?? ""));
    await stage.until(async () => (await stage.live())[0]?.machineRef !== undefined);
    expect(stage.fly.bill().peakMachines).toBe(1);
  });

  test("machines of a former app are torn down there, and new ones are made in the new app", async () => {
    await open();
    stage.fly.addApp("next-app");
    stage.fly.addToken("fm2_org", { scope: "org", org: "local" });
    await stage.t.mutation(api.lib.importSecret, {
      secretRef: "fly.apiToken",
      plaintextValue: "fm2_org",
    });
    const old = await answered();
    await stage.t.mutation(api.lib.setProviderRuntimeConfig, {
      providerConfig: { ...PROVIDER, appName: "next-app", image: "registry.fly.io/worker:2" },
    });
    await send(stage.t, "c2");
    const next = await stage.nextStarted([old]);
    expect(await stage.worker(next)).toMatchObject({ machineRef: { appName: "next-app" } });
    expect(stage.machines().find(({ name }) => name === next)?.config.image).toBe(
      "registry.fly.io/worker:2",
    );
    await stage.t.mutation(api.lib.drainWorker, { workerId: old });
    await stage.snapshot(old);
    await stage.until(async () => await isGone(old));
    expect(stage.machines().map(({ name }) => name)).toEqual([next]);
  });

  test("many at once: one that cannot be removed delays no other", async () => {
    await open({ policy: { scaling: { maxWorkers: 5, spawnStep: 5 } } });
    for (let i = 0; i < 5; i++) await send(stage.t, `c${i}`);
    await stage.until(() => stage.started().length === 5);
    await stage.pass(3_000);
    const ids = stage.started().map(({ name }) => name);
    for (const id of ids) await stage.t.mutation(api.lib.drainWorker, { workerId: id });
    const [stuck, ...others] = stage.machines();
    const handle = stage.fly.fault({
      match: { machineId: stuck?.id ?? "" },
      effect: { kind: "status", status: 500, json: { error: "internal server error" } },
    });
    await stage.until(
      async () => (await Promise.all(others.map(({ name }) => isGone(name)))).every(Boolean),
      3 * MINUTE,
    );
    expect(await stage.worker(stuck?.name ?? "")).toMatchObject({
      status: "stopping",
      machineRef: { machineId: stuck?.id },
    });
    handle.remove();
    for (const { conversationId } of await waiting())
      await stage.t.mutation(api.lib.pauseConversation, { conversationId });
    await stage.until(async () => await isGone(stuck?.name ?? ""));
  });
  const waiting = async () =>
    await stage.t.run(async (ctx) => await ctx.db.query("conversations").take(20));
});

describe("the action of a pass dies", () => {
  test("at any step of a teardown: machine and volume go all the same", async () => {
    for (let k = 1; ; k++) {
      await open();
      const workerId = await answered();
      await stage.idle(workerId, 2 * MINUTE);
      await stage.t.mutation(api.lib.drainWorker, { workerId });
      await stage.snapshot(workerId);
      const { died } = await stage.dieAtStep(k);
      await stage.emptied(12 * MINUTE);
      expect(await stage.worker(workerId), `death at step ${k}`).toMatchObject({
        status: "stopped",
      });
      expect(stage.fly.bill()).toMatchObject({ runningNow: 0, peakMachines: 1 });
      if (!died) {
        expect(k).toBeGreaterThan(8);
        break;
      }
      await stage.close();
    }
  });

  test("at any step of a creation: one machine comes of it, and answers", async () => {
    for (let k = 1; ; k++) {
      await open();
      await stage.pass(5_000);
      const messageId = await send(stage.t, "c1");
      const { died } = await stage.dieAtStep(k);
      if (died) await stage.pass(5 * MINUTE);
      const workerId = await stage.nextStarted([], 10 * MINUTE);
      await stage.boot(workerId);
      await stage.finish(workerId, await stage.claim(workerId));
      expect(await stage.message(messageId), `death at step ${k}`).toMatchObject({
        status: "done",
      });
      await stage.pass(MINUTE);
      expect(stage.fly.bill()).toMatchObject({ runningNow: 1, peakMachines: 1 });
      expect(stage.fly.volumes(), `death at step ${k}`).toHaveLength(1);
      if (!died) {
        expect(k).toBeGreaterThan(8);
        break;
      }
      await stage.close();
    }
  });

  test("the next wake-up takes over when the lease is over, not before", async () => {
    await open();
    await stage.pass(5_000);
    await send(stage.t, "c1");
    const { died } = await stage.dieAtStep(3);
    expect(died).toBe(true);
    const { passCount } = await stage.state();
    await send(stage.t, "c2");
    await stage.pass(4.9 * MINUTE);
    expect(await stage.state()).toMatchObject({ passCount });
    await stage.pass(0.2 * MINUTE);
    expect((await stage.state()).passCount).toBeGreaterThan(passCount);
    expect(await stage.live()).toHaveLength(2);
  });

  test("a pass that lives on after its lease changes nothing any more", async () => {
    await open();
    await stage.pass(5_000);
    const messageId = await send(stage.t, "c1");
    const { internal } = await import("../_generated/api.js");
    const first = await stage.t.mutation(internal.scheduler.start.manual, {});
    if (first.kind !== "taken") throw new Error("the pass was not taken");
    await stage.pass(6 * MINUTE);
    const live = await stage.live();
    expect(live).toHaveLength(1);
    const observation = { apps: [{ appName: PROVIDER.appName, machines: [] }] };
    const { passId } = first;
    expect(await stage.t.mutation(internal.scheduler.reserve.prepare, { passId })).toBe(false);
    expect(
      await stage.t.mutation(internal.scheduler.reserve.commit, { passId, observation }),
    ).toEqual({ effects: [], spawned: 0, drained: 0 });
    const before = await stage.state();
    await stage.t.mutation(internal.scheduler.loop.finish, { passId, errors: ["late"] });
    expect(await stage.state()).toEqual(before);
    expect(await stage.message(messageId)).toMatchObject({ status: "queued" });
  });

  test("a slow provider never makes a pass outlive its lease", async () => {
    await open({ policy: { scaling: { maxWorkers: 30, spawnStep: 30 } } });
    stage.fly.scenario("slowApi");
    for (let i = 0; i < 30; i++) await send(stage.t, `c${i}`);
    let longest = 0;
    for (let i = 0; i < 15 * 12; i++) {
      await stage.pass(5_000);
      const { passId, passStartedAt } = await stage.state();
      if (passId !== undefined) longest = Math.max(longest, Date.now() - (passStartedAt ?? 0));
    }
    expect(longest).toBeGreaterThan(MINUTE);
    expect(longest).toBeLessThan(5 * MINUTE);
    stage.fly.clearFaults();
    expect(stage.fly.bill().peakMachines).toBeGreaterThan(5);
    expect(stage.fly.bill().peakMachines).toBeLessThanOrEqual(30);
  });
});

test("the token of the provider is in no row, event or error", async () => {
  await open();
  await answered();
  stage.fly.revokeToken(FLY_TOKEN);
  await stage.pass(3 * MINUTE);
  const state = await stage.state();
  expect(state.lastPassErrors?.[0]).toContain("401");
  const everything = await stage.t.run(async (ctx) => [
    await ctx.db.query("workers").take(9),
    await ctx.db.query("machineEvents").take(99),
    await ctx.db.system.query("_scheduled_functions").take(999),
    await ctx.db.query("schedulerState").take(9),
  ]);
  expect(JSON.stringify(everything)).not.toContain(FLY_TOKEN);
});

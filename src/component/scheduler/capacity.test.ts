/** How many passes, list calls and machines a load causes. */
import { afterEach, describe, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import { send } from "../setup.test.js";
import { MINUTE, openStage, type Stage } from "./pass.fixture.js";

let stage: Stage;
afterEach(async () => await stage.close());

describe("a burst of messages", () => {
  test.each([
    ["one conversation", (_i: number) => "c"],
    ["1,000 conversations", (i: number) => `c${i}`],
  ])("1,000 within a second, in %s: at most two passes and two list calls", async (_name, id) => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 1 } } });
    await stage.pass(5_000);
    const before = (await stage.state()).passCount;
    const lists = stage.calls("machine_list");
    for (let i = 0; i < 1_000; i++) {
      await send(stage.t, id(i));
      if (i % 100 === 99) await stage.pass(99);
    }
    expect((await stage.state()).passCount - before).toBeLessThanOrEqual(2);
    await stage.pass(3_000);
    expect((await stage.state()).passCount - before).toBeLessThanOrEqual(2);
    expect(stage.calls("machine_list") - lists).toBeLessThanOrEqual(2);
    expect(await stage.live()).toHaveLength(1);
    expect(stage.fly.bill().peakMachines).toBe(1);
  });

  test("what waits behind the cap is looked at at the reconcile interval, not every second", async () => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 1 } } });
    await send(stage.t, "a");
    const workerId = await stage.nextStarted();
    await stage.boot(workerId);
    await stage.claim(workerId);
    await send(stage.t, "b");
    await stage.pass(5_000);
    const { passCount } = await stage.state();
    await stage.pass(2 * MINUTE);
    expect((await stage.state()).passCount - passCount).toBeLessThanOrEqual(9);
    const { decisions } = await stage.t.query(api.lib.explainPass, {});
    expect(decisions).toContainEqual({
      kind: "hold",
      conversationId: "b",
      reason: "maxWorkers (1) machines are live",
    });
  });
});

describe("passes at the same time", () => {
  test("two passes create one machine", async () => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 5, spawnStep: 5 } } });
    await stage.pass(5_000);
    await send(stage.t, "c1");
    const [one, two] = [
      stage.t.mutation(internal.scheduler.loop.begin, {}),
      stage.t.mutation(internal.scheduler.loop.begin, {}),
    ];
    await Promise.all([one, two]);
    await stage.nextStarted();
    await stage.pass(2 * MINUTE);
    expect(stage.calls("machine_launch")).toBe(1);
    expect(await stage.live()).toHaveLength(1);
  });

  test("ten calls of reconcileWorkers with maxWorkers 1 create one machine", async () => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 1 } } });
    await stage.pass(5_000);
    for (let i = 0; i < 10; i++) await send(stage.t, `c${i}`);
    const reports = await stage.during(
      Promise.all(
        Array.from({ length: 10 }, async () => await stage.t.action(api.lib.reconcileWorkers, {})),
      ),
    );
    expect(reports.filter((report) => report.spawned === 1)).toHaveLength(1);
    expect(reports.filter((report) => report.spawned === 0)).toHaveLength(9);
    expect(stage.calls("machine_launch")).toBe(1);
    await stage.pass(MINUTE);
    expect(stage.calls("machine_launch")).toBe(1);
    expect(stage.fly.bill().peakMachines).toBe(1);
  });
});

describe("the cap", () => {
  test("a new conversation at the cap evicts the longest idle worker, and gets its place", async () => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 2, spawnStep: 2 } } });
    await send(stage.t, "old");
    const old = await stage.nextStarted();
    await stage.boot(old);
    await stage.finish(old, await stage.claim(old));
    await send(stage.t, "young");
    const young = await stage.nextStarted([old]);
    await stage.boot(young);
    await stage.finish(young, await stage.claim(young));

    await send(stage.t, "third");
    await stage.pass(3_000);
    expect(await stage.worker(old)).toMatchObject({ status: "draining", drainReason: "evicted" });
    expect(await stage.worker(young)).toMatchObject({ status: "active" });
    expect(await stage.call(old, "workerPoll")).toEqual({ kind: "stop", reason: "evicted" });
    await stage.snapshot(old);
    const third = await stage.nextStarted([old, young]);
    expect(await stage.worker(third)).toMatchObject({ assignment: { conversationId: "third" } });
    expect(stage.fly.bill().peakMachines).toBe(2);
  });

  test("a lower maxWorkers drains what idles, longest first, and never a worker at work", async () => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 3, spawnStep: 3 } } });
    for (const id of ["a", "b", "c"]) await send(stage.t, id);
    await stage.until(() => stage.started().length === 3);
    await stage.pass(2_000);
    const [busy, first, second] = stage.started().map(({ name }) => name) as [
      string,
      string,
      string,
    ];
    for (const id of [busy, first, second]) await stage.boot(id);
    await stage.claim(busy);
    await stage.finish(first, await stage.claim(first));
    await stage.pass(1_000);
    await stage.finish(second, await stage.claim(second));
    await stage.t.mutation(api.lib.setPolicyConfig, { policy: { scaling: { maxWorkers: 2 } } });
    await stage.pass(2_000);
    expect(await stage.worker(first)).toMatchObject({ status: "draining", drainReason: "evicted" });
    await stage.t.mutation(api.lib.setPolicyConfig, { policy: { scaling: { maxWorkers: 1 } } });
    await stage.pass(2_000);
    expect(await stage.worker(second)).toMatchObject({ status: "draining" });
    await stage.pass(5 * MINUTE);
    expect(await stage.worker(busy)).toMatchObject({ status: "active", load: 1 });
  });

  test("a place is free as soon as its machine is gone, while its volume is still being unbound", async () => {
    stage = await openStage({
      policy: { scaling: { maxWorkers: 1 } },
      fly: { timings: { volumeUnbind: [MINUTE, MINUTE], launch: [300, 300], boot: [700, 700] } },
    });
    await send(stage.t, "a");
    const first = await stage.nextStarted();
    await stage.boot(first);
    await stage.finish(first, await stage.claim(first));
    await send(stage.t, "b");
    await stage.pass(2_000);
    await stage.snapshot(first);
    const second = await stage.nextStarted([first]);
    expect(await stage.worker(first)).toMatchObject({ status: "stopping" });
    expect(await stage.worker(second)).toMatchObject({ assignment: { conversationId: "b" } });
    expect(stage.fly.bill().peakMachines).toBe(1);
  });

  test("a worker that serves anybody is not asked for every second while it has not polled yet", async () => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 5 } } });
    await send(stage.t, "a");
    await stage.pass(2_000);
    await stage.t.run(async (ctx) => {
      await ctx.db.insert("workers", {
        workerId: "own-machine",
        provider: "fly",
        status: "active",
        load: 0,
        heartbeatAt: Date.now(),
        firstSeenAt: Date.now(),
        lastClaimAt: Date.now(),
        scheduledShutdownAt: Date.now() + 60 * MINUTE,
        capabilities: [],
      });
    });
    await send(stage.t, "b");
    await stage.pass(3_000);
    const { passCount } = await stage.state();
    await stage.pass(MINUTE);
    expect((await stage.state()).passCount - passCount).toBeLessThanOrEqual(5);
  });
});

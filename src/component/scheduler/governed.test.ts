/** How hard the provider is asked, by the local Fly's own log: its limits hold, its wishes are obeyed, an outage is waited out. */
import { afterEach, describe, expect, test } from "vitest";
import { api } from "../_generated/api.js";
import { PROVIDER, send } from "../setup.test.js";
import { FLY_TOKEN, MINUTE, openStage, START, type Stage } from "./pass.fixture.js";

let stage: Stage;
afterEach(async () => await stage.close());

const HOUR = 60 * MINUTE;
const open = async () =>
  (stage = await openStage({ policy: { scaling: { maxWorkers: 5, spawnStep: 5 } } }));
const conditions = async () => await stage.t.query(api.lib.deploymentConditions, {});
const callsSince = (at: number, action?: string) =>
  stage.fly.log().filter((one) => one.at >= at && (action ?? one.action) === one.action);
const gate = async () =>
  await stage.t.run(async (ctx) => (await ctx.db.query("providerGates").take(2))[0]);

describe("the published limits", () => {
  test("hold across passes that follow one another and cleanups beside them: no 429 is ever seen", async () => {
    await open();
    for (let n = 0; n < 5; n++) await send(stage.t, `c${n}`);
    await stage.until(() => stage.started().length === 5);
    const start = async () => await stage.t.action(api.lib.reconcileWorkers, {});
    for (let n = 0; n < 6; n++) {
      await stage.during(start());
      await stage.pass(100);
    }
    const look = async () => await stage.t.action(api.lib.runFlyCleanup, { dryRun: true });
    await stage.during(Promise.all([look(), look(), look(), start()]));
    await stage.during(
      Promise.all([stage.t.action(api.lib.runFlyCleanup, {}), start(), look(), start()]),
    );
    const refused = stage.fly.log().filter(({ status }) => status === 429);
    expect(refused.map(({ action, at }) => `${action} at ${at - START}`)).toEqual([]);
    expect(callsSince(START, "machine_list").length).toBeGreaterThan(10);
    // No call failed: what explanations and passes read was never written.
    expect((await gate()) ?? null).toBeNull();
  });

  test("hold when actions die with calls under way: their tokens are spent", async () => {
    await open();
    await send(stage.t, "c1");
    for (let n = 0; n < 12; n++) {
      await stage.mortally(2 + (n % 11), async (ctx) => {
        const { cleanUp } = await import("../cleanup/cleaner.js");
        await cleanUp(ctx, { dryRun: true });
      });
      await stage.pass(50);
    }
    expect(stage.fly.log().filter(({ status }) => status === 429)).toEqual([]);
    expect(callsSince(START, "machine_list").length).toBeGreaterThan(2);
  });
});

test("an operator who deletes one volume after another waits for the limits as well", async () => {
  await open();
  const volumeIds = Array.from({ length: 7 }, () =>
    stage.fly.createForeignMachine({ volume: true }),
  ).map(({ machineId, volumeId }) => {
    stage.fly.operatorDestroy(machineId);
    return volumeId ?? "";
  });
  await stage.pass(MINUTE);
  const { appName } = PROVIDER;
  const began = Date.now();
  const remove = async (volumeId: string) =>
    await stage.t.action(api.lib.deleteFlyVolume, { appName, volumeId, flyApiToken: FLY_TOKEN });
  const answers = await stage.during(Promise.all(volumeIds.map(remove)));
  expect(answers.map(({ status }) => status)).toEqual(volumeIds.map(() => 200));
  expect(Date.now() - began).toBeGreaterThanOrEqual(4_000);
  expect(stage.fly.log().filter(({ status }) => status === 429)).toEqual([]);

  stage.fly.fault({ effect: { kind: "reset" }, forMs: 30 * MINUTE });
  await send(stage.t, "c1");
  await stage.pass(15 * MINUTE);
  const before = stage.fly.log().length;
  const late = stage.during(remove(volumeIds[0] ?? ""));
  // Unless its patience ends in the next probe: then it is that one.
  await expect(late).rejects.toThrow(/does not answer for app|did not answer the delete/);
  expect(stage.fly.log().length - before).toBeLessThanOrEqual(1);
});

describe("a Retry-After", () => {
  const limited = (action: string, seconds: string) =>
    stage.fly.fault({
      match: { action },
      times: 1,
      effect: {
        kind: "status",
        status: 429,
        json: { error: "resource_exhausted: rate limit exceeded" },
        headers: { "retry-after": seconds },
      },
    });

  test("of twenty minutes keeps creations away for as long, says so in one place, and ends in a pass", async () => {
    await open();
    const rule = limited("machine_launch", "1200");
    const messageId = await send(stage.t, "c1");
    await stage.until(() => rule.hits() === 1);
    const askedAt = Date.now();
    await stage.pass(10 * MINUTE);
    const [condition] = await conditions();
    expect(condition).toMatchObject({ kind: "spawning_stopped", severity: "error" });
    expect(condition?.message).toContain("asked for no machineCreate");
    expect(condition?.until).toBeGreaterThan(askedAt + 19 * MINUTE);
    expect(await stage.t.query(api.lib.explainPass, {})).toMatchObject({
      spawnBlock: condition?.message,
    });
    expect(await stage.t.query(api.lib.explainMessage, { messageId })).toMatchObject({
      ...{ waitsFor: "provider", detail: condition?.message, until: condition?.until },
    });
    // An operator's call is no reason to break the word.
    await stage.during(stage.t.action(api.lib.reconcileWorkers, {}));
    await stage.until(() => callsSince(askedAt, "machine_launch").length > 0, 15 * MINUTE, 500);
    const again = callsSince(askedAt, "machine_launch").at(-1)!.at - askedAt;
    expect(again).toBeGreaterThanOrEqual(20 * MINUTE - 1_000);
    expect(again).toBeLessThan(20 * MINUTE + 15_000);
    await stage.nextStarted();
    expect(await conditions()).toEqual([]);
    // Nobody was given up meanwhile: the same worker got its machine.
    expect(await stage.workers()).toHaveLength(1);
  });

  test("of a day is believed for an hour; lists that were asked for less come then, and other calls go on", async () => {
    await open();
    await send(stage.t, "c1");
    const workerId = await stage.nextStarted();
    await stage.boot(workerId);
    await stage.finish(workerId, await stage.claim(workerId));
    await stage.pass(5_000);
    const rule = limited("machine_list", "86400");
    await stage.until(() => rule.hits() === 1);
    const askedAt = Date.now();
    await stage.t.mutation(api.lib.drainWorker, { workerId });
    await stage.snapshot(workerId);
    await stage.until(() => stage.machines().length === 0, 5 * MINUTE);
    await send(stage.t, "c2");
    await stage.boot(await stage.nextStarted([workerId]));
    await stage.until(() => callsSince(askedAt + 1, "machine_list").length > 0, 65 * MINUTE, 1_000);
    const again = callsSince(askedAt + 1, "machine_list")[0]!.at - askedAt;
    expect(again).toBeGreaterThanOrEqual(HOUR - 2_000);
    expect(again).toBeLessThan(HOUR + 5_000);
  });
});

describe("an outage of an hour", () => {
  const faults = [
    ["resets every connection", { kind: "reset" }],
    ["answers 503", { kind: "status", status: 503 }],
    ["never answers", { kind: "hang" }],
  ] as const;

  test.each(faults)(
    "that %s costs a bounded number of calls, is told once, and everything converges after it",
    async (_name, effect) => {
      await open();
      await send(stage.t, "c1");
      const workerId = await stage.nextStarted();
      await stage.boot(workerId);
      await stage.finish(workerId, await stage.claim(workerId));
      await stage.pass(5_000);

      const downAt = Date.now();
      stage.fly.fault({ effect, forMs: HOUR });
      const waiting = await send(stage.t, "c2");
      // A teardown is wanted in the middle of it.
      await stage.pass(5 * MINUTE);
      await stage.t.mutation(api.lib.drainWorker, { workerId });
      await stage.snapshot(workerId);
      await stage.pass(25 * MINUTE);

      const [condition] = await conditions();
      expect(condition).toMatchObject({ kind: "provider_down", severity: "error" });
      expect(condition?.since).toBeLessThan(downAt + 3 * MINUTE);
      expect(await stage.t.query(api.lib.explainMessage, { messageId: waiting })).toMatchObject({
        ...{ waitsFor: "provider", detail: condition?.message },
      });
      const { spawnBlock } = await stage.t.query(api.lib.explainPass, {});
      expect(spawnBlock).toBe(condition?.message);
      expect(spawnBlock).toContain("does not answer for app 'local-workers'");
      expect((await gate())?.circuit.state).not.toBe("closed");

      await stage.pass(downAt + HOUR - Date.now());
      const calls = callsSince(downAt).length;
      expect(calls).toBeGreaterThanOrEqual(10);
      expect(calls).toBeLessThanOrEqual(40);
      expect(stage.calls("machine_launch")).toBeLessThanOrEqual(4);

      // The probe comes by itself, within the longest pause; then both the new machine and the old one's end.
      const next = await stage.nextStarted([workerId], 3 * MINUTE);
      await stage.until(async () => (await stage.worker(workerId))?.status === "stopped");
      await stage.boot(next);
      await stage.finish(next, await stage.claim(next));
      expect(await stage.message(waiting)).toMatchObject({ status: "done", attempts: 0 });
      expect((await conditions()).map(({ kind }) => kind)).not.toContain("provider_down");
      const events = await stage.t.query(api.lib.listWorkerEvents, {
        workerId: "provider:local-workers",
      });
      expect(events.map(({ kind }) => kind)).toEqual(["provider_down", "provider_up"]);
      await stage.t.mutation(api.lib.drainWorker, { workerId: next });
      await stage.snapshot(next);
      await stage.emptied();
    },
  );

  test("while nothing runs and nothing waits is found over without anybody's call", async () => {
    await open();
    stage.fly.fault({ effect: { kind: "reset" }, forMs: 30 * MINUTE });
    const { messageId, conversationId } = {
      messageId: await send(stage.t, "c1"),
      conversationId: "c1",
    };
    await stage.until(async () => (await gate())?.circuit.state === "open");
    await stage.t.mutation(api.lib.pauseConversation, { conversationId, reason: "test" });
    await stage.pass(40 * MINUTE);
    expect((await gate())?.circuit).toMatchObject({ state: "closed", failures: 0 });
    expect(await stage.message(messageId)).toMatchObject({ status: "queued" });
    expect((await conditions()).map(({ kind }) => kind)).not.toContain("provider_down");
  });

  test("makes a cleanup fail in words, and the next one ends what is left", async () => {
    await open();
    await send(stage.t, "c1");
    await stage.nextStarted();
    stage.fly.fault({ effect: { kind: "status", status: 502 }, forMs: 20 * MINUTE });
    await stage.pass(10 * MINUTE);
    const from = Date.now();
    await expect(stage.during(stage.t.action(api.lib.runFlyCleanup, {}))).rejects.toThrow(
      "does not answer for app",
    );
    expect(callsSince(from).length).toBeLessThanOrEqual(2);
    expect(await stage.t.query(api.lib.lastCleanupReport, {})).toMatchObject({
      state: "failed",
      error: expect.stringContaining("it is asked again at"),
    });
    await stage.pass(20 * MINUTE);
    await stage.during(stage.t.action(api.lib.runFlyCleanup, {}));
    stage.fly.expectNoCost();
    expect(await stage.t.query(api.lib.lastCleanupReport, {})).toMatchObject({ state: "finished" });
  });
});

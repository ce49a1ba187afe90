/** What the scheduler concludes when the provider errs, lies or is silent. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FaultRule } from "../../../example/local/fly/faults.js";
import { api } from "../_generated/api.js";
import { send } from "../setup.test.js";
import { MINUTE, openStage, type Stage } from "./pass.fixture.js";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({ policy: { scaling: { maxWorkers: 3, spawnStep: 3 } } });
});
afterEach(async () => await stage.close());

/** A worker at work on the only message of "c1". */
async function working() {
  await send(stage.t, "c1");
  const workerId = await stage.nextStarted();
  await stage.boot(workerId);
  const job = await stage.claim(workerId);
  const machineId = (await stage.worker(workerId))?.machineRef?.machineId ?? "";
  return { workerId, job, machineId };
}
type Working = Awaited<ReturnType<typeof working>>;
const heartbeat = async ({ workerId, job }: Working) =>
  await stage.call(workerId, "workerHeartbeat", {
    messageId: job.messageId,
    leaseId: job.leaseId,
  });

describe("a machine is not forgotten", () => {
  const answers: [string, FaultRule][] = [
    ["errors (500)", { effect: { kind: "status", status: 500, json: { error: "internal" } } }],
    ["does not answer", { effect: { kind: "hang" } }],
    [
      "answers 404 in plain text",
      { effect: { kind: "status", status: 404, plain: "404 page not found" } },
    ],
    [
      "lists nothing",
      { match: { action: "machine_list" }, effect: { kind: "wrongShape", json: [] } },
    ],
    [
      "lists nothing and denies the app",
      {
        match: { method: "GET" },
        effect: { kind: "status", status: 404, json: { error: "app not found" } },
      },
    ],
  ];
  test.each(answers)("when the provider %s", async (_name, rule) => {
    const held = await working();
    stage.fly.fault(rule);
    for (let minute = 0; minute < 6; minute++) {
      await stage.pass(MINUTE);
      expect(await heartbeat(held)).toBe(true);
    }
    expect(await stage.worker(held.workerId)).toMatchObject({
      status: "active",
      machineRef: { machineId: held.machineId },
    });
    expect(await stage.live()).toHaveLength(1);
    stage.fly.clearFaults();
    await stage.pass(2 * MINUTE);
    expect(stage.calls("machine_launch")).toBe(1);
    expect(stage.machines().map(({ id }) => id)).toEqual([held.machineId]);
    await stage.finish(held.workerId, held.job);
    expect(await stage.message(held.job.messageId)).toMatchObject({ status: "done", attempts: 0 });
  });

  test("one proof of absence is not enough, and the proofs must follow one another", async () => {
    const held = await working();
    await stage.pass(2 * MINUTE);
    await heartbeat(held);
    const absent = (times: number): FaultRule[] => [
      { match: { action: "machine_list" }, times, effect: { kind: "wrongShape", json: [] } },
      {
        match: { action: "machine_get" },
        times,
        effect: {
          kind: "status",
          status: 404,
          json: { error: `machine ${held.machineId} not found` },
        },
      },
    ];
    for (let round = 0; round < 3; round++) {
      for (const rule of absent(1)) stage.fly.fault(rule);
      for (let minute = 0; minute < 6; minute++) {
        await stage.pass(2 * MINUTE);
        await heartbeat(held);
      }
      expect(await stage.worker(held.workerId)).toMatchObject({ status: "active" });
    }
  });

  test("two proofs, by list and by id, are: the message goes to a new worker", async () => {
    const held = await working();
    await stage.pass(2 * MINUTE);
    stage.fly.fault({
      match: { action: "machine_list" },
      times: 2,
      effect: { kind: "wrongShape", json: [] },
    });
    stage.fly.fault({
      match: { action: "machine_get" },
      times: 2,
      effect: {
        kind: "status",
        status: 404,
        json: { error: `machine ${held.machineId} not found` },
      },
    });
    await stage.until(
      async () => (await stage.worker(held.workerId))?.status !== "active",
      3 * MINUTE,
    );
    expect(await stage.message(held.job.messageId)).toMatchObject({
      status: "queued",
      attempts: 1,
    });
    expect(await heartbeat(held)).toBe(false);
    const next = await stage.nextStarted([held.workerId]);
    await stage.boot(next);
    await stage.finish(next, await stage.claim(next));
    expect(await stage.message(held.job.messageId)).toMatchObject({ status: "done" });
    // The proofs were wrong: the machine was there, and is taken down all the same.
    await stage.until(async () => (await stage.worker(held.workerId))?.status === "stopped");
    expect(stage.machines().map(({ name }) => name)).toEqual([next]);
  });

  test("a machine in an unknown state is left alone", async () => {
    const held = await working();
    stage.fly.showState(held.machineId, "hibernating");
    for (let minute = 0; minute < 5; minute++) {
      await stage.pass(MINUTE);
      await heartbeat(held);
    }
    expect(await stage.worker(held.workerId)).toMatchObject({ status: "active" });
    stage.fly.showState(held.machineId, null);
  });
});

describe("a machine dies", () => {
  test("in the middle of a message: the lease ends at once and a new worker gets the conversation", async () => {
    const held = await working();
    await stage.pass(5_000);
    stage.fly.exit(held.machineId, 137);
    await stage.until(
      async () => (await stage.worker(held.workerId))?.status !== "active",
      2.5 * MINUTE,
    );
    expect(await stage.message(held.job.messageId)).toMatchObject({
      status: "queued",
      attempts: 1,
      lastError: "The machine stopped while processing",
    });
    // Not only draining: the next list may omit the machine, and its place would be held until the drain deadline.
    expect(await stage.worker(held.workerId)).toMatchObject({
      drainReason: "machine_gone",
      status: "stopping",
    });
    const next = await stage.nextStarted([held.workerId]);
    await stage.boot(next);
    const job = await stage.claim(next);
    expect(job.messageId).toBe(held.job.messageId);
    await expect(
      stage.call(held.workerId, "workerComplete", {
        messageId: held.job.messageId,
        leaseId: held.job.leaseId,
      }),
    ).rejects.toThrow("TOKEN_INVALID");
    await stage.finish(next, job);
    expect(await stage.message(job.messageId)).toMatchObject({ status: "done" });
  });

  test("while it drains: its conversation does not wait for the deadline, and its cost ends when it did", async () => {
    const { workerId, job, machineId } = await working();
    await stage.finish(workerId, job);
    await stage.pass(2 * MINUTE);
    await stage.t.mutation(api.lib.drainWorker, { workerId });
    stage.fly.exit(machineId, 137);
    const effect = { kind: "wrongShape" as const, json: [] };
    stage.fly.fault({ match: { action: "machine_list" }, effect, forMs: 2 * MINUTE });
    const messageId = await send(stage.t, "c1");
    const next = await stage.nextStarted([workerId], MINUTE);
    await stage.boot(next);
    await stage.finish(next, await stage.claim(next));
    expect(await stage.message(messageId)).toMatchObject({ status: "done", attempts: 0 });
    await stage.until(async () => (await stage.worker(workerId))?.status === "stopped");
    const { month } = await stage.t.query(api.lib.spendSummary, {});
    const metered = stage.fly.bill().machines.reduce((sum, line) => sum + line.runningMs, 0);
    expect(Math.abs(month.runningMs - metered)).toBeLessThan(5_000);
  });

  test("with every delivery: the message is dead-lettered after maxAttempts, and machines stop coming", async () => {
    await send(stage.t, "c1", "poison", { maxAttempts: 3 });
    const seen: string[] = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      const workerId = await stage.nextStarted(seen);
      seen.push(workerId);
      await stage.boot(workerId);
      await stage.claim(workerId);
      stage.fly.oom((await stage.worker(workerId))?.machineRef?.machineId ?? "");
      await stage.until(async () => (await stage.worker(workerId))?.status !== "active");
    }
    const [dead] = await stage.t.query(api.lib.listJobsByStatus, { status: "dead_letter" });
    expect(dead).toMatchObject({ attempts: 3, conversationId: "c1" });
    await stage.emptied();
    await stage.pass(30 * MINUTE);
    expect(stage.calls("machine_launch")).toBe(3);
  });

  test("before it ever calls home: replacements come ever more slowly, with a reason", async () => {
    await send(stage.t, "c1");
    const seen: string[] = [];
    let reason: string | null = null;
    const end = Date.now() + 30 * MINUTE;
    while (Date.now() < end) {
      const fresh = stage.started().find(({ name }) => !seen.includes(name));
      if (fresh !== undefined) {
        seen.push(fresh.name);
        stage.fly.exit(fresh.id, 2);
      } else if (seen.length > 3 && reason === null)
        reason = (await stage.t.query(api.lib.explainPass, {})).spawnBlock;
      await stage.pass(5_000);
    }
    expect(seen.length).toBeGreaterThan(3);
    expect(seen.length).toBeLessThan(10);
    expect(reason).toContain("before it called home");
    // A machine that works ends the back-off.
    const workerId = await stage.nextStarted(seen, 20 * MINUTE);
    await stage.boot(workerId);
    await stage.finish(workerId, await stage.claim(workerId));
    await stage.pass(MINUTE);
    expect(await stage.state()).not.toHaveProperty("bootFailures");
  });
});

import { afterEach, describe, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import { MINUTE, openStage, START, type Stage } from "../scheduler/pass.fixture.js";
import { newAgent, send } from "../setup.test.js";
import { DAYS_KEPT } from "./validators.js";

let stage: Stage;
afterEach(async () => await stage.close());

const DAY = 24 * 60 * MINUTE;
const MIDNIGHT = Math.ceil(START / DAY) * DAY;
/** Priced so that a machine with its volume costs about a dollar per minute. */
const PRICES = { sharedCpuUsd: 43_000 / 10, memoryGbUsd: 10_000, rootfsGbUsd: 0, volumeGbUsd: 0 };
const POLICY = {
  scaling: { idleTimeoutMs: 20 * DAY, maxWorkers: 3, spawnStep: 3 },
  lease: { staleAfterMs: 2 * DAY - MINUTE },
};

const open = async () => await openStage({ policy: POLICY, provider: { prices: PRICES } });
const events = async () =>
  (await stage.t.query(api.lib.listSpendEvents, {})).map(({ kind }) => kind).reverse();
const explain = async (messageId: string) =>
  await stage.t.query(api.lib.explainMessage, { messageId: messageId as never });

async function answerOne(known: readonly string[] = []): Promise<string> {
  const workerId = await stage.nextStarted(known);
  await stage.boot(workerId);
  await stage.finish(workerId, await stage.claim(workerId));
  return workerId;
}

describe("a budget", () => {
  test("warns once at 80 %, drains at 100 %, keeps the messages with a reason, and goes on the next day", async () => {
    stage = await open();
    const { t } = stage;
    await send(t, "c1");
    const workerId = await answerOne();
    const { usdPerHour } = await t.query(api.lib.spendSummary, {});
    await t.mutation(api.lib.setSpendBudget, { usdPerDay: usdPerHour / 2 });

    await stage.pass(23 * MINUTE);
    expect(await events()).toEqual([]);
    await stage.pass(4 * MINUTE);
    expect(await events()).toEqual(["warning"]);
    expect((await stage.worker(workerId))?.status).toBe("active");
    await stage.pass(5 * MINUTE);
    expect(await events()).toEqual(["warning", "exhausted"]);
    expect(await stage.worker(workerId)).toMatchObject({ drainReason: "budget" });
    await stage.emptied();

    const messageId = await send(t, "c2");
    await stage.pass(30 * MINUTE);
    expect(stage.machines()).toEqual([]);
    expect(await explain(messageId)).toMatchObject({
      state: "queued",
      waitsFor: "budget",
      until: MIDNIGHT,
      detail: expect.stringContaining("The daily budget of the deployment"),
    });
    const { decisions } = await t.query(api.lib.explainPass, {});
    expect(decisions).toMatchObject([{ kind: "hold", conversationId: "c2" }]);
    const [condition] = await t.query(api.lib.deploymentConditions, {});
    expect(condition).toMatchObject({ kind: "budget_exhausted", until: MIDNIGHT });

    const creates = stage.calls("machine_launch");
    await stage.pass(MIDNIGHT - Date.now() - 1_000);
    expect(stage.calls("machine_launch")).toBe(creates);
    await stage.nextStarted([workerId], MINUTE);
  });

  test("of one agent stops that agent only, until one call lets it go on", async () => {
    stage = await open();
    const { t } = stage;
    await newAgent(t, "dear");
    await send(t, "c1", "hello", { agentKey: "dear" });
    const workerId = await answerOne();
    await t.mutation(api.lib.setSpendBudget, { agentKey: "dear", usdPerMonth: 0.01 });
    await stage.pass(2 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ drainReason: "budget" });
    await stage.emptied();

    const held = await send(t, "c2", "hello", { agentKey: "dear" });
    await send(t, "c3");
    const other = await answerOne([workerId]);
    expect(await stage.worker(other)).toMatchObject({ assignment: { conversationId: "c3" } });
    expect(await explain(held)).toMatchObject({
      waitsFor: "budget",
      detail: expect.stringContaining("monthly budget of agent 'dear' (0.01 USD)"),
    });

    const resumed = await t.mutation(api.lib.resumeSpending, { agentKey: "dear" });
    expect(resumed).toEqual({ until: Date.UTC(2027, 1, 1) });
    const third = await answerOne([workerId, other]);
    expect(await stage.worker(third)).toMatchObject({ assignment: { conversationId: "c2" } });
    await stage.pass(5 * MINUTE);
    expect(await stage.worker(third)).toMatchObject({ status: "active" });
    expect(await events()).toEqual(["warning", "exhausted", "resumed"].slice(1));
    expect(await t.mutation(api.lib.resumeSpending, { agentKey: "dear" })).toBeNull();
    const [budget] = await t.query(api.lib.listSpendBudgets, {});
    expect(budget).toMatchObject({ scope: "agent", key: "dear", level: "resumed" });
  });

  test("lets a worker finish the message that it has and take no other; the next one is kept and explained", async () => {
    stage = await open();
    const { t } = stage;
    const messageId = await send(t, "c1");
    const after = await send(t, "c1", "and then?");
    const workerId = await stage.nextStarted();
    await stage.boot(workerId);
    const job = await stage.claim(workerId);
    await t.mutation(api.lib.setSpendBudget, { usdPerDay: 0.01 });
    await stage.pass(4 * MINUTE);
    expect(await stage.worker(workerId)).toMatchObject({ status: "draining", load: 1 });
    // A long message: its lease is renewed all the while, and its machine is left alone.
    for (let minute = 0; minute < 8; minute++) {
      const { messageId: leased, leaseId } = job;
      expect(await stage.call(workerId, "workerHeartbeat", { messageId: leased, leaseId })).toBe(
        true,
      );
      await stage.pass(MINUTE);
    }
    expect(stage.started().map(({ name }) => name)).toEqual([workerId]);
    await stage.finish(workerId, job);
    expect(await stage.message(messageId)).toMatchObject({ status: "done", attempts: 0 });
    expect(await stage.call(workerId, "workerPoll")).toMatchObject({ kind: "stop" });
    expect(await stage.call(workerId, "workerClaim", {})).toBeNull();
    expect(await stage.message(after)).toMatchObject({ status: "queued", attempts: 0 });
    await stage.snapshot(workerId);
    await stage.emptied(5 * MINUTE);
    expect(await explain(after)).toMatchObject({ state: "queued", waitsFor: "budget" });
    expect(stage.calls("machine_launch")).toBe(1);
  });

  test("gives a message that is not finished within a quarter of an hour back, without a charge", async () => {
    stage = await open();
    const { t } = stage;
    const messageId = await send(t, "c1");
    const workerId = await stage.nextStarted();
    await stage.boot(workerId);
    const { messageId: leased, leaseId } = await stage.claim(workerId);
    await t.mutation(api.lib.setSpendBudget, { usdPerDay: 0.01 });
    const end = Date.now() + 20 * MINUTE;
    while (Date.now() < end && (await stage.message(messageId))?.status === "processing") {
      await stage.call(workerId, "workerHeartbeat", { messageId: leased, leaseId });
      await stage.pass(MINUTE);
    }
    expect(end - Date.now()).toBeGreaterThan(2 * MINUTE);
    expect(end - Date.now()).toBeLessThan(5 * MINUTE);
    expect(await stage.message(messageId)).toMatchObject({ status: "queued", attempts: 0 });
    await stage.emptied(5 * MINUTE);
    expect(await explain(messageId)).toMatchObject({ waitsFor: "budget" });
  });

  test("of a company covers all its agents; a larger one or none lets them go on", async () => {
    stage = await open();
    const { t } = stage;
    const acme = { version: "1.0.0", secretsRef: [], enabled: true, companyId: "acme" };
    await t.mutation(api.lib.configureAgent, { agentKey: "default", ...acme });
    await send(t, "c1");
    const workerId = await answerOne();
    await stage.pass(MINUTE);
    await t.mutation(api.lib.setSpendBudget, { companyId: "acme", usdPerDay: 0.01 });
    await stage.pass(MINUTE);
    await stage.emptied();
    const messageId = await send(t, "c2");
    await stage.pass(MINUTE);
    expect(await explain(messageId)).toMatchObject({ waitsFor: "budget" });
    await t.mutation(api.lib.setSpendBudget, { companyId: "acme" });
    await stage.nextStarted([workerId]);
    expect(await t.query(api.lib.listSpendBudgets, {})).toEqual([]);
  });

  test("is refused with a sentence when it makes no sense, and nothing is stored", async () => {
    stage = await openStage({ bare: true });
    const { t } = stage;
    const set = (args: object) => t.mutation(api.lib.setSpendBudget, args);
    await expect(set({ usdPerDay: 0 })).rejects.toThrow("usdPerDay must be above 0");
    await expect(set({ usdPerMonth: Number.NaN })).rejects.toThrow("usdPerMonth must be");
    await expect(set({ agentKey: "nobody", usdPerDay: 1 })).rejects.toThrow("does not exist");
    await expect(set({ companyId: " ", usdPerDay: 1 })).rejects.toThrow("1 to 200 characters");
    await expect(set({ agentKey: "default", companyId: "x", usdPerDay: 1 })).rejects.toThrow(
      "not both",
    );
    expect(await t.query(api.lib.listSpendBudgets, {})).toEqual([]);
  });
});

test("old days and months are deleted, those of this year's quarter stay", async () => {
  stage = await openStage({ bare: true });
  const { t } = stage;
  const usage = { runningMs: 1, stoppedMs: 0, volumeMs: 0, usd: 1 };
  const insert = async (granularity: "day" | "month", period: string) =>
    await t.run(async (ctx) => {
      await ctx.db.insert("spendBuckets", {
        ...{ scope: "deployment", key: "", granularity, period },
        ...usage,
      });
    });
  const dayAgo = (days: number) => new Date(START - days * DAY).toISOString().slice(0, 10);
  await insert("day", dayAgo(DAYS_KEPT + 1));
  await insert("day", dayAgo(DAYS_KEPT - 1));
  await insert("month", "2024-11");
  await insert("month", "2026-12");
  await t.mutation(internal.retention.sweeper.run, {});
  const left = await t.run(async (ctx) => await ctx.db.query("spendBuckets").take(9));
  expect(left.map(({ period }) => period).sort()).toEqual(
    [dayAgo(DAYS_KEPT - 1), "2026-12"].sort(),
  );
});

test("a hundred conversations without money take nobody's place, and each is told why it waits", async () => {
  stage = await openStage({ policy: POLICY });
  const { t } = stage;
  await newAgent(t, "dear");
  await t.mutation(api.lib.setSpendBudget, { agentKey: "dear", usdPerDay: 1 });
  await t.run(async ({ db }) => {
    const period = new Date(Date.now()).toISOString().slice(0, 10);
    await db.insert("spendBuckets", {
      ...{ scope: "agent", key: "dear", granularity: "day", period },
      ...{ runningMs: 1, stoppedMs: 0, volumeMs: 0, usd: 5 },
    });
  });
  await t.mutation(api.lib.setSpendBudget, { agentKey: "dear", usdPerDay: 1 });
  let lastOne = "";
  for (let n = 0; n < 110; n++) lastOne = await send(t, `dear-${n}`, "x", { agentKey: "dear" });
  await stage.pass(MINUTE);
  expect(stage.machines()).toEqual([]);
  await send(t, "c1");
  await answerOne();
  expect(await explain(lastOne)).toMatchObject({ waitsFor: "budget" });
});

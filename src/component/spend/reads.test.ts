/** What budgets cost in documents: the same beside 10 and beside many ledger rows, events, and stopped workers. */
import { afterEach, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import type { MutationCtx } from "../kit/functions.js";
import { MINUTE, openStage, START, type Stage } from "../scheduler/pass.fixture.js";
import { newAgent, send } from "../setup.test.js";
import { chargeMeters, openBudgets } from "./ops.js";
import { periodOf } from "./periods.js";

let stage: Stage;
afterEach(async () => await stage.close());

/** The test's backend walks all rows for each read: READS_ROWS=10000 takes its time. */
const MANY = Number(process.env["READS_ROWS"] ?? 1_000);
const DAY = 24 * 60 * MINUTE;

async function seed(from: number, until: number): Promise<void> {
  const usage = { runningMs: 1, stoppedMs: 0, volumeMs: 0, usd: 0.000001 };
  await stage.t.run(async ({ db }) => {
    for (let n = from; n < until; n++) {
      // Today beside us, and long before.
      const at = START - (n % 2 === 0 ? 0 : n * DAY);
      for (const scope of ["agent", "company"] as const)
        for (const granularity of ["day", "month"] as const) {
          const period = periodOf(granularity, at);
          await db.insert("spendBuckets", { scope, key: `x${n}`, granularity, period, ...usage });
        }
      await db.insert("spendBuckets", {
        ...{ scope: "deployment", key: "", granularity: "day", ...usage },
        period: periodOf("day", START - (n + 2) * DAY),
      });
      await db.insert("spendEvents", {
        ...{ scope: "agent", key: `x${n}`, kind: "warning", at, period: "2026-01" },
        ...{ usd: 1, limitUsd: 1 },
      });
      await db.insert("workers", {
        ...{ workerId: `old-${n}`, provider: "fly", status: "stopped", load: 0 },
        ...{ heartbeatAt: at, capabilities: [], createdAt: at, stoppedAt: at },
        ...{ volumeName: `v_${n}`, appName: "local-workers" },
      });
    }
  });
}

test("a pass, an explanation and a charge read as many documents beside many ledger rows as beside few", async () => {
  stage = await openStage({ policy: { scaling: { idleTimeoutMs: DAY } } });
  const { t } = stage;
  const acme = { version: "1.0.0", secretsRef: [], enabled: true, companyId: "acme" };
  await t.mutation(api.lib.configureAgent, { agentKey: "default", ...acme });
  await newAgent(t, "poor");
  await send(t, "c1");
  const workerId = await stage.nextStarted();
  await stage.boot(workerId);
  await stage.finish(workerId, await stage.claim(workerId));
  // Every kind of budget is there, one of them is used up, and somebody waits for it.
  await t.mutation(api.lib.setSpendBudget, { usdPerDay: 900, usdPerMonth: 9_000 });
  await t.mutation(api.lib.setSpendBudget, { companyId: "acme", usdPerDay: 800 });
  await t.mutation(api.lib.setSpendBudget, { agentKey: "default", usdPerDay: 700 });
  await t.run(async ({ db }) => {
    const period = periodOf("day", START);
    await db.insert("spendBuckets", {
      ...{ scope: "agent", key: "poor", granularity: "day", period },
      ...{ runningMs: 1, stoppedMs: 0, volumeMs: 0, usd: 5 },
    });
  });
  await t.mutation(api.lib.setSpendBudget, { agentKey: "poor", usdPerDay: 1 });
  const messageId = await send(t, "c2", "hello", { agentKey: "poor" });
  await stage.pass(2 * MINUTE);
  const { deploymentId } = await stage.state();
  const machine = stage.started()[0]!;
  const observation = {
    apps: [
      {
        appName: "local-workers",
        machines: [
          {
            ...{ machineId: machine.id, name: machine.name, region: machine.region },
            ...{ phase: "running" as const, workerTag: workerId, volumeIds: [] },
          },
        ],
      },
    ],
  };
  expect(deploymentId).not.toBe("");

  let charges = 0;
  const calls: Record<string, (ctx: MutationCtx) => Promise<unknown>> = {
    "budget check": async (ctx) => {
      const budgetFor = await openBudgets(ctx, Date.now());
      expect(await budgetFor("poor")).toMatchObject({ message: expect.stringContaining("poor") });
      expect(await budgetFor("default")).toBeNull();
    },
    explainMessage: async (ctx) => {
      const found = await ctx.runQuery(api.lib.explainMessage, { messageId: messageId as never });
      expect(found).toMatchObject({ waitsFor: "budget" });
    },
    explainPass: async (ctx) => {
      const { decisions } = await ctx.runQuery(api.lib.explainPass, {});
      expect(decisions).toMatchObject([{ kind: "hold", conversationId: "c2" }]);
    },
    "a pass's plan": async (ctx) => {
      const state = (await ctx.db.query("schedulerState").first())!;
      await ctx.db.patch("schedulerState", state._id, { passId: "p", passStartedAt: Date.now() });
      const args = { passId: "p", observation };
      expect(await ctx.runMutation(internal.scheduler.reserve.commit, args)).toMatchObject({
        spawned: 0,
      });
      await ctx.db.patch("schedulerState", state._id, { passId: undefined });
    },
    "a charge, and the judgement of three budgets": async (ctx) => {
      charges += 1;
      await chargeMeters(ctx, new Map(), Date.now() + charges * 30 * MINUTE);
    },
  };
  const cost = async () => {
    const found: Record<string, number> = {};
    for (const [name, call] of Object.entries(calls))
      found[name] = await t.mutation(async (ctx) => {
        await call(ctx);
        return (await ctx.meta.getTransactionMetrics()).documentsRead.used;
      });
    return found;
  };

  await seed(0, 10);
  await cost();
  const few = await cost();
  await seed(10, MANY);
  expect(await cost()).toEqual(few);
  expect(few["budget check"]).toBe(1);
  for (const [name, reads] of Object.entries(few)) expect(reads, name).toBeLessThanOrEqual(40);
});

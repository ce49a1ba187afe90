/** The ledger beside the local Fly's billing meter, which knows the truth. */
import { afterEach, describe, expect, test } from "vitest";
import { api, internal } from "../_generated/api.js";
import { MINUTE, openStage, START, STEADY, type Stage } from "../scheduler/pass.fixture.js";
import { newAgent, send } from "../setup.test.js";

let stage: Stage;
afterEach(async () => await stage.close());

const HOUR = 60 * MINUTE;
const ROUNDS = 10;

/** A seeded generator (mulberry32): the run is the same every time. */
function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Nothing but the test ends a worker; the fleet is looked at every four minutes, so that the run stays short. */
const PATIENT = {
  scaling: { idleTimeoutMs: 24 * HOUR, reconcileIntervalMs: MINUTE },
  lease: { staleAfterMs: 24 * HOUR },
};

const summary = async () => await stage.t.query(api.lib.spendSummary, {});
const meters = async () =>
  await stage.t.run(async (ctx) => await ctx.db.query("spendMeters").take(99));
/** How far the ledger is from the meter; the stage begins in the middle of a month. */
const error = async () => Math.abs((await summary()).month.usd / stage.fly.bill().totalUsd - 1);

/** Brings up the next worker, lets it answer, and then live for `ms`. */
async function liveFor(ms: number, known: string[]): Promise<string> {
  // After an outage the provider is asked again within two minutes.
  const workerId = await stage.nextStarted(known, 10 * MINUTE);
  known.push(workerId);
  await stage.boot(workerId);
  await stage.finish(workerId, await stage.claim(workerId));
  await stage.pass(ms);
  return workerId;
}

describe("the ledger", () => {
  test("is within 1 % of the meter after a long run of random lifetimes, crashes and lost lists", async () => {
    const random = seeded(20_261_122);
    stage = await openStage({
      policy: PATIENT,
      fly: { timings: { ...STEADY, retention: [15 * MINUTE, 15 * MINUTE] } },
    });
    const known: string[] = [];
    const ends = [0, 0, 0, 0, 0];
    for (let round = 0; round < ROUNDS; round++) {
      await send(stage.t, `c${round}`);
      const workerId = await liveFor((5 + random() * 55) * MINUTE, known);
      const machine = stage.machines().find(({ name }) => name === workerId);
      const end = Math.floor(random() * 5);
      ends[end] = (ends[end] ?? 0) + 1;
      if (machine !== undefined) {
        if (end === 0) stage.fly.exit(machine.id, 1);
        if (end === 1) stage.fly.oom(machine.id);
        if (end === 2) stage.fly.operatorDestroy(machine.id);
        if (end === 3) await stage.t.mutation(api.lib.drainWorker, { workerId });
        if (end === 4) stage.fly.fault({ effect: { kind: "reset" }, forMs: 7 * MINUTE });
        if (end === 4) stage.fly.exit(machine.id, 137);
      }
      await stage.pass(random() * 10 * MINUTE);
    }
    expect(Math.min(...ends)).toBeGreaterThan(0);
    await stage.emptied(2 * HOUR);
    const bill = stage.fly.bill();
    expect(bill.totalUsd).toBeGreaterThan(0.05);
    expect(await error()).toBeLessThan(0.01);

    const ledger = await summary();
    const total = (kind: "runningMs" | "volumeMs") => ledger.month[kind];
    const truth = bill.machines.reduce((sum, line) => sum + line.runningMs, 0);
    expect(Math.abs(total("runningMs") / truth - 1)).toBeLessThan(0.01);
    expect(ledger.usdPerHour).toBe(0);
    expect(ledger.agents.map(({ key }) => key)).toEqual(["default"]);
    expect(ledger.agents[0]?.month.usd).toBeCloseTo(ledger.month.usd, 10);
    expect(await meters()).toEqual([]);
  }, 60_000);

  test("splits what two agents cost, and their company pays for both", async () => {
    stage = await openStage({ policy: { scaling: { maxWorkers: 2, spawnStep: 2 } } });
    const { t } = stage;
    await newAgent(t, "second");
    for (const agentKey of ["default", "second"])
      await t.mutation(api.lib.configureAgent, {
        ...{ agentKey, version: "1.0.0", secretsRef: [], enabled: true, companyId: "acme" },
      });
    await send(t, "c1");
    await send(t, "c2", "hello", { agentKey: "second" });
    await stage.until(() => stage.started().length === 2);
    await stage.pass(10 * MINUTE);

    const cost = await summary();
    expect(cost.agents.map(({ key }) => key).sort()).toEqual(["default", "second"]);
    const [one, two] = cost.agents;
    expect(one!.today.usd + two!.today.usd).toBeCloseTo(cost.today.usd, 10);
    expect(cost.companies).toMatchObject([{ key: "acme" }]);
    expect(cost.companies[0]!.month.usd).toBeCloseTo(cost.month.usd, 10);
    const { usdPerHour } = stage.fly.bill();
    expect(Math.abs(cost.usdPerHour / usdPerHour - 1)).toBeLessThan(0.001);
  });

  test("counts machines that no row knew: in the total, from their creation, until they are gone", async () => {
    stage = await openStage();
    const { t } = stage;
    await send(t, "c1");
    const workerId = await stage.nextStarted();
    await stage.boot(workerId);
    await stage.finish(workerId, await stage.claim(workerId));
    stage.fly.createForeignMachine({
      volume: true,
      metadata: {
        managed_by: "agent-factory",
        agent_factory_deployment: (await stage.state()).deploymentId,
        agent_factory_worker: "afw-1-lost",
      },
    });
    await stage.until(() => stage.machines().length === 1, 10 * MINUTE);
    await stage.pass(2 * MINUTE);
    const { month, agents } = await summary();
    const truth = (kind: "runningMs" | "idleMs") =>
      stage.fly.bill().machines.reduce((sum, line) => sum + line[kind], 0);
    expect(Math.abs(month.runningMs / truth("runningMs") - 1)).toBeLessThan(0.01);
    expect(month.usd).toBeGreaterThan(agents[0]!.month.usd * 1.2);
    expect(agents.map(({ key }) => key)).toEqual(["default"]);
    expect((await meters()).map((meter) => meter.workerId)).toEqual([workerId]);
  });

  test("counts an orphan that is found at rest as running until it stopped", async () => {
    stage = await openStage();
    const { deploymentId } = await stage.state();
    const { machineId } = stage.fly.createForeignMachine({
      metadata: {
        managed_by: "agent-factory",
        agent_factory_deployment: deploymentId,
        agent_factory_worker: "afw-1-lost",
      },
    });
    stage.fly.fault({ match: { action: "machine_list" }, effect: { kind: "reset" } });
    await stage.pass(HOUR);
    stage.fly.operatorStop(machineId);
    await stage.pass(HOUR);
    stage.fly.clearFaults();
    await stage.t.mutation(internal.scheduler.loop.patrol, {});
    await stage.until(() => stage.machines().length === 0, 20 * MINUTE);
    await stage.until(async () => (await stage.live()).length === 0, 20 * MINUTE);
    const [line] = stage.fly.bill().machines;
    expect(line!.runningMs).toBeGreaterThan(HOUR - MINUTE);
    expect(Math.abs((await summary()).month.runningMs / line!.runningMs - 1)).toBeLessThan(0.01);
  });

  test("counts an orphan once, though a list that is older than its end shows it to a cleanup", async () => {
    stage = await openStage();
    const { t } = stage;
    const { deploymentId } = await stage.state();
    const metadata = {
      managed_by: "agent-factory",
      agent_factory_deployment: deploymentId,
      agent_factory_worker: "afw-1-lost",
    };
    const { machineId } = stage.fly.createForeignMachine({ volume: true, metadata });
    await stage.until(() => stage.machines().length === 0, 10 * MINUTE);
    await stage.until(async () => (await stage.live()).length === 0);
    // The list that the cleanup read was older than that end.
    const run = await t.mutation(internal.cleanup.runs.begin, {
      ...{ appName: "local-workers", scope: "managed", tokenGiven: false },
      ...{ machineConcurrency: 1, volumeConcurrency: 1 },
    });
    await t.mutation(internal.cleanup.rows.adopt, {
      ...{ runId: run!._id, chunk: run!.chunk },
      machines: [
        {
          ...{ machineId, name: "lost", region: "fra", workerTag: "afw-1-lost", volumeIds: [] },
          ...{ phase: "running", createdAt: START },
        },
      ],
    });
    expect(await stage.live()).toEqual([]);
    const [line] = stage.fly.bill().machines;
    expect(Math.abs((await summary()).month.runningMs / line!.runningMs - 1)).toBeLessThan(0.05);
  });

  test("counts a machine that only its worker ever told of", async () => {
    stage = await openStage({ policy: PATIENT });
    stage.fly.fault({
      match: { action: "machine_launch" },
      phase: "after",
      effect: { kind: "hang" },
    });
    stage.fly.fault({ match: { action: "machine_list" }, effect: { kind: "reset" } });
    await send(stage.t, "c1");
    await stage.until(() => stage.machines()[0]?.state === "started", 10 * MINUTE);
    const [machine] = stage.machines();
    await stage.boot(machine!.name);
    await stage.finish(machine!.name, await stage.claim(machine!.name));
    await stage.pass(MINUTE);
    await stage.t.mutation(api.lib.drainWorker, { workerId: machine!.name });
    await stage.snapshot(machine!.name);
    stage.fly.exit(machine!.id, 0);
    await stage.pass(MINUTE);
    stage.fly.clearFaults();
    await stage.emptied(30 * MINUTE);
    const [line] = stage.fly.bill().machines;
    expect(line!.runningMs).toBeGreaterThan(MINUTE);
    expect(Math.abs((await summary()).month.runningMs - line!.runningMs)).toBeLessThan(35_000);
  });

  test("counts a machine whose creation was never answered from its beginning", async () => {
    stage = await openStage();
    stage.fly.scenario("ambiguousCreate408");
    await send(stage.t, "c1");
    await stage.nextStarted();
    await stage.pass(30 * MINUTE);
    expect(await error()).toBeLessThan(0.01);
  });
});

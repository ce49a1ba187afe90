/**
 * Random bad days, by seed. Whatever dies, lies or is lost while a cleanup runs: when the trouble is over, three quiet
 * rounds later nothing of ours costs anything and the rows say so, and every message is answered.
 *
 * `SCENARIOS=1000 npx vitest run src/component/cleanup/scenarios.test.ts` runs as many; `SEED=17` one of them.
 */
import { describe, expect, test } from "vitest";
import type { Effect, FaultRule } from "../../../example/local/fly/faults.js";
import { createRandom } from "../../../example/local/fly/random.js";
import { api, internal } from "../_generated/api.js";
import { MINUTE, openStage, type Stage } from "../scheduler/pass.fixture.js";
import { send } from "../setup.test.js";
import { cleanUp } from "./cleaner.js";
import { RUN_LEASE_MS } from "./validators.js";

const { env } = process;
const COUNT = Number(env["SCENARIOS"] ?? 6);
const SEEDS =
  env["SEED"] === undefined
    ? Array.from({ length: COUNT }, (_, n) => n + 1 + Number(env["FROM"] ?? 0))
    : [Number(env["SEED"])];
/** A round is one call of startWorkers, or a cleanup, and the time until the next one. */
const QUIET_ROUNDS = 3;
const ROUND_MS = 2.5 * MINUTE;
/** Of the running time by the local Fly's meter. */
const LEDGER_SLACK = 0.01;
/** When a machine ended that nobody saw end is known to half of the minute for which an idle worker may be silent. */
const LOST_SIGHT_MS = 35_000;

type Dice = {
  int: (below: number) => number;
  pick: <T>(from: readonly T[]) => T;
  chance: (p: number) => boolean;
};
function dice(seed: number): Dice {
  const random = createRandom(seed);
  const int = (below: number) => Math.floor(random.next() * below);
  return {
    int,
    pick: (from) => from[int(from.length)]!,
    chance: (p) => random.next() < p,
  };
}

const ACTIONS = [
  ...["machine_list", "machine_get", "machine_launch", "machine_stop", "machine_cordon"],
  ...["machine_destroy", "volume_list", "volume_get", "volume_create", "volume_destroy"],
];

function trouble(roll: Dice): FaultRule {
  const effects: Effect[] = [
    { kind: "status", status: 429, json: { error: "resource_exhausted: rate limit exceeded" } },
    { kind: "status", status: 500, json: { error: "internal: machine not found" } },
    { kind: "status", status: 502, html: "<html>Bad Gateway</html>" },
    { kind: "status", status: 408, json: { error: "deadline_exceeded" } },
    { kind: "status", status: 404, plain: "404 page not found" },
    { kind: "reset" },
    { kind: "hang" },
    { kind: "truncateJson" },
    { kind: "delay", ms: 15_000 },
  ];
  const action = roll.pick(ACTIONS);
  const lie = action.endsWith("_list") && roll.chance(0.5);
  const phase = roll.chance(0.5) ? "after" : "before";
  const times = 1 + roll.int(5);
  // An empty list, or one in which every second item is missing.
  if (lie && phase === "after")
    return { match: { action }, phase, times, effect: { kind: "omit", from: times % 2, every: 2 } };
  const effect: Effect = lie ? { kind: "wrongShape", json: [] } : roll.pick(effects);
  return { match: { action }, phase, times, effect };
}

/** Every stop is accepted, and no machine heeds it. */
const DEAF: FaultRule = {
  match: { action: "machine_stop" },
  effect: { kind: "wrongShape", json: { ok: true } },
};

/** Plays the workers: those that were born boot, answer what they get, and store their memory when told to stop. */
async function play(stage: Stage, answered: Set<string>, lively: boolean): Promise<void> {
  for (const { name } of stage.started()) {
    const worker = await stage.worker(name);
    if (worker === null || worker.status === "stopped" || worker.machineRef === undefined) continue;
    try {
      if (worker.firstSeenAt === undefined) await stage.boot(name);
      if (!lively) continue;
      const answer = await stage.call(name, "workerPoll");
      if (answer?.job !== undefined) {
        await stage.finish(name, answer.job);
        answered.add(answer.job.messageId);
      } else if (answer?.kind === "stop" && worker.status === "draining")
        await stage.snapshot(name);
    } catch {
      // A worker whose token died, or whose machine did.
    }
  }
}

type Account = { ledgerMs: number; meterMs: number };

async function scenario(seed: number): Promise<Account> {
  const roll = dice(seed);
  const managed = roll.chance(0.5);
  const scope = managed ? ("managed" as const) : ("app" as const);
  const stage = await openStage({
    policy: { scaling: { maxWorkers: 3, spawnStep: 3, idleTimeoutMs: 20 * MINUTE } },
    fly: { seed },
  });
  try {
    if (roll.chance(0.5)) stage.fly.setTimings({ volumeUnbind: [30_000, 30_000] });
    if (roll.chance(0.3)) stage.fly.switches.readLagMs = 5_000;
    // Machines that hang: no stop within any patience, so that only force helps, or a destruction that takes its time.
    const hangs = dice(seed + 1_000_000);
    const isDeaf = hangs.chance(0.3);
    const deafen = () => {
      if (isDeaf) stage.fly.fault(DEAF);
    };
    deafen();
    if (hangs.chance(0.2)) stage.fly.setTimings({ destroy: [1.5 * MINUTE, 1.5 * MINUTE] });
    if (hangs.chance(0.3)) stage.fly.switches.listLagMs = 20_000;
    const foreign = stage.fly.createForeignMachine({ volume: true });
    const answered = new Set<string>();
    const sent = [await send(stage.t, "c1")];
    // Ours by its tags, and no row knows it.
    const hasOrphan = roll.chance(0.4);
    if (hasOrphan)
      stage.fly.createForeignMachine({
        volume: true,
        metadata: {
          managed_by: "agent-factory",
          agent_factory_deployment: (await stage.state()).deploymentId,
          agent_factory_worker: "afw-1-lost",
        },
      });
    if (roll.chance(0.5)) sent.push(await send(stage.t, "c2"));
    if (roll.chance(0.4)) stage.fly.fault(trouble(roll));
    // Anything from "not even created" to "at work".
    await stage.pass(roll.pick([0, 1_000, 3_000, 10_000]));
    const busy = roll.chance(0.5);
    await play(stage, answered, !busy);
    if (busy)
      for (const { name } of stage.started())
        await stage.call(name, "workerPoll").catch(() => null);
    const machine = stage.machines().find(({ id }) => id !== foreign.machineId);
    // One that does not run yet cannot end.
    const exits = machine !== undefined && roll.chance(0.2);
    if (exits && machine.state === "started") stage.fly.exit(machine.id, 137);
    else if (machine !== undefined && !exits && roll.chance(0.1)) stage.fly.fail(machine.id);

    for (let n = roll.int(4); n > 0; n--) stage.fly.fault(trouble(roll));
    const dies = roll.chance(0.7);
    await stage.mortally(dies ? 2 + roll.int(45) : 10_000, async (ctx) => {
      await cleanUp(ctx, { scope });
    });
    if (roll.chance(0.3)) await stage.dieAtStep(2 + roll.int(12));
    stage.fly.clearFaults();
    deafen();

    // The trouble is over: what still runs comes to its end.
    await stage.pass(2 * RUN_LEASE_MS + MINUTE);
    for (let round = 0; sent.length > answered.size && round < 20; round++) {
      await play(stage, answered, true);
      await stage.pass(15_000);
    }
    for (const messageId of sent)
      expect(await stage.message(messageId), `message of seed ${seed}`).toMatchObject({
        status: "done",
      });
    for (let round = 0; round < QUIET_ROUNDS; round++) {
      if (round === 0) await stage.during(stage.t.action(api.lib.runFlyCleanup, { scope }));
      await stage.t.mutation(internal.scheduler.loop.patrol, {});
      await stage.pass(ROUND_MS);
    }

    const bill = stage.fly.bill();
    const costing = [...bill.machines, ...bill.volumes].filter((line) => line.costing);
    const untouchable = new Set(managed ? [foreign.machineId, foreign.volumeId] : []);
    expect(
      costing
        .map(({ id, name, state }) => ({ id, name, state }))
        .filter((l) => !untouchable.has(l.id)),
      `cost of seed ${seed}`,
    ).toEqual([]);
    expect(costing.filter((line) => untouchable.has(line.id))).toHaveLength(untouchable.size);
    if (managed)
      expect(
        stage.fly
          .log()
          .filter(({ method, path }) => method !== "GET" && path.includes(foreign.machineId)),
      ).toEqual([]);
    expect((await stage.live()).map(({ workerId, status }) => ({ workerId, status }))).toEqual([]);
    expect(await stage.t.query(api.lib.listLeakedResources, {})).toEqual([]);
    expect((await stage.t.query(api.lib.lastCleanupReport, {}))?.state).toBe("finished");
    const ours = [...bill.machines, ...bill.volumes].filter(
      ({ id }) => id !== foreign.machineId && id !== foreign.volumeId,
    );
    const { month } = await stage.t.query(api.lib.spendSummary, {});
    const meterMs = ours.reduce((sum, line) => sum + line.runningMs, 0);
    const slackMs = Math.max(LEDGER_SLACK * meterMs, LOST_SIGHT_MS);
    const ledgerMs = month.runningMs;
    expect(Math.abs(ledgerMs - meterMs), `ledger of seed ${seed}`).toBeLessThanOrEqual(slackMs);
    // The prices of an orphan's size are not known.
    const usd = ours.reduce((sum, line) => sum + line.usd, 0);
    if (!hasOrphan)
      expect(Math.abs(month.usd / usd - 1), `USD of seed ${seed}`).toBeLessThanOrEqual(
        slackMs / meterMs,
      );
    return { ledgerMs, meterMs };
  } finally {
    await stage.close();
  }
}

describe("after any bad day nothing costs, nothing lies, and nobody else is touched", () => {
  const accounts: Account[] = [];
  test.each(SEEDS)("seed %i", { timeout: 120_000 }, async (seed) => {
    accounts.push(await scenario(seed));
  });

  test.runIf(SEEDS.length > 1)("all days together: the ledger is within 1 % of the meter", () => {
    expect(accounts).toHaveLength(SEEDS.length);
    const sum = (key: keyof Account) => accounts.reduce((total, one) => total + one[key], 0);
    expect(Math.abs(sum("ledgerMs") / sum("meterMs") - 1)).toBeLessThanOrEqual(LEDGER_SLACK);
  });
});

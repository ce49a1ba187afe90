/** Money: what Fly's own meter says, against the budget that the seed may have set. */
import { api } from "../../src/component/_generated/api.js";
import { PASS_LEASE_MS } from "../../src/component/kit/wake.js";
import { ratesOf } from "../../src/component/spend/prices.js";
import { burnBoundMs, ledgerBoundMs } from "./bounds.js";
import type { Row } from "./database.js";
import { VOLUME_SIZE_GB } from "./setting.js";
import { AGENT } from "./asking.js";
import type { World } from "./world.js";

export type Budget = { owner: "deployment" | "agent"; usdPerDay: number };

/** The ledger may be so far behind the bill: the ends of machines that nobody saw end are estimated. */
const UNSEEN_MS = 60_000;
const BEFOREHAND_MS = 10 * 60_000;
const DAY_MS = 24 * 60 * 60_000;
const HOUR_MS = 60 * 60_000;

/** What every machine that the cap allows burns in that time. */
function burnUsd(maxWorkers: number, ms: number): number {
  const { running, volume } = ratesOf({ volumeSizeGb: VOLUME_SIZE_GB });
  return maxWorkers * (running + volume) * (ms / HOUR_MS);
}

const ownerOf = ({ owner }: Budget) => (owner === "agent" ? { agentKey: AGENT } : {});

export async function setBudget(world: World): Promise<void> {
  const { budget } = world.setting;
  if (budget === null) return;
  const { usdPerDay } = budget;
  await world.t.mutation(api.lib.setSpendBudget, { ...ownerOf(budget), usdPerDay });
}

/** At rest what waits for money gets it, or nothing would come to its end. */
export async function liftBudget(world: World): Promise<void> {
  if (world.setting.budget === null) return;
  await world.t.mutation(api.lib.setSpendBudget, ownerOf(world.setting.budget));
}

export function checkSpending(world: World): void {
  const { model, clock } = world;
  const { budget, maxWorkers } = world.setting;
  if (budget === null || world.calm) return;
  const { totalUsd } = world.fly.control.bill();
  const day = Math.floor(clock.now() / DAY_MS);
  // What a clock jumped over counts for the day before.
  if (model.billedDay.day !== day) model.billedDay = { day, usdBefore: totalUsd, usedUp: null };
  const { billedDay } = model;
  const usd = totalUsd - billedDay.usdBefore;
  if (usd >= budget.usdPerDay + burnUsd(1, UNSEEN_MS))
    billedDay.usedUp ??= { at: clock.now(), struckBefore: recentlyStruck(world) };
  const { usedUp } = billedDay;
  if (usedUp === null) return checkCreations(world, Infinity);
  const bound = burnBoundMs(world.struck.slice(usedUp.struckBefore));
  const most = budget.usdPerDay + burnUsd(maxWorkers, bound);
  if (usd > most)
    world.violate(
      "spend within budget",
      `${usd.toFixed(5)} USD of ${budget.usdPerDay.toFixed(5)} today, ${most.toFixed(5)} at most`,
    );
  checkCreations(world, usedUp.at + bound);
}

/** At rest every meter is closed: the ledger has what Fly billed, but for machines whose end nobody saw. */
export function checkLedger(world: World): void {
  const { machines } = world.fly.control.bill();
  const billedMs = machines.reduce((sum, line) => sum + line.runningMs, 0);
  const ledgerMs = world.database
    .rows<Bucket>("spendBuckets")
    .filter(({ scope, granularity }) => scope === "deployment" && granularity === "month")
    .reduce((sum, row) => sum + row.runningMs, 0);
  const boundMs = ledgerBoundMs(billedMs, machines.length, world.struck);
  if (Math.abs(ledgerMs - billedMs) > boundMs)
    world.violate(
      "the ledger follows Fly's bill",
      `${ledgerMs} ms of ${billedMs} ms, at most ${boundMs} ms off`,
    );
}

type Bucket = Row & { scope: string; granularity: string; runningMs: number };

/** What goes wrong shortly before the money ends may still delay its notice. */
function recentlyStruck({ struck, struckAt, clock }: World): number {
  const since = clock.now() - BEFOREHAND_MS;
  const first = struckAt.findIndex((at) => at >= since);
  return first === -1 ? struck.length : first;
}

type Exhausted = Row & { exhausted: { resetsAt: number }[] };

/**
 * The pass that was under way when the component knew that the money had ended may still create; none after it. `knownBy`
 * is when it must have known by Fly's bill.
 */
function checkCreations(world: World, knownBy: number): void {
  const { model, clock, database } = world;
  const exhausted = database
    .rows<Exhausted>("spendState")
    .some((row) => row.exhausted.some(({ resetsAt }) => resetsAt > clock.now()));
  if (!exhausted) model.exhaustedSince = null;
  else model.exhaustedSince ??= clock.now();
  const last = Math.min(model.exhaustedSince ?? Infinity, knownBy) + PASS_LEASE_MS;
  for (const { name, created_at } of world.fly.control.machines()) {
    if (Date.parse(created_at) > last)
      world.violate(
        "a used-up budget creates nothing",
        `${name} was created ${Date.parse(created_at) + PASS_LEASE_MS - last} ms after it was`,
      );
  }
}

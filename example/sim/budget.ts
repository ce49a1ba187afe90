/** Money: what Fly's own meter says, against the budget that the seed may have set. */
import { api } from "../../src/component/_generated/api.js";
import { PASS_LEASE_MS } from "../../src/component/kit/wake.js";
import { ratesOf } from "../../src/component/spend/prices.js";
import { BURN_BOUND_MS } from "./bounds.js";
import type { Row } from "./database.js";
import { VOLUME_SIZE_GB } from "./setting.js";
import { AGENT } from "./users.js";
import type { World } from "./world.js";

export type Budget = { owner: "deployment" | "agent"; usdPerDay: number };

const DAY_MS = 24 * 60 * 60_000;
const HOUR_MS = 60 * 60_000;

/** Above the budget at most: every machine that the cap allows burns to its bound. */
export function burnUsd(maxWorkers: number): number {
  const { running, volume } = ratesOf({ volumeSizeGb: VOLUME_SIZE_GB });
  return maxWorkers * (running + volume) * (BURN_BOUND_MS / HOUR_MS);
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
  if (model.billedDay.day !== day) model.billedDay = { day, usdBefore: totalUsd };
  const usd = totalUsd - model.billedDay.usdBefore;
  const most = budget.usdPerDay + burnUsd(maxWorkers);
  if (usd > most)
    world.violate(
      "spend within budget",
      `${usd.toFixed(5)} USD of ${budget.usdPerDay.toFixed(5)} today, ${most.toFixed(5)} at most`,
    );
  checkCreations(world);
}

type Exhausted = Row & { exhausted: { resetsAt: number }[] };

/** The pass that was under way when the money ended may still create; none after it. */
function checkCreations(world: World): void {
  const { model, clock, database } = world;
  const exhausted = database
    .rows<Exhausted>("spendState")
    .some((row) => row.exhausted.some(({ resetsAt }) => resetsAt > clock.now()));
  if (!exhausted) model.exhaustedSince = null;
  else model.exhaustedSince ??= clock.now();
  if (model.exhaustedSince === null) return;
  const last = model.exhaustedSince + PASS_LEASE_MS;
  for (const { name, created_at } of world.fly.control.machines()) {
    if (Date.parse(created_at) > last)
      world.violate(
        "a used-up budget creates nothing",
        `${name} was created ${Date.parse(created_at) - model.exhaustedSince} ms after it was`,
      );
  }
}

/** The ledger's verbs: meters follow machines and volumes, charges go into the buckets, budgets are judged at once. */
import { DAY_MS } from "../../shared/time.js";
import { loadProfile } from "../agents/ops.js";
import type { ProviderConfig } from "../config.js";
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import {
  accrue,
  beginVolume,
  changePhase,
  endMachine,
  endVolume,
  estimateEnd,
  newMeter,
  type Metered,
  type Traces,
} from "./accrual.js";
import type { MachineEnd } from "../providers/validators.js";
import { describeBlock, describeBudget, findBlock, nameScope } from "./budget.js";
import { viewBudget } from "./budgets.js";
import { createPosting } from "./ledger.js";
import { periodBefore } from "./periods.js";
import { ratesOf } from "./prices.js";
import { loadExhausted } from "./store.js";
import {
  ACCRUE_EVERY_MS,
  DAYS_KEPT,
  MAX_BUDGETS,
  MAX_METERS,
  MONTHS_KEPT,
  type BudgetView,
  type MeteredPhase,
} from "./validators.js";

export { findBlock } from "./budget.js";
export { loadExhausted } from "./store.js";
export type { Exhausted } from "./validators.js";

type MeterRow = Doc<"spendMeters">;

async function findMeter(ctx: QueryCtx, workerId: string): Promise<MeterRow | null> {
  return await ctx.db
    .query("spendMeters")
    .withIndex("by_workerId", (q) => q.eq("workerId", workerId))
    .unique();
}

/** Opens the worker's meter: its volume is about to be made. A meter that is open goes on. */
export async function openMeter(
  ctx: MutationCtx,
  worker: { workerId: string; agentKey: string | null },
  config: ProviderConfig,
  now: number,
): Promise<void> {
  const known = await findMeter(ctx, worker.workerId);
  if (known !== null) {
    const meter = beginVolume(known, now);
    if (meter !== known)
      await ctx.db.patch("spendMeters", known._id, {
        hasVolume: true,
        volumeUntil: meter.volumeUntil,
      });
    return;
  }
  const { agentKey } = worker;
  const companyId = agentKey === null ? undefined : (await loadProfile(ctx, agentKey))?.companyId;
  await ctx.db.insert("spendMeters", {
    workerId: worker.workerId,
    ...(agentKey === null ? {} : { agentKey }),
    ...(companyId === undefined ? {} : { companyId }),
    ...newMeter(ratesOf(config), now),
  });
}

/** The worker's machine is in `phase` since `at`. A no-op without a meter. */
export async function noteMachine(
  ctx: MutationCtx,
  workerId: string,
  phase: MeteredPhase,
  at: number,
  now: number,
): Promise<void> {
  const row = await findMeter(ctx, workerId);
  if (row !== null) await book(ctx, row, changePhase(row, phase, at, now), now);
}

/** The worker's machine is there. A no-op without a meter. */
export async function noteSeen(ctx: MutationCtx, workerId: string, now: number): Promise<void> {
  const row = await findMeter(ctx, workerId);
  if (row !== null) await ctx.db.patch("spendMeters", row._id, { seenAt: now });
}

/** The machine is proven gone. What the provider does not say of its end is estimated. A no-op without a meter. */
export async function noteMachineEnd(
  ctx: MutationCtx,
  workerId: string,
  { stoppedAt, destroyedAt }: MachineEnd,
  traces: Omit<Traces, "seenAt">,
  now: number,
): Promise<void> {
  const row = await findMeter(ctx, workerId);
  if (row === null) return;
  const seenAt = Math.max(row.phaseSince, row.seenAt ?? 0);
  const estimate = estimateEnd({ ...traces, seenAt });
  const goneAt = destroyedAt ?? (stoppedAt === null ? estimate : traces.missingAt);
  await book(ctx, row, endMachine(row, stoppedAt ?? goneAt, goneAt, now), now);
}

/** Machine and volume are proven gone: the last charges, and the meter goes. */
export async function closeMeter(
  ctx: MutationCtx,
  workerId: string,
  machineEndedAt: number,
  now: number,
): Promise<void> {
  const row = await findMeter(ctx, workerId);
  if (row === null) return;
  const machine = changePhase(row, "none", machineEndedAt, now);
  const volume = endVolume(machine.meter, now);
  const posting = createPosting();
  posting.add(row, [...machine.charges, ...volume.charges]);
  await ctx.db.delete("spendMeters", row._id);
  await posting.write(ctx, now);
}

/** What a list showed of one worker's machine. */
export type Sighting = {
  phase: MeteredPhase;
  createdAt: number | null;
  changedAt: number | null;
  stoppedAt: number | null;
};

/** Charges every meter up to `now`, by what was seen; machines that were not looked at go on as they were. */
export async function chargeMeters(
  ctx: MutationCtx,
  sightings: ReadonlyMap<string, Sighting>,
  now: number,
): Promise<void> {
  const rows = await ctx.db.query("spendMeters").take(MAX_METERS);
  const posting = createPosting();
  for (const row of rows) {
    const seen = sightings.get(row.workerId);
    const isNews = seen !== undefined && seen.phase !== row.phase;
    if (!isNews && row.machineUntil + ACCRUE_EVERY_MS > now) continue;
    const { charges, meter } = follow(row, seen, now);
    posting.add(row, charges);
    const seenAt = seen === undefined ? row.seenAt : now;
    await ctx.db.patch("spendMeters", row._id, {
      ...meterFields(meter),
      ...(seenAt === undefined ? {} : { seenAt }),
    });
  }
  await posting.write(ctx, now);
}

function follow(row: MeterRow, seen: Sighting | undefined, now: number): Metered {
  if (seen === undefined || seen.phase === row.phase) return accrue(row, now);
  const changedAt = seen.stoppedAt ?? seen.changedAt ?? now;
  // A machine that we did not know of is charged from its creation, and has run since.
  const isNew = row.phase === "none";
  const begun = isNew ? changePhase(row, "running", seen.createdAt ?? changedAt, now) : null;
  const changed = changePhase(begun?.meter ?? row, seen.phase, changedAt, now);
  const rest = accrue(changed.meter, now);
  const charges = [...(begun?.charges ?? []), ...changed.charges, ...rest.charges];
  return { meter: rest.meter, charges };
}

async function book(
  ctx: MutationCtx,
  row: MeterRow,
  { meter, charges }: Metered,
  now: number,
): Promise<void> {
  const posting = createPosting();
  posting.add(row, charges);
  await ctx.db.patch("spendMeters", row._id, meterFields(meter));
  await posting.write(ctx, now);
}

function meterFields(meter: Metered["meter"]) {
  const { phase, phaseSince, machineUntil, hasVolume, volumeUntil } = meter;
  return { phase, phaseSince, machineUntil, hasVolume, volumeUntil };
}

/** Deletes days, months and events that are too old, at most `limit` of each; returns the largest number of them. */
export async function deleteSpending(
  ctx: MutationCtx,
  now: number,
  limit: number,
): Promise<number> {
  const counts: number[] = [];
  for (const [granularity, kept] of [
    ["day", DAYS_KEPT],
    ["month", MONTHS_KEPT],
  ] as const) {
    const old = await ctx.db
      .query("spendBuckets")
      .withIndex("by_granularity_and_period", (q) =>
        q.eq("granularity", granularity).lt("period", periodBefore(granularity, now, kept)),
      )
      .take(limit);
    for (const bucket of old) await ctx.db.delete("spendBuckets", bucket._id);
    counts.push(old.length);
  }
  const events = await ctx.db
    .query("spendEvents")
    .withIndex("by_at", (q) => q.lt("at", now - DAYS_KEPT * DAY_MS))
    .take(limit);
  for (const event of events) await ctx.db.delete("spendEvents", event._id);
  return Math.max(...counts, events.length);
}

export type BudgetState = Pick<BudgetView, "level" | "resetsAt"> & { name: string; detail: string };

/** Every budget in words, with its level. */
export async function listBudgetStates(ctx: QueryCtx, now: number): Promise<BudgetState[]> {
  const states: BudgetState[] = [];
  for (const row of await ctx.db.query("spendBudgets").take(MAX_BUDGETS)) {
    const view = await viewBudget(ctx, row, now);
    const { level, resetsAt } = view;
    states.push({ level, resetsAt, name: nameScope(row), detail: describeBudget(view) });
  }
  return states;
}

export type BudgetBlock = { message: string; resetsAt: number };

/** Asks for one payer after another. One row is read, and the profile of an agent only while a company is out of money. */
export async function openBudgets(
  ctx: QueryCtx,
  now: number,
): Promise<(agentKey: string | null) => Promise<BudgetBlock | null>> {
  const exhausted = (await loadExhausted(ctx)).filter((one) => one.resetsAt > now);
  const needsCompany = exhausted.some(({ scope }) => scope === "company");
  const companies = new Map<string, string | null>();
  return async (agentKey) => {
    if (exhausted.length === 0) return null;
    if (needsCompany && agentKey !== null && !companies.has(agentKey))
      companies.set(agentKey, (await loadProfile(ctx, agentKey))?.companyId ?? null);
    const companyId = agentKey === null ? null : (companies.get(agentKey) ?? null);
    const block = findBlock(exhausted, { agentKey, companyId }, now);
    if (block === null) return null;
    const { resetsAt } = block;
    return { message: describeBlock(block, new Date(resetsAt).toISOString()), resetsAt };
  };
}

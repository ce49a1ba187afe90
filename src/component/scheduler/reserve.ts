/**
 * The transactions of a pass. `prepare` ends what expired, `commit` plans and writes every row before anything
 * is done outside, `finish` sets the next wake-up. All of them check that the pass is still the running one.
 */
import { v } from "convex/values";
import { internalMutation, type Doc, type MutationCtx } from "../kit/functions.js";
import { loadSchedulerState } from "../kit/wake.js";
import { expireLeases, settle, takeOverLegacyRows } from "../queue/ops.js";
import { foldCounters } from "../trail/ops.js";
import { rememberApps } from "./apps.js";
import { appsInUse } from "./facts.js";
import { rememberLeaks } from "./leaks.js";
import { planPass } from "./plan.js";
import {
  adoptMachine,
  drain,
  reserve,
  stop,
  takeOverOrphan,
  takeOverVolume,
} from "./reservations.js";
import { chargeObserved, recordSightings } from "./sightings.js";
import { loadWorld, type LoadedWorld } from "./world.js";
import {
  MAX_EFFECTS_PER_PASS,
  MAX_PARTINGS_PER_PASS,
  PROMOTE_LIMIT,
  vEffect,
  vObservation,
  type Decision,
  type Effect,
  type ObservedMachine,
} from "./validators.js";

export async function requireRunning(
  ctx: MutationCtx,
  passId: string,
): Promise<Doc<"schedulerState"> | null> {
  const state = await loadSchedulerState(ctx);
  return state.passId === passId ? state : null;
}

/** Ends expired leases, makes due conversations ready, folds counters. False when the pass was superseded. */
export const prepare = internalMutation({
  args: { passId: v.string() },
  returns: v.boolean(),
  handler: async (ctx, args) => {
    const now = Date.now();
    if ((await requireRunning(ctx, args.passId)) === null) return false;
    await expireLeases(ctx, now);
    await takeOverLegacyRows(ctx, now);
    await promoteDue(ctx, now);
    await foldCounters(ctx);
    return true;
  },
});

/** waiting → ready for heads that became due; conversations of agents that may not run are blocked instead. */
async function promoteDue(ctx: MutationCtx, now: number): Promise<void> {
  const due = await ctx.db
    .query("conversations")
    .withIndex("by_state_and_readyAt", (q) => q.eq("state", "waiting").lte("readyAt", now))
    .take(PROMOTE_LIMIT);
  for (const conversation of due) await settle(ctx, conversation, 0, {}, now);
}

/** Plans on the rows as they are now and writes all reservations. Returns what the action has to do. */
export const commit = internalMutation({
  args: {
    passId: v.string(),
    observation: vObservation,
    /** Those that the action tried to list, or would have with a token. */
    askedApps: v.optional(v.array(v.string())),
    hasToken: v.optional(v.boolean()),
  },
  returns: v.object({ effects: v.array(vEffect), spawned: v.number(), drained: v.number() }),
  handler: async (ctx, args) => {
    const now = Date.now();
    const state = await requireRunning(ctx, args.passId);
    if (state === null) return { effects: [], spawned: 0, drained: 0 };
    const loaded = await loadWorld(ctx, state, args.observation, now);
    const decisions = planPass(loaded.world, loaded.policy, now);
    await forgetBootFailures(ctx, state, loaded);
    const effects: Effect[] = [];
    let spawned = 0;
    let takenOver = 0;
    let parted = 0;
    for (const decision of decisions) {
      // Twenty reads each, of the 4,096 that a transaction has: the others part in the passes behind this one.
      if (isParting(decision) && ++parted > MAX_PARTINGS_PER_PASS) continue;
      // Each costs some twenty reads; those above the limit stay leaks until the next pass.
      if (isTakeOver(decision) && ++takenOver > MAX_EFFECTS_PER_PASS) continue;
      const caused = await apply(ctx, decision, loaded, now);
      effects.push(...caused);
      if (decision.kind === "spawn") spawned += caused.length;
    }
    await rememberLeaks(ctx, decisions, loaded, now);
    await followApps(ctx, args, decisions, loaded, now);
    await recordSightings(ctx, state, args.observation, now);
    await chargeObserved(ctx, loaded.workers, args.observation, now);
    return {
      effects: effects.slice(0, MAX_EFFECTS_PER_PASS),
      spawned,
      drained: decisions.filter((d) => d.kind === "drain").length,
    };
  },
});

const isTakeOver = ({ kind }: Decision) =>
  kind === "destroy_orphan" || kind === "destroy_orphan_volume";

const isParting = ({ kind }: Decision) => kind === "drain" || kind === "stop";

async function apply(
  ctx: MutationCtx,
  decision: Decision,
  loaded: LoadedWorld,
  now: number,
): Promise<Effect[]> {
  switch (decision.kind) {
    case "spawn":
      return await reserve(ctx, decision, loaded, now);
    case "create":
      return [{ kind: "create", workerId: decision.workerId }];
    case "adopt":
      await adoptMachine(ctx, decision, now);
      return [];
    case "verify":
      return [{ kind: "verify", workerId: decision.workerId, machineId: decision.machineId }];
    case "drain":
      await drain(ctx, decision, now);
      return [];
    case "stop":
      await stop(ctx, decision, now);
      return [{ kind: "teardown", workerId: decision.workerId }];
    case "teardown":
      return [{ kind: "teardown", workerId: decision.workerId }];
    case "destroy_orphan": {
      const machine = findObserved(loaded, decision.machineId);
      if (machine === null) return [];
      return await takeOverOrphan(ctx, decision, machine, loaded.providerConfig, now);
    }
    case "destroy_orphan_volume":
      return await takeOverVolume(ctx, decision, loaded.providerConfig, now);
    case "watch_orphan":
    case "watch_orphan_volume":
    case "hold":
      return [];
  }
}

function findObserved({ world }: LoadedWorld, machineId: string): ObservedMachine | null {
  const all = (world.observation?.apps ?? []).flatMap((app) => app.machines);
  return all.find((machine) => machine.machineId === machineId) ?? null;
}

/** A machine that was made after the last failed one called home: images boot again. */
async function forgetBootFailures(
  ctx: MutationCtx,
  { _id, bootFailures }: Doc<"schedulerState">,
  { world }: LoadedWorld,
): Promise<void> {
  if (bootFailures === undefined) return;
  const booted = world.workers.some((w) => (w.firstSeenAt ?? 0) > bootFailures.at);
  if (booted) await ctx.db.patch("schedulerState", _id, { bootFailures: undefined });
}

/** Former apps are looked at until nothing of ours is in them. */
async function followApps(
  ctx: MutationCtx,
  asked: { askedApps?: string[]; hasToken?: boolean },
  decisions: readonly Decision[],
  { world }: LoadedWorld,
  now: number,
): Promise<void> {
  const { observation } = world;
  if (observation === null) return;
  const ours = (appName: string) =>
    (observation.apps.find((app) => app.appName === appName)?.machines ?? []).filter(
      (machine) => machine.workerTag !== null,
    ).length + decisions.filter((d) => "appName" in d && d.appName === appName).length;
  const { askedApps = [], hasToken = true } = asked;
  const apps = { askedApps, hasToken, inUse: appsInUse(world) };
  await rememberApps(ctx, apps, observation, ours, now);
}

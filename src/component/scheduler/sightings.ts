/** What a pass saw: kept for the fleet view, and what the ledger charges by. */
import { DAY_MS } from "../../shared/time.js";
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import { chargeMeters, type Sighting } from "../spend/ops.js";
import type { MeteredPhase } from "../spend/validators.js";
import type { MachinePhase } from "../providers/validators.js";
import type { Worker } from "../workers/ops.js";
import { MAX_SIGHTINGS, type Observation, type ObservedMachine } from "./validators.js";

/** Fly bills the guest from boot to stop; what it does not call stopped we take for running. */
export const METERED: Readonly<Record<MachinePhase, MeteredPhase>> = {
  booting: "running",
  running: "running",
  stopping: "running",
  unknown: "running",
  stopped: "stopped",
  failed: "stopped",
  destroying: "stopped",
  destroyed: "none",
};

/** Charges every meter; a machine belongs to the row that knows its id, or to the worker that its tags name. */
export async function chargeObserved(
  ctx: MutationCtx,
  workers: readonly Worker[],
  observation: Observation,
  now: number,
): Promise<void> {
  const byMachine = new Map(
    workers.flatMap((w) => (w.machineRef ? [[w.machineRef.machineId, w.workerId] as const] : [])),
  );
  const sightings = new Map<string, Sighting>();
  for (const machine of observation.apps.flatMap((app) => app.machines)) {
    const workerId = byMachine.get(machine.machineId) ?? machine.workerTag;
    if (workerId === null) continue;
    sightings.set(workerId, {
      phase: METERED[machine.phase],
      createdAt: machine.createdAt ?? null,
      changedAt: machine.changedAt ?? null,
      stoppedAt: machine.stoppedAt ?? null,
    });
  }
  await chargeMeters(ctx, sightings, now);
}

/** Brings the rows of every listed app in line with its list; apps that could not be listed keep theirs. */
export async function recordSightings(
  ctx: MutationCtx,
  state: Pick<Doc<"schedulerState">, "_id" | "appsListedAt">,
  observation: Observation,
  now: number,
): Promise<void> {
  if (observation.apps.length === 0) return;
  const listedAt = { ...state.appsListedAt };
  for (const { appName, machines } of observation.apps) {
    listedAt[appName] = now;
    await recordApp(ctx, appName, machines, now);
  }
  for (const [appName, at] of Object.entries(listedAt)) {
    if (at + DAY_MS > now) continue;
    delete listedAt[appName];
    await recordApp(ctx, appName, [], now);
  }
  await ctx.db.patch("schedulerState", state._id, { appsListedAt: listedAt });
}

async function recordApp(
  ctx: MutationCtx,
  appName: string,
  machines: readonly ObservedMachine[],
  now: number,
): Promise<void> {
  const rows = await ctx.db
    .query("machineSightings")
    .withIndex("by_appName", (q) => q.eq("appName", appName))
    .take(MAX_SIGHTINGS);
  const known = new Map(rows.map((row) => [row.machineId, row]));
  for (const machine of machines.slice(0, MAX_SIGHTINGS)) {
    const row = known.get(machine.machineId);
    known.delete(machine.machineId);
    if (row === undefined)
      await ctx.db.insert("machineSightings", { appName, ...machine, firstSeenAt: now });
    else if (!isSame(row, machine))
      await ctx.db.replace("machineSightings", row._id, {
        ...{ appName, ...machine },
        firstSeenAt: row.firstSeenAt,
      });
  }
  for (const row of known.values()) await ctx.db.delete("machineSightings", row._id);
}

function isSame(row: Doc<"machineSightings">, machine: ObservedMachine): boolean {
  return (
    row.phase === machine.phase &&
    row.changedAt === machine.changedAt &&
    row.workerTag === machine.workerTag &&
    row.volumeIds.join() === machine.volumeIds.join()
  );
}

/** Every machine as it was listed last, at most 500. */
export async function listSightings(ctx: QueryCtx): Promise<Doc<"machineSightings">[]> {
  return await ctx.db.query("machineSightings").take(MAX_SIGHTINGS);
}

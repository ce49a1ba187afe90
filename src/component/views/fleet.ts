/** Every live worker beside its machine as it was listed last. Pure but for the loading at the end. */
import type { Doc, QueryCtx } from "../kit/functions.js";
import { listSightings, loadLiveWorkers, readSchedulerState } from "../scheduler/ops.js";
import { lastHeartbeat, loadWorker, type Worker } from "../workers/ops.js";
import { MACHINE_GRACE_MS } from "../workers/validators.js";
import type { Drift, FleetRow } from "./validators.js";

type Sighting = Doc<"machineSightings">;

/** What row and machine disagree about; null when they agree, or while the machine's app was not listed since. */
export function findDrift(
  worker: Pick<Worker, "status" | "machineRef" | "appName" | "machineCreatedAt"> | null,
  machine: Pick<Sighting, "phase" | "workerTag"> | null,
  listedAt: number | null,
): Drift | null {
  if (worker === null) return machine?.workerTag === null ? "foreign" : "no_row";
  if (listedAt === null) return null;
  const isLeaving = worker.status !== "active";
  if (machine === null) {
    const since = worker.machineCreatedAt;
    // Lists lag behind creations, and a machine that is to go may be gone.
    const expected = since !== undefined && since + MACHINE_GRACE_MS <= listedAt;
    return worker.machineRef !== undefined && !isLeaving && expected ? "machine_missing" : null;
  }
  if (worker.machineRef === undefined) return worker.status === "active" ? "not_recorded" : null;
  const runs = ["booting", "running", "unknown"].includes(machine.phase);
  return !isLeaving && !runs ? "not_running" : null;
}

export async function readFleet(ctx: QueryCtx, now: number): Promise<FleetRow[]> {
  const state = await readSchedulerState(ctx);
  const listedAt = (appName: string | null) =>
    appName === null ? null : (state?.appsListedAt?.[appName] ?? null);
  const sightings = await listSightings(ctx);
  const byId = new Map(sightings.map((one) => [one.machineId, one]));
  const byTag = new Map(sightings.map((one) => [one.workerTag ?? "", one]));
  const rows: FleetRow[] = [];
  for (const worker of await loadLiveWorkers(ctx)) {
    const id = worker.machineRef?.machineId;
    const machine = (id === undefined ? byTag.get(worker.workerId) : byId.get(id)) ?? null;
    if (machine !== null) byId.delete(machine.machineId);
    const appName = worker.machineRef?.appName ?? worker.appName ?? null;
    const heartbeatAt = await lastHeartbeat(ctx, worker);
    rows.push({
      ...machineFields(machine, listedAt(appName)),
      workerId: worker.workerId,
      status: worker.status,
      load: worker.load,
      agentKey: worker.assignment?.agentKey ?? null,
      conversationId: worker.assignment?.conversationId ?? null,
      appName,
      machineId: id ?? machine?.machineId ?? null,
      region: worker.machineRef?.region ?? machine?.region ?? null,
      heartbeatAt,
      heartbeatAgeMs: Math.max(0, now - heartbeatAt),
      createdAt: worker.createdAt ?? worker._creationTime,
      firstSeenAt: worker.firstSeenAt ?? null,
      lastClaimAt: worker.lastClaimAt ?? null,
      drainReason: worker.drainReason ?? null,
      drainDeadlineAt: worker.drainDeadlineAt ?? null,
      snapshot: await snapshotOf(ctx, worker),
      lastProviderError: worker.lastProviderError ?? null,
      drift: findDrift(worker, machine, listedAt(appName)),
    });
  }
  for (const machine of byId.values()) {
    const at = listedAt(machine.appName);
    if (!(await isKnownGone(ctx, machine, at))) rows.push(withoutRow(machine, at));
  }
  return rows;
}

/** The last list was before its end: nobody lists an app again for the sake of a machine that is gone. */
async function isKnownGone(
  ctx: QueryCtx,
  { workerTag }: Sighting,
  listedAt: number | null,
): Promise<boolean> {
  if (workerTag === null) return false;
  const goneAt = (await loadWorker(ctx, workerTag))?.machineGoneAt;
  return goneAt !== undefined && goneAt >= (listedAt ?? 0);
}

function machineFields(machine: Sighting | null, listedAt: number | null) {
  return {
    machinePhase: machine?.phase ?? null,
    observedAt: listedAt,
    volumeIds: machine?.volumeIds ?? [],
  };
}

function withoutRow(machine: Sighting, listedAt: number | null): FleetRow {
  return {
    ...machineFields(machine, listedAt),
    workerId: machine.workerTag,
    status: null,
    load: 0,
    agentKey: null,
    conversationId: null,
    appName: machine.appName,
    machineId: machine.machineId,
    region: machine.region,
    heartbeatAt: null,
    heartbeatAgeMs: null,
    createdAt: machine.createdAt ?? machine.firstSeenAt,
    firstSeenAt: null,
    lastClaimAt: null,
    drainReason: null,
    drainDeadlineAt: null,
    snapshot: {
      state: "none",
      restoredSnapshotId: null,
      lastSnapshotId: null,
      lastSnapshotAt: null,
    },
    lastProviderError: null,
    drift: findDrift(null, machine, listedAt),
  };
}

/** The most that is known: final, saved (while it worked), restored (from an earlier worker), none. */
async function snapshotOf(ctx: QueryCtx, worker: Worker): Promise<FleetRow["snapshot"]> {
  const { finalSnapshotId, restoredSnapshotId = null } = worker;
  const lastId = finalSnapshotId ?? worker.lastSnapshotId;
  const last = lastId === undefined ? null : await ctx.db.get("dataSnapshots", lastId);
  const saved = lastId === undefined ? null : "saved";
  const restored = restoredSnapshotId === null ? "none" : "restored";
  return {
    state: finalSnapshotId === undefined ? (saved ?? restored) : "final",
    restoredSnapshotId,
    lastSnapshotId: lastId ?? null,
    lastSnapshotAt: last?.createdAt ?? null,
  };
}

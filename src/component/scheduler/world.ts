/** Loads what the plan needs: bounded reads, the same for the reservation and for `explainPass`. */
import { findProviderConfigProblem, loadPolicy, loadProviderConfig } from "../settings/ops.js";
import type { ProviderConfig } from "../config.js";
import { loadConversation, type Conversation } from "../conversations/ops.js";
import type { QueryCtx } from "../kit/functions.js";
import { openBudgets } from "../spend/ops.js";
import { findVolumeOwners, lastHeartbeat, type Worker } from "../workers/ops.js";
import { MAX_LIVE_WORKERS, type WorkerStatus } from "../workers/validators.js";
import { findSpawnBlock, type SpawnBlock, type SpawnState } from "./blocks.js";
import type { PlanPolicy, WorkerFacts, World } from "./facts.js";
import { leaksSeen } from "./leaks.js";
import { DEMAND_LIMIT, MAX_LOOKED_AT, type Observation } from "./validators.js";

const LIVE_STATUSES = ["active", "draining", "stopping"] as const satisfies readonly WorkerStatus[];

export async function loadLiveWorkers(ctx: QueryCtx): Promise<Worker[]> {
  const workers: Worker[] = [];
  for (const status of LIVE_STATUSES)
    workers.push(
      ...(await ctx.db
        .query("workers")
        .withIndex("by_status", (q) => q.eq("status", status))
        .take(MAX_LIVE_WORKERS)),
    );
  return workers;
}

export async function toWorkerFacts(
  ctx: QueryCtx,
  worker: Worker,
  now: number,
): Promise<WorkerFacts> {
  const conversationId = worker.assignment?.conversationId ?? null;
  const conversation = conversationId === null ? null : await loadConversation(ctx, conversationId);
  const owns = conversation?.ownerWorkerId === worker.workerId;
  const due = (conversation?.readyAt ?? Number.POSITIVE_INFINITY) <= now;
  return {
    workerId: worker.workerId,
    status: worker.status,
    load: worker.load,
    heartbeatAt: await lastHeartbeat(ctx, worker),
    createdAt: worker.createdAt ?? worker._creationTime,
    appName: worker.machineRef?.appName ?? worker.appName ?? null,
    machineId: worker.machineRef?.machineId ?? null,
    machineCreatedAt: worker.machineCreatedAt ?? null,
    // Rows of 3.x know no first call: a claim proves one.
    firstSeenAt: worker.firstSeenAt ?? worker.lastClaimAt ?? null,
    lastClaimAt: worker.lastClaimAt ?? null,
    scheduledShutdownAt: worker.scheduledShutdownAt ?? null,
    drainDeadlineAt: worker.drainDeadlineAt ?? worker.scheduledShutdownAt ?? null,
    finalSnapshot: worker.finalSnapshotId !== undefined,
    createAttempts: worker.createAttempts ?? 0,
    nextCreateAt: worker.nextCreateAt ?? null,
    nextTeardownAt: worker.nextTeardownAt ?? null,
    machineGone: worker.machineGoneAt !== undefined,
    conversationId,
    hasWork:
      owns &&
      (conversation?.state === "leased" ||
        (due && (conversation?.state === "ready" || conversation?.state === "waiting"))),
  };
}

/** Ready conversations without a worker, counted up to the number that a pass looks at. */
export async function countWaiting(ctx: QueryCtx): Promise<number> {
  return (await readyUnownedRows(ctx).take(DEMAND_LIMIT)).length;
}

function readyUnownedRows(ctx: QueryCtx) {
  return ctx.db
    .query("conversations")
    .withIndex("by_state_and_ownerWorkerId_and_rankAt", (q) =>
      q.eq("state", "ready").eq("ownerWorkerId", undefined),
    );
}

export type LoadedWorld = {
  world: World;
  policy: PlanPolicy;
  workers: Worker[];
  providerConfig: ProviderConfig | null;
  spawnBlock: SpawnBlock | null;
};

export async function loadWorld(
  ctx: QueryCtx,
  state: SpawnState | null,
  observation: Observation | null,
  now: number,
): Promise<LoadedWorld> {
  const { scaling, lease } = await loadPolicy(ctx);
  const config = await loadProviderConfig(ctx);
  const providerConfig =
    config === null || findProviderConfigProblem(config) !== null ? null : config;
  const workers = await loadLiveWorkers(ctx);
  // A pass makes these ready before it plans; an explanation must foresee it.
  const due = await ctx.db
    .query("conversations")
    .withIndex("by_state_and_readyAt", (q) => q.eq("state", "waiting").lte("readyAt", now))
    .take(DEMAND_LIMIT);
  const unowned = due.filter((conversation) => conversation.ownerWorkerId === undefined);
  const budgetFor = await openBudgets(ctx, now);
  const demand = await loadDemand(ctx, unowned, budgetFor);
  const facts = [];
  for (const worker of workers) {
    const block = await budgetFor(worker.assignment?.agentKey ?? null);
    facts.push({ ...(await toWorkerFacts(ctx, worker, now)), overBudget: block?.message ?? null });
  }
  const spawnBlock = await findSpawnBlock(ctx, state, providerConfig?.appName ?? null, now);
  return {
    workers,
    spawnBlock,
    providerConfig,
    policy: { scaling, lease },
    world: {
      workers: facts,
      demand,
      observation,
      appName: providerConfig?.appName ?? null,
      spawnBlock: spawnBlock?.message ?? null,
      orphansSeen: observation === null ? {} : await leaksSeen(ctx),
      orphanVolumes: observation === null ? [] : await findOrphanVolumes(ctx, observation),
    },
  };
}

/** In their order; those that no budget pays for take nobody's place among the `DEMAND_LIMIT` that a pass looks at. */
async function loadDemand(
  ctx: QueryCtx,
  due: readonly Conversation[],
  budgetFor: Awaited<ReturnType<typeof openBudgets>>,
): Promise<World["demand"][number][]> {
  const demand: World["demand"][number][] = [];
  const held: World["demand"][number][] = [];
  let looked = 0;
  const add = async ({ conversationId, agentKey }: Conversation): Promise<boolean> => {
    const overBudget = await budgetFor(agentKey);
    (overBudget === null ? demand : held).push({ conversationId, agentKey, overBudget });
    return demand.length < DEMAND_LIMIT && ++looked < MAX_LOOKED_AT;
  };
  for await (const conversation of readyUnownedRows(ctx))
    if (!(await add(conversation))) return [...demand, ...held.slice(0, DEMAND_LIMIT)];
  for (const conversation of due) if (!(await add(conversation))) break;
  return [...demand, ...held.slice(0, DEMAND_LIMIT)];
}

/** A pass looks up the names of so many free volumes of an app; a transaction has 4,096 index reads for everything. */
const MAX_FREE_VOLUMES = 1_000;

async function findOrphanVolumes(
  ctx: QueryCtx,
  observation: Observation,
): Promise<World["orphanVolumes"][number][]> {
  const orphans: World["orphanVolumes"][number][] = [];
  for (const { appName, machines, volumes } of observation.apps) {
    const there = new Set(machines.map(({ machineId }) => machineId));
    const free = (volumes ?? []).filter(
      ({ attachedMachineId }) => attachedMachineId === null || !there.has(attachedMachineId),
    );
    for (const { volumeId, name } of free.slice(0, MAX_FREE_VOLUMES)) {
      const owners = await findVolumeOwners(ctx, name);
      const isOrphan =
        owners.some((owner) => owner.appName === appName) &&
        owners.every((owner) => owner.status === "stopped");
      if (isOrphan) orphans.push({ appName, volumeId, workerId: owners[0]?.workerId ?? "" });
    }
  }
  return orphans;
}

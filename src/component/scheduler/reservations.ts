/** What each decision of a plan does to the rows, in the transaction that planned it. */
import { loadProfile } from "../agents/ops.js";
import { loadConversation } from "../conversations/ops.js";
import type { ProviderConfig } from "../config.js";
import type { MutationCtx } from "../kit/functions.js";
import { randomBase36 } from "../kit/random.js";
import { workerVolumeName } from "../providers/ops.js";
import { loseLease, returnMessage, settle } from "../queue/ops.js";
import { noteMachine, noteSeen, openMeter } from "../spend/ops.js";
import type { MeteredPhase } from "../spend/validators.js";
import { recordMachineEvent } from "../trail/ops.js";
import {
  beginDrain,
  beginStop,
  loadOrphanRow,
  loadWorker,
  releaseConversation,
  type Worker,
} from "../workers/ops.js";
import { forgetCreateFailures, noteBootFailure } from "./backoff.js";
import type { DecisionOf, Effect, ObservedMachine } from "./validators.js";
import { METERED } from "./sightings.js";
import type { LoadedWorld } from "./world.js";

const LEASE_ENDS = {
  late: "The worker did not finish before its drain deadline",
  dead: "The machine stopped while processing",
} as const;

/** The row, the name and the ownership exist before the machine does. */
export async function reserve(
  ctx: MutationCtx,
  decision: DecisionOf<"spawn">,
  { providerConfig, policy }: LoadedWorld,
  now: number,
): Promise<Effect[]> {
  if (providerConfig === null) return [];
  const conversation = await loadConversation(ctx, decision.conversationId);
  if (conversation === null || conversation.ownerWorkerId !== undefined) return [];
  const profile = await loadProfile(ctx, conversation.agentKey);
  if (profile === null || !profile.enabled || profile.pausedAt !== undefined) {
    const blockedReason = profile?.pausedAt === undefined ? "agent_disabled" : "agent_paused";
    await settle(ctx, conversation, 0, { blockedReason }, now);
    return [];
  }
  const workerId = `afw-${now}-${randomBase36(8)}`;
  await ctx.db.insert("workers", {
    workerId,
    provider: providerConfig.kind,
    status: "active",
    load: 0,
    heartbeatAt: now,
    scheduledShutdownAt: now + policy.scaling.idleTimeoutMs,
    assignment: {
      conversationId: conversation.conversationId,
      agentKey: conversation.agentKey,
      leaseId: `spawn:${workerId}`,
      assignedAt: now,
    },
    capabilities: [],
    appName: providerConfig.appName,
    machineName: workerId,
    volumeName: workerVolumeName(providerConfig.volumeName, workerId),
    createdAt: now,
    createAttempts: 0,
    nextCreateAt: now,
  });
  await ctx.db.patch("conversations", conversation._id, {
    ownerWorkerId: workerId,
    generation: (conversation.generation ?? 0) + 1,
  });
  await recordMachineEvent(ctx, { workerId, kind: "reserved", at: now, detail: decision.reason });
  return [{ kind: "create", workerId }];
}

export async function adoptMachine(
  ctx: MutationCtx,
  decision: DecisionOf<"adopt">,
  now: number,
): Promise<void> {
  const worker = await loadWorker(ctx, decision.workerId);
  if (worker === null || worker.machineRef !== undefined || worker.appName === undefined) return;
  const volumeId = decision.volumeIds[0];
  await ctx.db.patch("workers", worker._id, {
    machineRef: {
      appName: worker.appName,
      machineId: decision.machineId,
      region: decision.region,
    },
    machineCreatedAt: now,
    ...(volumeId === undefined ? {} : { volumeId }),
  });
  await recordMachineEvent(ctx, {
    workerId: worker.workerId,
    machineId: decision.machineId,
    kind: "adopted",
    at: now,
    detail: decision.reason,
  });
  await forgetCreateFailures(ctx);
}

export async function drain(
  ctx: MutationCtx,
  decision: DecisionOf<"drain">,
  now: number,
): Promise<void> {
  const worker = await loadWorker(ctx, decision.workerId);
  if (worker === null) return;
  // The plan is made in this transaction, so the worker cannot have claimed in between.
  await beginDrain(ctx, worker, decision.drainReason, now);
  const { drainReason } = decision;
  const ended = drainReason === "machine_gone" || drainReason === "boot_timeout";
  if (ended && worker.machineRef !== undefined && worker.firstSeenAt === undefined)
    await noteBootFailure(ctx, now);
  if (drainReason !== "machine_gone") return;
  // A dead machine holds no message: its lease need not run out first.
  await endLeaseOf(ctx, worker, "dead", now);
  await releaseConversation(ctx, worker, now);
  // No snapshot will come, and a list that shows the dead machine now may omit it in the next pass: nothing to wait for.
  const drained = await loadWorker(ctx, decision.workerId);
  if (drained?.status === "draining") await beginStop(ctx, drained, decision.reason, now);
}

export async function stop(
  ctx: MutationCtx,
  decision: DecisionOf<"stop">,
  now: number,
): Promise<void> {
  const worker = await loadWorker(ctx, decision.workerId);
  if (worker?.status !== "draining") return;
  if (worker.load > 0) await endLeaseOf(ctx, worker, decision.isMachineDead ? "dead" : "late", now);
  const current = await loadWorker(ctx, decision.workerId);
  if (current?.status === "draining") await beginStop(ctx, current, decision.reason, now);
}

/**
 * Returns what a worker still holds. Being cut off for an operator or a budget is not the message's fault; that a machine
 * died may be, whatever it was draining for, so that counts.
 */
async function endLeaseOf(
  ctx: MutationCtx,
  worker: Worker,
  cause: keyof typeof LEASE_ENDS,
  now: number,
): Promise<void> {
  if (worker.assignment === undefined) return;
  const conversation = await loadConversation(ctx, worker.assignment.conversationId);
  const lock = conversation?.processingLock;
  if (lock === undefined || lock.workerId !== worker.workerId) return;
  const message = await ctx.db.get("messageQueue", lock.claimedMessageId);
  if (message?.status !== "processing") return;
  const isOurDoing = worker.drainReason === "operator" || worker.drainReason === "budget";
  const error = LEASE_ENDS[cause];
  if (cause === "late" && isOurDoing) {
    await returnMessage(ctx, message, conversation, error, now);
    await ctx.db.patch("workers", worker._id, { load: 0 });
  } else await loseLease(ctx, message, error, now);
}

export type OrphanMachine = Pick<
  ObservedMachine,
  "machineId" | "name" | "region" | "workerTag" | "volumeIds" | "phase" | "createdAt" | "stoppedAt"
>;

/**
 * A machine without a row gets one that is stopping, so that its end is as durable as that of any other: the machine
 * and then its volumes, whatever dies in between.
 */
export async function takeOverOrphan(
  ctx: MutationCtx,
  { appName, reason }: Pick<DecisionOf<"destroy_orphan">, "appName" | "reason">,
  machine: OrphanMachine,
  providerConfig: ProviderConfig | null,
  now: number,
): Promise<Effect[]> {
  const { machineId } = machine;
  const volumeId = machine.volumeIds[0];
  // Its second volume, or the first one when the tags alone are left, bears the name that its worker had.
  const named = machine.workerTag !== null && providerConfig !== null;
  const remains = {
    appName,
    machineName: machine.name,
    machineRef: { appName, machineId, region: machine.region },
    ...(volumeId === undefined ? {} : { volumeId }),
    ...(named
      ? { volumeName: workerVolumeName(providerConfig.volumeName, machine.workerTag ?? "") }
      : {}),
  };
  const former = machine.workerTag === null ? null : await loadWorker(ctx, machine.workerTag);
  // What its worker's row knew of is paid for; one that no row ever knew costs since it was created.
  const costsSince = Math.min(now, Math.max(machine.createdAt ?? now, former?.machineGoneAt ?? 0));
  const { stoppedAt } = machine;
  const meter = {
    ...{ config: providerConfig, phase: METERED[machine.phase], since: costsSince },
    ...(stoppedAt === undefined ? {} : { stoppedAt }),
  };
  return await endDurably(ctx, machineId, remains, meter, reason, now);
}

/** The same for a volume whose machine is gone. */
export async function takeOverVolume(
  ctx: MutationCtx,
  { appName, volumeId, workerId, reason }: DecisionOf<"destroy_orphan_volume">,
  config: ProviderConfig | null,
  now: number,
): Promise<Effect[]> {
  const volumeName = (await loadWorker(ctx, workerId))?.volumeName;
  const named = volumeName === undefined ? {} : { volumeName };
  const remains = { appName, volumeId, machineGoneAt: now, ...named };
  const meter = { config, phase: "none" as const, since: now };
  return await endDurably(ctx, volumeId, remains, meter, reason, now);
}

async function endDurably(
  ctx: MutationCtx,
  resourceId: string,
  remains: Partial<Worker>,
  meter: {
    config: ProviderConfig | null;
    phase: MeteredPhase;
    since: number;
    /** One that is at rest ran until then. */
    stoppedAt?: number;
  },
  reason: string,
  now: number,
): Promise<Effect[]> {
  const before = await loadOrphanRow(ctx, resourceId);
  if (before !== null && before.status !== "stopped") return [];
  // Taken for gone before, and seen again: a stopped row never moves, so it gets another.
  const workerId = before === null ? `orphan-${resourceId}` : `orphan-${resourceId}-${now}`;
  await ctx.db.insert("workers", {
    ...{ workerId, provider: "fly", status: "stopping", load: 0, heartbeatAt: now },
    ...{ capabilities: [], createdAt: now, stoppedAt: now, nextTeardownAt: now },
    ...remains,
  });
  if (meter.config !== null) {
    // Taken for gone before, it is paid for until then.
    const since = Math.max(meter.since, before?.machineGoneAt ?? 0);
    await openMeter(ctx, { workerId, agentKey: null }, meter.config, since);
    const ranUntil = meter.phase === "stopped" ? meter.stoppedAt : undefined;
    if (ranUntil !== undefined) await noteMachine(ctx, workerId, "running", since, now);
    await noteMachine(ctx, workerId, meter.phase, ranUntil ?? since, now);
    if (meter.phase !== "none") await noteSeen(ctx, workerId, now);
  }
  const machineId = remains.machineRef?.machineId;
  const event = { workerId, machineId, kind: "orphan_destroyed" as const, at: now };
  await recordMachineEvent(ctx, { ...event, detail: reason });
  return [{ kind: "teardown", workerId }];
}

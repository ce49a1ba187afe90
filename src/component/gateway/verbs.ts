/** What each gateway call does, for an authenticated worker. The verbs are those of the rooms. */
import { refuse } from "../../shared/errors.js";
import { loadProfile } from "../agents/ops.js";
import { appendHistory, loadConversation } from "../conversations/ops.js";
import { hydrate } from "../hydration/ops.js";
import type { MutationCtx, QueryCtx } from "../kit/functions.js";
import {
  attachMetadata,
  claimMessage,
  completeMessage,
  failMessage,
  handBackMessage,
  hasQueued,
  heartbeatMessage,
  recordDelivery,
  storeAnswer,
  type LeaseRef,
} from "../queue/ops.js";
import { loadPolicy } from "../settings/ops.js";
import { workerManifest } from "../skills/ops.js";
import { recordMachineEvent } from "../trail/ops.js";
import { readControlState } from "../workers/control.js";
import { describeSkills, idleHeartbeatMs, pollDelayMs } from "../workers/machine.js";
import { beginDrain, noteFirstCall, touchWorker, type Worker } from "../workers/ops.js";
import { checkConversation, requireHeld, requireId, requireOwnMemory } from "./access.js";
import type { NamesThatRunAs, Verb } from "./calls.js";
import { MEMORY_VERBS } from "./memoryVerbs.js";

export const QUERY_VERBS: { [N in NamesThatRunAs<"query">]: Verb<QueryCtx, N> } = {
  workerControlState: async (ctx, worker, _args, now) => ({
    shouldStop: (await readControlState(ctx, worker.workerId, now)).shouldStop,
  }),

  workerConversationHasQueued: async (ctx, worker, args) => {
    checkConversation(worker, args.conversationId);
    return await hasQueued(ctx, args.conversationId);
  },

  workerHydrationBundle: async (ctx, worker, args) => {
    const message = await requireHeld(ctx, worker, args.messageId);
    return await hydrate(ctx, message._id, { workerId: worker.workerId });
  },

  workerGlobalSkillsManifest: async (ctx, worker, args) => {
    const agentKey = worker.assignment?.agentKey;
    const profile = agentKey === undefined ? null : await loadProfile(ctx, agentKey);
    return await workerManifest(ctx, { ...args, agentKey, companyId: profile?.companyId });
  },
};

export const MUTATION_VERBS: { [N in NamesThatRunAs<"mutation">]: Verb<MutationCtx, N> } = {
  workerReady: async (ctx, worker, args, now) => {
    const restored =
      args.restoredSnapshotId === null
        ? null
        : await requireOwnMemory(ctx, worker, args.restoredSnapshotId);
    await ctx.db.patch("workers", worker._id, {
      ...(await noteFirstCall(ctx, worker, now)),
      restoredSnapshotId: restored,
    });
    await touchWorker(ctx, worker.workerId, now, 0);
    await recordMachineEvent(ctx, {
      workerId: worker.workerId,
      machineId: worker.machineRef?.machineId,
      kind: "ready",
      at: now,
      detail: `${args.engine} ${args.runtimeVersion ?? ""}`.trim(),
    });
    const { lease } = await loadPolicy(ctx);
    return {
      conversationId: worker.assignment?.conversationId ?? null,
      agentKey: worker.assignment?.agentKey ?? null,
      heartbeatIntervalMs: lease.heartbeatIntervalMs,
      leaseMs: lease.leaseMs,
    };
  },

  workerReportSkills: async (ctx, worker, args, now) => {
    const { manifestVersion, skills, refused } = args;
    const loadedSkills = { manifestVersion, skills, refused, loadedAt: now };
    await ctx.db.patch("workers", worker._id, { loadedSkills });
    if (skills.length + refused.length > 0)
      await recordMachineEvent(ctx, {
        workerId: worker.workerId,
        machineId: worker.machineRef?.machineId,
        kind: "skills_loaded",
        at: now,
        detail: describeSkills(loadedSkills),
      });
    return true;
  },

  workerPoll: async (ctx, worker, _args, now) => {
    await markSeen(ctx, worker, now);
    const { lease } = await loadPolicy(ctx);
    await touchWorker(ctx, worker.workerId, now, idleHeartbeatMs(lease.staleAfterMs));
    const control = await readControlState(ctx, worker.workerId, now);
    if (control.shouldStop) {
      if (control.reason === "idle") await beginDrain(ctx, worker, "idle", now);
      return { kind: "stop", reason: control.reason ?? "stopped" };
    }
    const job = await claimMessage(ctx, { workerId: worker.workerId }, now);
    if (job !== null) return { kind: "job", job };
    const busyUntil = worker.lastClaimAt ?? worker.firstSeenAt ?? now;
    return { kind: "idle", retryAfterMs: pollDelayMs(now - busyUntil) };
  },

  workerClaim: async (ctx, worker, args, now) => {
    await markSeen(ctx, worker, now);
    const { conversationId } = args;
    return await claimMessage(ctx, { workerId: worker.workerId, conversationId }, now);
  },

  workerHeartbeat: async (ctx, worker, args, now) =>
    await heartbeatMessage(ctx, leaseOf(ctx, worker, args), now),

  workerStoreAnswer: async (ctx, worker, args, now) => {
    const answer = await storeAnswer(ctx, leaseOf(ctx, worker, args), args, now);
    return answer === null ? { stored: false } : { stored: true, answer };
  },

  workerRecordDelivery: async (ctx, worker, args, now) =>
    (await recordDelivery(ctx, leaseOf(ctx, worker, args), args, now)) ?? {
      proceed: false,
      answer: null,
    },

  workerAppendConversationMessages: async (ctx, worker, args, now) => {
    checkConversation(worker, args.conversationId);
    const conversation = await loadConversation(ctx, args.conversationId);
    if (conversation === null) return { updated: false, messageCount: 0 };
    const lock = conversation.processingLock;
    if (lock?.workerId !== worker.workerId)
      refuse("FORBIDDEN", "The worker holds no message of this conversation any more.");
    const messageId = lock.claimedMessageId;
    const messageCount = await appendHistory(ctx, conversation, args.messages, now, messageId);
    return { updated: true, messageCount };
  },

  workerComplete: async (ctx, worker, args, now) =>
    await completeMessage(ctx, leaseOf(ctx, worker, args), now),

  workerFail: async (ctx, worker, args, now) =>
    await failMessage(ctx, leaseOf(ctx, worker, args), args, now),

  workerHandBack: async (ctx, worker, args, now) =>
    await handBackMessage(ctx, leaseOf(ctx, worker, args), args.reason, now),

  workerAttachMessageMetadata: async (ctx, worker, args) => {
    const message = await requireHeld(ctx, worker, args.messageId);
    await attachMetadata(ctx, message, args.metadata);
    return true;
  },

  ...MEMORY_VERBS,
};

function leaseOf(
  ctx: QueryCtx,
  worker: Worker,
  args: { messageId: string; leaseId: string },
): LeaseRef {
  return {
    workerId: worker.workerId,
    messageId: requireId(ctx, "messageQueue", args.messageId),
    leaseId: args.leaseId,
  };
}

/** Images that know no workerReady are ready when they first ask for work. */
async function markSeen(ctx: MutationCtx, worker: Worker, now: number): Promise<void> {
  if (worker.firstSeenAt !== undefined) return;
  await ctx.db.patch("workers", worker._id, await noteFirstCall(ctx, worker, now));
  await touchWorker(ctx, worker.workerId, now, 0);
}

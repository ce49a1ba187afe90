/**
 * Broadcasts: one message to every enabled agent of a company and to those of no company, never to another company's.
 * The fan-out walks both groups in the order of their keys; where it stands is in the broadcast's row.
 */
import { errorMessage, refuse } from "../../shared/errors.js";
import { redact } from "../../shared/redact.js";
import { internal } from "../_generated/api.js";
import { listProfiles, type AgentProfile } from "../agents/ops.js";
import type { ProviderConfig } from "../config.js";
import type { Doc, Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { enqueueMessage } from "../queue/ops.js";
import { clampDispatches } from "./listings.js";
import { checkTexts } from "./texts.js";
import {
  FAN_OUT_BATCH_SIZE,
  type AudienceCursor,
  type BroadcastReceipt,
  type BroadcastView,
} from "./validators.js";

type Broadcast = Doc<"messagePushBroadcasts">;
const START: AudienceCursor = { group: "company", afterAgentKey: "" };
const MAX_KEY_LENGTH = 512;

// ── The audience ────────────────────────────────────────────────────────────

/** The next agents of a broadcast of `companyId`, and where to go on; null at the end. */
export async function readAudience(
  ctx: QueryCtx,
  companyId: string,
  cursor: AudienceCursor,
  limit: number,
): Promise<{ agents: AgentProfile[]; next: AudienceCursor | null }> {
  const agents = await listProfiles(ctx, {
    companyId: cursor.group === "company" ? companyId : null,
    enabled: true,
    afterAgentKey: cursor.afterAgentKey,
    limit,
  });
  const last = agents.at(-1);
  if (last !== undefined && agents.length === limit)
    return { agents, next: { ...cursor, afterAgentKey: last.agentKey } };
  return {
    agents,
    next: cursor.group === "company" ? { group: "shared", afterAgentKey: "" } : null,
  };
}

/** Whom a broadcast would reach, page by page. */
export async function previewAudience(
  ctx: QueryCtx,
  args: {
    companyId: string;
    cursor?: AudienceCursor | undefined;
    limit?: number | undefined;
  },
): Promise<{
  agents: { agentKey: string; companyId: string | null }[];
  continueCursor: AudienceCursor | null;
}> {
  const limit = clampDispatches(args.limit);
  let cursor: AudienceCursor | null = args.cursor ?? START;
  const found: AgentProfile[] = [];
  while (cursor !== null && found.length < limit) {
    const page = await readAudience(ctx, args.companyId, cursor, limit - found.length);
    found.push(...page.agents);
    cursor = page.next;
  }
  return {
    agents: found.map(({ agentKey, companyId = null }) => ({ agentKey, companyId })),
    continueCursor: cursor,
  };
}

// ── Sending ─────────────────────────────────────────────────────────────────

/**
 * Starts a broadcast, or returns the one with the same key. The first batch is sent here, so that a small audience is
 * reached when the call returns; the rest follows by itself.
 */
export async function startBroadcast(
  ctx: MutationCtx,
  args: {
    companyId: string;
    title: string;
    text: string;
    requestedBy: string;
    broadcastKey?: string | undefined;
    providerConfig?: ProviderConfig | undefined;
  },
  now: number,
): Promise<Broadcast> {
  const { companyId, title, text, requestedBy, broadcastKey } = args;
  checkTexts(args);
  if (broadcastKey !== undefined) {
    if (broadcastKey.trim() === "" || broadcastKey.length > MAX_KEY_LENGTH)
      refuse("INVALID_ARGUMENT", `broadcastKey must have 1 to ${MAX_KEY_LENGTH} characters.`);
    const known = await ctx.db
      .query("messagePushBroadcasts")
      .withIndex("by_companyId_and_broadcastKey", (q) =>
        q.eq("companyId", companyId).eq("broadcastKey", broadcastKey),
      )
      .first();
    if (known !== null) return known;
  }
  const id = await ctx.db.insert("messagePushBroadcasts", {
    companyId,
    title,
    text,
    target: "all_active_agents",
    requestedBy,
    requestedAt: now,
    status: "running",
    totalTargets: 0,
    enqueuedCount: 0,
    failedCount: 0,
    cursor: START,
    ...(broadcastKey === undefined ? {} : { broadcastKey }),
  });
  await fanOut(ctx, id, now, args.providerConfig);
  return await requireBroadcast(ctx, id);
}

/**
 * One batch: an agent with a receipt is not sent to again. A broadcast that is not running (cancelled, or of 3.x,
 * which has no cursor) is left alone.
 */
export async function fanOut(
  ctx: MutationCtx,
  broadcastId: Id<"messagePushBroadcasts">,
  now: number,
  providerConfig?: ProviderConfig,
): Promise<void> {
  let broadcast = await ctx.db.get("messagePushBroadcasts", broadcastId);
  let room = FAN_OUT_BATCH_SIZE;
  while (broadcast?.status === "running" && broadcast.cursor !== undefined && room > 0) {
    const page = await readAudience(ctx, broadcast.companyId, broadcast.cursor, room);
    room -= page.agents.length;
    const counts = { enqueued: 0, failed: 0 };
    for (const { agentKey } of page.agents) {
      const status = await sendIsolated(ctx, broadcastId, agentKey, now, providerConfig);
      if (status !== null) counts[status] += 1;
    }
    const enqueuedCount = broadcast.enqueuedCount + counts.enqueued;
    const failedCount = broadcast.failedCount + counts.failed;
    await ctx.db.patch("messagePushBroadcasts", broadcastId, {
      enqueuedCount,
      failedCount,
      totalTargets: enqueuedCount + failedCount,
      cursor: page.next ?? undefined,
      ...(page.next === null
        ? // Some failures are in the receipts; a broadcast that reached nobody it meant to reach has failed.
          {
            status: enqueuedCount === 0 && failedCount > 0 ? "failed" : "done",
            completedAt: now,
          }
        : {}),
    });
    broadcast = await ctx.db.get("messagePushBroadcasts", broadcastId);
  }
  if (broadcast?.status === "running" && broadcast.cursor !== undefined)
    await ctx.scheduler.runAfter(0, internal.push.broadcaster.run, { broadcastId });
}

async function sendIsolated(
  ctx: MutationCtx,
  broadcastId: Id<"messagePushBroadcasts">,
  agentKey: string,
  nowMs: number,
  providerConfig: ProviderConfig | undefined,
): Promise<"enqueued" | "failed" | null> {
  const target = { broadcastId, agentKey, nowMs };
  try {
    const sent: boolean = await ctx.runMutation(internal.push.broadcaster.one, {
      ...target,
      ...(providerConfig === undefined ? {} : { providerConfig }),
    });
    return sent ? "enqueued" : null;
  } catch (error) {
    const message = redact(errorMessage(error), 500);
    await insertReceipt(ctx, target, { status: "failed", error: message });
    return "failed";
  }
}

/** False when the agent has its receipt already. */
export async function sendToAgent(
  ctx: MutationCtx,
  args: {
    broadcastId: Id<"messagePushBroadcasts">;
    agentKey: string;
    nowMs: number;
    providerConfig?: ProviderConfig | undefined;
  },
): Promise<boolean> {
  const { broadcastId, agentKey } = args;
  const receipt = await ctx.db
    .query("messagePushBroadcastDispatches")
    .withIndex("by_broadcastId_and_consumerUserId", (q) =>
      q.eq("broadcastId", broadcastId).eq("consumerUserId", `agent:${agentKey}`),
    )
    .first();
  if (receipt !== null) return false;
  const { title, text, companyId } = await requireBroadcast(ctx, broadcastId);
  const enqueuedMessageId = await enqueueMessage(
    ctx,
    {
      conversationId: `broadcast:agent:${agentKey}`,
      agentKey,
      payload: {
        provider: "system_push",
        providerUserId: `agent:${agentKey}`,
        messageText: `${title}\n\n${text}`.trim(),
        metadata: {
          broadcastId,
          runKey: runKeyOf(broadcastId, agentKey),
          adminInitiated: "true",
          companyId,
        },
      },
      providerConfig: args.providerConfig,
    },
    args.nowMs,
  );
  await insertReceipt(ctx, args, { status: "enqueued", enqueuedMessageId });
  return true;
}

function runKeyOf(broadcastId: string, agentKey: string): string {
  return `broadcast:${broadcastId}:${agentKey}`;
}

async function insertReceipt(
  ctx: MutationCtx,
  target: { broadcastId: Id<"messagePushBroadcasts">; agentKey: string; nowMs: number },
  outcome:
    | { status: "enqueued"; enqueuedMessageId: Id<"messageQueue"> }
    | { status: "failed"; error: string },
): Promise<void> {
  const { broadcastId, agentKey, nowMs } = target;
  await ctx.db.insert("messagePushBroadcastDispatches", {
    broadcastId,
    consumerUserId: `agent:${agentKey}`,
    agentKey,
    runKey: runKeyOf(broadcastId, agentKey),
    createdAt: nowMs,
    ...outcome,
  });
}

// ── Following ───────────────────────────────────────────────────────────────

/** Stops a running fan-out; what was enqueued stays. False when it is not running. @throws BROADCAST_NOT_FOUND */
export async function cancelBroadcast(
  ctx: MutationCtx,
  broadcastId: Id<"messagePushBroadcasts">,
  now: number,
): Promise<boolean> {
  const broadcast = await requireBroadcast(ctx, broadcastId);
  if (broadcast.status !== "running") return false;
  await ctx.db.patch("messagePushBroadcasts", broadcastId, {
    status: "cancelled",
    cursor: undefined,
    completedAt: now,
  });
  return true;
}

/** Newest first. */
export async function listBroadcasts(
  ctx: QueryCtx,
  companyId: string,
  limit: number | undefined,
): Promise<BroadcastView[]> {
  const rows = await ctx.db
    .query("messagePushBroadcasts")
    .withIndex("by_companyId_and_requestedAt", (q) => q.eq("companyId", companyId))
    .order("desc")
    .take(clampDispatches(limit));
  return rows.map(toBroadcastView);
}

/** In the order of the agents' keys; pass the last one as `afterAgentKey` for the next page. */
export async function listReceipts(
  ctx: QueryCtx,
  args: {
    broadcastId: Id<"messagePushBroadcasts">;
    afterAgentKey?: string | undefined;
    limit?: number | undefined;
  },
): Promise<BroadcastReceipt[]> {
  const rows = await ctx.db
    .query("messagePushBroadcastDispatches")
    .withIndex("by_broadcastId_and_consumerUserId", (q) =>
      q
        .eq("broadcastId", args.broadcastId)
        .gt("consumerUserId", `agent:${args.afterAgentKey ?? ""}`),
    )
    .take(clampDispatches(args.limit));
  return rows.map((row) => ({
    agentKey: row.agentKey,
    status: row.status,
    enqueuedMessageId: row.enqueuedMessageId ?? null,
    error: row.error ?? null,
    createdAt: row.createdAt,
  }));
}

export function toBroadcastView(broadcast: Broadcast): BroadcastView {
  return {
    broadcastId: broadcast._id,
    companyId: broadcast.companyId,
    title: broadcast.title,
    text: broadcast.text,
    requestedBy: broadcast.requestedBy,
    requestedAt: broadcast.requestedAt,
    status: broadcast.status,
    totalTargets: broadcast.totalTargets,
    enqueued: broadcast.enqueuedCount,
    failed: broadcast.failedCount,
    completedAt: broadcast.completedAt ?? null,
  };
}

async function requireBroadcast(
  ctx: QueryCtx,
  broadcastId: Id<"messagePushBroadcasts">,
): Promise<Broadcast> {
  const broadcast = await ctx.db.get("messagePushBroadcasts", broadcastId);
  if (broadcast !== null) return broadcast;
  return refuse("BROADCAST_NOT_FOUND", `Broadcast '${broadcastId}' does not exist.`, {
    broadcastId,
  });
}

/** The message of a broadcast to one agent, and the receipt that says what became of it. */
import type { ProviderConfig } from "../config.js";
import type { Id, MutationCtx, QueryCtx } from "../kit/functions.js";
import { enqueueMessage } from "../queue/ops.js";
import { requireBroadcast } from "./broadcasts.js";
import { clampDispatches } from "./listings.js";
import type { BroadcastReceipt } from "./validators.js";

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

export async function insertReceipt(
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

/**
 * Broadcasts: one message to every enabled agent of a company and to those of no company, never to another company's.
 * The fan-out walks its audience batch by batch; where it stands is in the broadcast's row.
 */
import { errorMessage, refuse } from "../../shared/errors.js";
import { redact } from "../../shared/redact.js";
import { internal } from "../_generated/api.js";
import type { ProviderConfig } from "../config.js";
import type { Id, MutationCtx } from "../kit/functions.js";
import { AUDIENCE_START, readAudience } from "./audience.js";
import { insertReceipt } from "./receipts.js";
import { requireBroadcast, type Broadcast } from "./broadcasts.js";
import { checkTexts } from "./texts.js";
import { FAN_OUT_BATCH_SIZE } from "./validators.js";

const MAX_KEY_LENGTH = 512;
const MAX_RECEIPT_ERROR_LENGTH = 500;

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
    cursor: AUDIENCE_START,
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
    const message = redact(errorMessage(error), MAX_RECEIPT_ERROR_LENGTH);
    await insertReceipt(ctx, target, { status: "failed", error: message });
    return "failed";
  }
}

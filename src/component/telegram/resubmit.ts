/** An operator sends a quarantined update in again, after its cause is gone. */
import { refuse } from "../../shared/errors.js";
import type { Id, MutationCtx } from "../kit/functions.js";
import { findIngress } from "../queue/ops.js";
import { parseJson } from "./ingest.js";
import { keysOf } from "./keys.js";
import { tryAccept, type Ingest, type Refusal } from "./messages.js";
import { recordRetry } from "./quarantine.js";
import { routeMessage } from "./routing.js";
import { readUpdate } from "./update.js";
import type { Resubmission } from "./validators.js";

/** Idempotent: what became a message stays that message. `agentKey` stands in for the app's own choice. */
export async function resubmitQuarantined(
  ctx: MutationCtx,
  { quarantineId, agentKey }: { quarantineId: Id<"telegramQuarantine">; agentKey?: string },
  now: number,
): Promise<Resubmission> {
  const row = await ctx.db.get("telegramQuarantine", quarantineId);
  if (row === null)
    return refuse(
      "MESSAGE_NOT_FOUND",
      `Quarantined Telegram update '${quarantineId}' not found: it was deleted, or is older than seven days.`,
      { quarantineId },
    );
  if (row.messageId !== undefined) return { status: "enqueued", messageId: row.messageId };
  const { body, options } = row;
  const update = readUpdate(parseJson(body));
  if (options === undefined || (update?.kind !== "message" && update?.kind !== "callback"))
    return refuse(
      "INVALID_ARGUMENT",
      `Quarantined Telegram update '${quarantineId}' holds no complete message (${row.reason}). It can only be deleted.`,
      { quarantineId },
    );

  const { message, updateId } = update;
  const botIdentity = row.botIdentity ?? null;
  const keys = await keysOf(botIdentity, updateId, message, body);
  const enqueued = async (messageId: Id<"messageQueue">): Promise<Resubmission> => {
    await recordRetry(ctx, quarantineId, { messageId });
    return { status: "enqueued", messageId };
  };
  for (const key of keys) {
    const known = (await findIngress(ctx, key, now))?.messageId;
    if (known !== undefined) return await enqueued(known);
  }
  const args: Ingest = {
    credentials: { botIdentity, secretHash: null },
    body,
    tooLarge: false,
    options: agentKey === undefined ? options : { ...options, resolvedAgentKey: agentKey },
  };
  const route = await routeMessage(ctx, botIdentity, message, args.options);
  const accepted =
    route.kind === "nobody"
      ? NOBODY
      : await tryAccept(ctx, args, route, { message, updateId, keys }, now);
  if (typeof accepted === "string") return await enqueued(accepted);
  await recordRetry(ctx, quarantineId, accepted);
  return { status: "refused", ...accepted };
}

const NOBODY: Refusal = {
  reason: "refused",
  detail:
    "There is no agent for the sender: a binding is required and missing, or no agent was named.",
};

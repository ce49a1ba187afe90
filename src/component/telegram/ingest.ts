/** One update, in one transaction: accepted once, or put away where an operator sees it. */
import type { MutationCtx } from "../kit/functions.js";
import { findIngress, rememberIngress } from "../queue/ops.js";
import { mayPost } from "./access.js";
import { scheduleAcknowledgement } from "./callbacks.js";
import { applyEdit } from "./edits.js";
import { bodyKey, callbackKey } from "./keys.js";
import { applyMembership } from "./membership.js";
import { takeMessage, type Ingest } from "./messages.js";
import { moveChat } from "./migration.js";
import { quarantine } from "./quarantine.js";
import { readUpdate } from "./update.js";
import type { IngressOutcome } from "./validators.js";

const IGNORED: IngressOutcome = { kind: "ignored" };
const QUARANTINED: IngressOutcome = { kind: "quarantined" };

/** Throws only for trouble that passes: then Telegram is asked to come again. */
export async function ingestUpdate(
  ctx: MutationCtx,
  args: Ingest,
  now: number,
): Promise<IngressOutcome> {
  const { credentials, options } = args;
  if (!(await mayPost(ctx, credentials, options.allowUnsigned, now))) return { kind: "forbidden" };
  const { botIdentity } = credentials;
  const value = args.tooLarge ? undefined : parseJson(args.body);
  const update = value === undefined ? null : readUpdate(value);
  if (update === null) return await putAway(ctx, args, value, now);
  switch (update.kind) {
    case "other":
      return IGNORED;
    case "edit":
      await applyEdit(ctx, botIdentity, update.message, now);
      return IGNORED;
    case "membership":
      await applyMembership(ctx, botIdentity, update, now);
      return IGNORED;
    case "migration":
      if (botIdentity !== null) await moveChat(ctx, botIdentity, update, now);
      return IGNORED;
    case "stray_callback": {
      const key = callbackKey(botIdentity, update.callbackId);
      if ((await findIngress(ctx, key, now)) !== null) return IGNORED;
      await rememberIngress(ctx, key, null, now);
      await scheduleAcknowledgement(ctx, botIdentity, update.callbackId);
      return IGNORED;
    }
    case "callback":
    case "message":
      return await takeMessage(ctx, args, update.updateId, update.message, now);
  }
}

/** It carried the right secret and says nothing that could be read. */
async function putAway(
  ctx: MutationCtx,
  { credentials: { botIdentity }, body, tooLarge }: Ingest,
  value: unknown,
  now: number,
): Promise<IngressOutcome> {
  const reason = tooLarge ? "too_large" : value === undefined ? "not_json" : "not_an_update";
  const key = await bodyKey(botIdentity, body);
  if ((await findIngress(ctx, key, now)) !== null) return QUARANTINED;
  await rememberIngress(ctx, key, null, now);
  const detail = "The request carried the right secret, but no Telegram update.";
  await quarantine(ctx, { botIdentity, reason, detail, body }, now);
  return QUARANTINED;
}

export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

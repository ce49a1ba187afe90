/** Pressed buttons: the person sees a spinner until the press is acknowledged, so that happens before any answer. */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { internalAction, type MutationCtx } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { callTelegram } from "./botApi.js";
import type { BotAccess } from "./tokens.js";

export async function scheduleAcknowledgement(
  ctx: MutationCtx,
  botIdentity: string | null,
  callbackId: string,
): Promise<void> {
  if (botIdentity !== null)
    await ctx.scheduler.runAfter(0, internal.telegram.callbacks.acknowledge, {
      botIdentity,
      callbackId,
    });
}

/** Once: a press that is too old to be acknowledged shows no spinner any more. */
export const acknowledge = internalAction({
  args: { botIdentity: v.string(), callbackId: v.string() },
  returns: v.null(),
  handler: async (ctx, { botIdentity, callbackId }): Promise<null> => {
    const access: BotAccess | null = await ctx.runQuery(internal.telegram.tokens.botAccess, {
      botIdentity,
    });
    if (access === null) return null;
    const parameters = { callback_query_id: callbackId };
    const answer = await callTelegram(access, "answerCallbackQuery", parameters);
    if (answer.kind !== "ok")
      log("info", "telegram.callback_unacknowledged", { reason: answer.description });
    return null;
  },
});

/** What 3.x left behind becomes ours, a bounded batch at a time, while traffic goes on. */
import { internal } from "../_generated/api.js";
import { countLegacyHistories, moveLegacyHistories } from "../conversations/ops.js";
import type { MutationCtx, QueryCtx } from "../kit/functions.js";
import { countLegacyRows, takeOverLegacyRows } from "../queue/ops.js";
import { readKeyStatus, startReseal } from "../secrets/ops.js";
import { UPGRADE_COUNT_LIMIT, type UpgradeStatus } from "./validators.js";

/**
 * One batch of conversations, with their histories, and of messages in this transaction; the rest in the runner's own.
 * Two runs at once are harmless: a row of ours is never taken over again.
 */
export async function advanceUpgrade(ctx: MutationCtx, now: number): Promise<void> {
  const more = await takeOverLegacyRows(ctx, now);
  const histories = await countLegacyHistories(ctx, 1);
  if (more || histories > 0) await ctx.scheduler.runAfter(0, internal.upgrade.runner.run, {});
}

/** The runner's share. True when more may be left. */
export async function migrateBatch(ctx: MutationCtx, now: number): Promise<boolean> {
  return (await takeOverLegacyRows(ctx, now)) || (await moveLegacyHistories(ctx));
}

/** Starts the migration now; without a usable key the secrets stay as they are. */
export async function beginUpgrade(ctx: MutationCtx): Promise<{ resealing: boolean }> {
  await ctx.scheduler.runAfter(0, internal.upgrade.runner.run, {});
  const { keyConfigured, problem } = await readKeyStatus(ctx);
  const resealing = keyConfigured && problem === null;
  if (resealing) await startReseal(ctx);
  return { resealing };
}

export async function readUpgradeStatus(ctx: QueryCtx): Promise<UpgradeStatus> {
  const { conversations, messages } = await countLegacyRows(ctx, UPGRADE_COUNT_LIMIT);
  const histories = await countLegacyHistories(ctx, UPGRADE_COUNT_LIMIT);
  const { staleRows: secrets, keyConfigured, problem } = await readKeyStatus(ctx);
  const left = conversations + messages + histories + secrets;
  return {
    ...{ done: left === 0, conversations, messages, histories, secrets },
    problem: problem ?? (keyConfigured || secrets === 0 ? null : "SECRETS_KEY is not set."),
  };
}

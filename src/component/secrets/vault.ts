/**
 * The only functions that carry values: internal reads for actions, and the job that re-seals rows under the current
 * key. Neither values nor keys are arguments of anything that is scheduled.
 */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { internalMutation, internalQuery } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { isAgentFactoryError } from "../../shared/errors.js";
import { seal } from "./envelope.js";
import { currentKey, openRow } from "./keyring.js";
import { boundKeyring, openActiveSecret, openFirstActiveSecret } from "./ops.js";
import { findStaleBatch } from "./store.js";
import { SEAL_ALGORITHM } from "./validators.js";

/** The active value of `ref`, or null. @throws SECRET_UNREADABLE */
export const readActive = internalQuery({
  args: { ref: v.string() },
  returns: v.union(v.null(), v.string()),
  handler: async (ctx, { ref }): Promise<string | null> => await openActiveSecret(ctx, ref),
});

/** The value of the first of `refs` that has one, or null. @throws SECRET_UNREADABLE */
export const readFirstActive = internalQuery({
  args: { refs: v.array(v.string()) },
  returns: v.union(v.null(), v.object({ ref: v.string(), value: v.string() })),
  handler: async (ctx, { refs }): Promise<{ ref: string; value: string } | null> =>
    await openFirstActiveSecret(ctx, refs),
});

/**
 * One batch: rows of another key or of 3.x get the same value under the current key, with ref and version kept.
 * What no bound key opens is counted and left. Schedules itself until the end; stops when the key changes meanwhile.
 */
export const resealBatch = internalMutation({
  args: {
    targetKeyId: v.string(),
    cursor: v.object({ keyId: v.string(), after: v.number() }),
    resealed: v.number(),
    unreadable: v.number(),
  },
  returns: v.object({ done: v.boolean(), resealed: v.number(), unreadable: v.number() }),
  handler: async (ctx, { targetKeyId, cursor, ...counts }) => {
    const keyring = boundKeyring();
    const key = await currentKey(keyring);
    if (key.keyId !== targetKeyId) {
      log("warn", "secrets.reseal_superseded", { targetKeyId, keyId: key.keyId });
      return { done: true, ...counts };
    }
    let { resealed, unreadable } = counts;
    const batch = await findStaleBatch(ctx, targetKeyId, cursor);
    for (const row of batch) {
      const value = await openRow(keyring, row).catch((error: unknown) => {
        if (!isAgentFactoryError(error)) throw error;
        log("warn", "secrets.reseal_unreadable", {
          secretRef: row.secretRef,
          version: row.version,
        });
        return null;
      });
      if (value === null) {
        unreadable += 1;
        continue;
      }
      resealed += 1;
      await ctx.db.patch("secrets", row._id, {
        encryptedValue: await seal(key, row, value),
        keyId: key.keyId,
        algorithm: SEAL_ALGORITHM,
      });
    }
    const last = batch.at(-1);
    if (last === undefined) {
      log("info", "secrets.reseal_done", { keyId: key.keyId, resealed, unreadable });
      return { done: true, resealed, unreadable };
    }
    await ctx.scheduler.runAfter(0, internal.secrets.vault.resealBatch, {
      targetKeyId,
      cursor: { keyId: last.keyId, after: last._creationTime },
      resealed,
      unreadable,
    });
    return { done: false, resealed, unreadable };
  },
});

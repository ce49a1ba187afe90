/** Pairings of 3.0.x do not say through which bot they were made: they are marked, and must be made again. */
import { countProfilesWithoutBot } from "../agents/ops.js";
import type { MutationCtx } from "../kit/functions.js";
import type { Binding, PairingCode } from "./store.js";
import type { SoftResetReport } from "./validators.js";

/** Rows of each kind per call: one write each, and callers repeat while `more`. */
const BATCH_SIZE = 200;

export type SoftReset = { revokeActiveBindings: boolean; expirePendingPairings: boolean };

export async function softReset(
  ctx: MutationCtx,
  flags: SoftReset,
  now: number,
): Promise<SoftResetReport> {
  const active = await legacyBindings(ctx, "active");
  const revoked = await legacyBindings(ctx, "revoked");
  const pending = await ctx.db
    .query("pairingCodes")
    .withIndex("by_botIdentity_and_status", (q) =>
      q.eq("botIdentity", undefined).eq("status", "pending"),
    )
    .take(BATCH_SIZE);
  const fresh = [...active, ...revoked].filter(isUnmarked);
  for (const binding of fresh) await mark(ctx, binding, now);
  if (flags.revokeActiveBindings)
    for (const binding of active)
      await ctx.db.patch("identityBindings", binding._id, { status: "revoked", revokedAt: now });
  if (flags.expirePendingPairings) for (const code of pending) await expire(ctx, code);

  const revokedBindings = flags.revokeActiveBindings ? active.length : 0;
  const expiredPairings = flags.expirePendingPairings ? pending.length : 0;
  return {
    revokedBindings,
    annotatedBindings: fresh.length,
    expiredPairings,
    pendingPairingsMissingBotIdentity: pending.length,
    legacyBindingsMissingBotIdentity: active.length + revoked.length,
    profilesMissingBotIdentity: await countProfilesWithoutBot(ctx),
    more: revokedBindings === BATCH_SIZE || expiredPairings === BATCH_SIZE,
  };
}

/** Newest first: what was marked before is behind what came since. */
async function legacyBindings(ctx: MutationCtx, status: Binding["status"]): Promise<Binding[]> {
  return await ctx.db
    .query("identityBindings")
    .withIndex("by_botIdentity_and_source_and_status", (q) =>
      q.eq("botIdentity", undefined).eq("source", "telegram_pairing").eq("status", status),
    )
    .order("desc")
    .take(BATCH_SIZE);
}

function isUnmarked(binding: Binding): boolean {
  return binding.metadata?.["softResetReason"] === undefined;
}

async function mark(ctx: MutationCtx, binding: Binding, now: number): Promise<void> {
  await ctx.db.patch("identityBindings", binding._id, {
    metadata: {
      ...binding.metadata,
      softResetReason: "missing_bot_identity",
      softResetAt: String(now),
      softResetMode: "telegram_bot_identity_v1",
    },
  });
}

async function expire(ctx: MutationCtx, code: PairingCode): Promise<void> {
  await ctx.db.patch("pairingCodes", code._id, { status: "expired" });
}

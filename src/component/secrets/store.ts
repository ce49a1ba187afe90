/** Rows of `secrets`: found by ref, by version and by the key that sealed them. */
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import { KEPT_FORMER_VERSIONS, MAX_STALE_COUNT, PRUNE_BATCH, RESEAL_BATCH } from "./validators.js";

export type Reader = Pick<QueryCtx, "db">;
export type SecretRow = Doc<"secrets">;
/** Before every stored key id and every creation time. */
export const RESEAL_START: ResealCursor = { keyId: "", after: 0 };
/** Rows of `keyId` up to `after` were seen, and all rows of smaller key ids. */
export type ResealCursor = { keyId: string; after: number };

/** More than one active row per ref should not exist; if it does, this many are put right at once. */
const MAX_ACTIVE_ROWS = 20;
/** Rows of one ref that one purge deletes. */
const PURGE_BATCH = 100;

/** The newest active row: there is at most one, but a duplicate must not lock everybody out. */
export async function findActive(ctx: Reader, secretRef: string): Promise<SecretRow | null> {
  return await ctx.db
    .query("secrets")
    .withIndex("by_secretRef_and_active", (q) => q.eq("secretRef", secretRef).eq("active", true))
    .order("desc")
    .first();
}

export async function findNewestVersion(ctx: Reader, secretRef: string): Promise<number> {
  const newest = await ctx.db
    .query("secrets")
    .withIndex("by_secretRef_and_version", (q) => q.eq("secretRef", secretRef))
    .order("desc")
    .first();
  return newest?.version ?? 0;
}

/** Deactivates every active row of the ref; returns the highest version among them. */
export async function deactivateAll(ctx: MutationCtx, secretRef: string): Promise<number | null> {
  const active = await ctx.db
    .query("secrets")
    .withIndex("by_secretRef_and_active", (q) => q.eq("secretRef", secretRef).eq("active", true))
    .take(MAX_ACTIVE_ROWS);
  for (const row of active) await ctx.db.patch("secrets", row._id, { active: false });
  return active.length === 0 ? null : Math.max(...active.map((row) => row.version));
}

/** Deletes what is older than the kept former versions of `newestVersion`. */
export async function pruneFormer(
  ctx: MutationCtx,
  secretRef: string,
  newestVersion: number,
): Promise<void> {
  const old = await ctx.db
    .query("secrets")
    .withIndex("by_secretRef_and_version", (q) =>
      q.eq("secretRef", secretRef).lt("version", newestVersion - KEPT_FORMER_VERSIONS),
    )
    .take(PRUNE_BATCH);
  for (const row of old) await ctx.db.delete("secrets", row._id);
}

/** Deletes the oldest rows of the ref, a bounded number of them. */
export async function deleteVersions(ctx: MutationCtx, secretRef: string): Promise<number> {
  const rows = await ctx.db
    .query("secrets")
    .withIndex("by_secretRef_and_version", (q) => q.eq("secretRef", secretRef))
    .take(PURGE_BATCH);
  for (const row of rows) await ctx.db.delete("secrets", row._id);
  return rows.length;
}

/** The next rows that `currentKeyId` did not seal; empty at the end. All of one key. */
export async function findStaleBatch(
  ctx: Reader,
  currentKeyId: string,
  cursor: ResealCursor,
): Promise<SecretRow[]> {
  const { keyId, after } = cursor;
  if (keyId !== currentKeyId) {
    const rest = await ctx.db
      .query("secrets")
      .withIndex("by_keyId", (q) => q.eq("keyId", keyId).gt("_creationTime", after))
      .take(RESEAL_BATCH);
    if (rest.length > 0) return rest;
  }
  const next = await findNextKeyId(ctx, currentKeyId, keyId);
  if (next === null) return [];
  return await ctx.db
    .query("secrets")
    .withIndex("by_keyId", (q) => q.eq("keyId", next))
    .take(RESEAL_BATCH);
}

async function findNextKeyId(
  ctx: Reader,
  currentKeyId: string,
  keyId: string,
): Promise<string | null> {
  for (const from of [keyId, currentKeyId]) {
    const row = await ctx.db
      .query("secrets")
      .withIndex("by_keyId", (q) => q.gt("keyId", from))
      .first();
    if (row === null) return null;
    if (row.keyId !== currentKeyId) return row.keyId;
  }
  return null;
}

/** Rows that `currentKeyId` did not seal (all rows, without one), counted up to a bound. */
export async function countStale(ctx: Reader, currentKeyId: string | null): Promise<number> {
  if (currentKeyId === null) return (await ctx.db.query("secrets").take(MAX_STALE_COUNT)).length;
  const before = await ctx.db
    .query("secrets")
    .withIndex("by_keyId", (q) => q.lt("keyId", currentKeyId))
    .take(MAX_STALE_COUNT);
  const after = await ctx.db
    .query("secrets")
    .withIndex("by_keyId", (q) => q.gt("keyId", currentKeyId))
    .take(MAX_STALE_COUNT - before.length);
  return before.length + after.length;
}

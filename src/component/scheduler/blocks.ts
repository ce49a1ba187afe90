/** What keeps machines from being created: one answer for the plan and for everybody who explains it. */
import { isCleanupRunning } from "../kit/wake.js";
import type { Doc, QueryCtx } from "../kit/functions.js";
import { findGateBlock } from "../providers/ops.js";

export type SpawnState = Pick<
  Doc<"schedulerState">,
  "spawnBlock" | "spawnNotBefore" | "cleanupUntil" | "lastPassAt"
>;

/** Creating is off since `since` and until `until` at least; epoch ms. */
export type SpawnBlock = { kind: string; message: string; since: number; until: number };

/** Null: machines may be created in `appName`. A provider that is down outweighs what it said before. */
export async function findSpawnBlock(
  ctx: QueryCtx,
  state: SpawnState | null,
  appName: string | null,
  now: number,
): Promise<SpawnBlock | null> {
  if (state !== null && isCleanupRunning(state, now)) {
    const message = "a cleanup destroys the machines";
    return { kind: "cleanup", message, since: now, until: state.cleanupUntil ?? now };
  }
  const gate = appName === null ? null : await findGateBlock(ctx, appName, now);
  if (gate !== null) return gate;
  const until = state?.spawnNotBefore ?? 0;
  if (until <= now) return null;
  return {
    kind: state?.spawnBlock?.kind ?? "backoff",
    message: state?.spawnBlock?.message ?? "creating machines is backing off after a failure",
    since: state?.spawnBlock?.at ?? state?.lastPassAt ?? now,
    until,
  };
}

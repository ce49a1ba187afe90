/** The scheduler's door for later rooms: its outlook on one conversation, and a cleanup's hold on it. */
import { MINUTE_MS } from "../../shared/time.js";
import type { MutationCtx, QueryCtx } from "../kit/functions.js";
import { isPassRunning, loadSchedulerState, requestPass, SCHEDULER_KEY } from "../kit/wake.js";
import { planPass } from "./plan.js";
import { loadWorld } from "./world.js";

export { loadLiveWorkers } from "./world.js";

const HOLD_SLACK_MS = MINUTE_MS;

export type SpawnOutlook = {
  /** What the next pass decides about the conversation; null when it has a worker, or is beyond the pass's view. */
  decision: { kind: "spawn" | "hold"; reason: string } | null;
  /** A provider whose config is complete is stored. */
  configured: boolean;
  /** As many machines are live as the policy allows. */
  full: boolean;
  /** Creating machines is off until this time, for this reason. */
  block: { kind: string; message: string; since: number; until: number } | null;
  passRunning: boolean;
  nextPassAt: number | null;
};

export async function spawnOutlook(
  ctx: QueryCtx,
  conversationId: string,
  now: number,
): Promise<SpawnOutlook> {
  const state = await ctx.db
    .query("schedulerState")
    .withIndex("by_key", (q) => q.eq("key", SCHEDULER_KEY))
    .unique();
  const { world, policy, providerConfig } = await loadWorld(ctx, state, null, now);
  const decision = planPass(world, policy, now).find(
    (one) => (one.kind === "spawn" || one.kind === "hold") && one.conversationId === conversationId,
  );
  const until = state?.spawnNotBefore ?? 0;
  return {
    decision:
      decision?.kind === "spawn" || decision?.kind === "hold"
        ? { kind: decision.kind, reason: decision.reason }
        : null,
    configured: providerConfig !== null,
    full: world.workers.length >= policy.scaling.maxWorkers,
    block:
      until > now
        ? {
            kind: state?.spawnBlock?.kind ?? "backoff",
            message: world.spawnBlock ?? "creating machines is backing off",
            since: state?.spawnBlock?.at ?? state?.lastPassAt ?? now,
            until,
          }
        : null,
    passRunning: state !== null && isPassRunning(state, now),
    nextPassAt: state?.wakeAt ?? null,
  };
}

/** While a cleanup runs no machine is created; null: it is over, and what waits gets its machines. */
export async function holdForCleanup(
  ctx: MutationCtx,
  until: number | null,
  now: number,
): Promise<void> {
  const state = await loadSchedulerState(ctx);
  // Every enqueue reads this row: it is not written with every step of a cleanup.
  if (until !== null && (state.cleanupUntil ?? 0) >= until - HOLD_SLACK_MS) return;
  await ctx.db.patch("schedulerState", state._id, { cleanupUntil: until ?? undefined });
  if (until === null) await requestPass(ctx, now, now);
}

/** The scheduler's door for later rooms: its outlook on one conversation, what it saw, and a cleanup's hold on it. */
import { MINUTE_MS } from "../../shared/time.js";
import type { MutationCtx, QueryCtx } from "../kit/functions.js";
import { loadConversation } from "../conversations/ops.js";
import { isPassRunning, loadSchedulerState, requestPass } from "../kit/wake.js";
import { openBudgets } from "../spend/ops.js";
import type { SpawnBlock } from "./blocks.js";
import { countMachines } from "./facts.js";
import { planPass } from "./plan.js";
import { readSchedulerState } from "./reading.js";
import { loadWorld } from "./world.js";

export { findSpawnBlock } from "./blocks.js";
export { healthUrlOf } from "./environment.js";
export { probeGateway } from "./probe.js";
export { readSchedulerState } from "./reading.js";
export type { PassSetup } from "./setup.js";
export { takeOverOrphan } from "./reservations.js";
export { listSightings } from "./sightings.js";
export { countWaiting, loadLiveWorkers } from "./world.js";

const HOLD_SLACK_MS = MINUTE_MS;

export type SpawnOutlook = {
  /** What the next pass decides about the conversation; null when it has a worker, or is beyond the pass's view. */
  decision: { kind: "spawn" | "hold"; reason: string } | null;
  /** A provider whose config is complete is stored. */
  configured: boolean;
  /** As many machines are live as the policy allows. */
  full: boolean;
  /** Creating machines is off until this time, for this reason. */
  block: SpawnBlock | null;
  /** The used-up budget that its agent lives on. */
  budget?: { message: string; resetsAt: number } | null;
  passRunning: boolean;
  nextPassAt: number | null;
};

/** Of a conversation that the plan did not look at, behind many others. */
async function budgetOf(ctx: QueryCtx, conversationId: string, now: number) {
  const conversation = await loadConversation(ctx, conversationId);
  if (conversation === null || conversation.ownerWorkerId !== undefined) return null;
  return await (
    await openBudgets(ctx, now)
  )(conversation.agentKey);
}

/** What the scheduler would do about one conversation, without doing it. */
export async function spawnOutlook(
  ctx: QueryCtx,
  conversationId: string,
  now: number,
): Promise<SpawnOutlook> {
  const state = await readSchedulerState(ctx);
  const { world, policy, providerConfig, spawnBlock } = await loadWorld(ctx, state, null, now);
  const decision = planPass(world, policy, now).find(
    (one) => (one.kind === "spawn" || one.kind === "hold") && one.conversationId === conversationId,
  );
  const demand = world.demand.find((one) => one.conversationId === conversationId);
  return {
    decision:
      decision?.kind === "spawn" || decision?.kind === "hold"
        ? { kind: decision.kind, reason: decision.reason }
        : null,
    configured: providerConfig !== null,
    budget:
      demand === undefined ? await budgetOf(ctx, conversationId, now) : (demand.overBudget ?? null),
    full: countMachines(world.workers) >= policy.scaling.maxWorkers,
    block: spawnBlock,
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

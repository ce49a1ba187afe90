/** How long to wait after failures, and what a failure to create a machine does to all creations. */
import { redact } from "../../shared/redact.js";
import { MINUTE_MS, SECOND_MS } from "../../shared/time.js";
import type { MutationCtx } from "../kit/functions.js";
import { loadSchedulerState } from "../kit/wake.js";
import { BLOCKED_RETRY_MS } from "./validators.js";

export const CREATE_BACKOFF_MS = 5 * SECOND_MS;
export const TEARDOWN_BACKOFF_MS = 3 * SECOND_MS;
const MAX_BACKOFF_MS = 2 * MINUTE_MS;
/** A machine that ends before it calls home costs a boot, and its successor will hardly fare better. */
const BOOT_BACKOFF_MS = 15 * SECOND_MS;
const MAX_BOOT_BACKOFF_MS = 10 * MINUTE_MS;

export function backoffMs(baseMs: number, attempts: number, maxMs = MAX_BACKOFF_MS): number {
  return Math.min(maxMs, baseMs * 2 ** Math.max(0, attempts - 1));
}

/** Creating is off for a while; `pauseMs` null: until it is worth another look, as an operator must mend something. */
export async function holdSpawns(
  ctx: MutationCtx,
  block: { kind: string; message: string; pauseMs: number | null },
  now: number,
): Promise<void> {
  const state = await loadSchedulerState(ctx);
  const { kind, message } = block;
  await ctx.db.patch("schedulerState", state._id, {
    spawnNotBefore: now + (block.pauseMs ?? BLOCKED_RETRY_MS),
    spawnBlock: { kind, message: redact(message, 500), at: now },
  });
}

/** A machine ended, or stayed silent, without ever calling home: every further one waits longer. */
export async function noteBootFailure(ctx: MutationCtx, now: number): Promise<void> {
  const state = await loadSchedulerState(ctx);
  const count = (state.bootFailures?.count ?? 0) + 1;
  await ctx.db.patch("schedulerState", state._id, { bootFailures: { count, at: now } });
  const message = `the last machine ended before it called home (${count} in a row): look at its image and its logs`;
  const pauseMs = backoffMs(BOOT_BACKOFF_MS, count, MAX_BOOT_BACKOFF_MS);
  await holdSpawns(ctx, { kind: "boot", message, pauseMs }, now);
}

/** The provider creates machines again. */
export async function forgetCreateFailures(ctx: MutationCtx): Promise<void> {
  const state = await loadSchedulerState(ctx);
  if (state.spawnFailures === undefined) return;
  await ctx.db.patch("schedulerState", state._id, {
    spawnFailures: undefined,
    spawnNotBefore: undefined,
    spawnBlock: undefined,
  });
}

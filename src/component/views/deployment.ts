/** Loads what concerns the whole deployment: a fixed number of rows and every budget. */
import type { QueryCtx } from "../kit/functions.js";
import { isPassRunning } from "../kit/wake.js";
import { countWaiting, findSpawnBlock, readSchedulerState } from "../scheduler/ops.js";
import { hasActiveSecret } from "../secrets/ops.js";
import { findProviderConfigProblem, loadProviderConfig } from "../settings/ops.js";
import { listBudgetStates } from "../spend/ops.js";
import { findConditions } from "./conditions.js";
import { MACHINE_SECRETS, type Condition } from "./validators.js";

export async function readConditions(ctx: QueryCtx, now: number): Promise<Condition[]> {
  const state = await readSchedulerState(ctx);
  const config = await loadProviderConfig(ctx);
  const missingSecrets = [];
  for (const ref of MACHINE_SECRETS)
    if (!(await hasActiveSecret(ctx, ref))) missingSecrets.push(ref);
  return findConditions({
    now,
    configProblem:
      config === null
        ? "No provider config is stored: call setProviderRuntimeConfig."
        : (findProviderConfigProblem(config)?.message ?? null),
    missingSecrets,
    spawnBlock: await findSpawnBlock(ctx, state, config?.appName ?? null, now),
    lastPass:
      state?.lastPassAt === undefined
        ? null
        : { at: state.lastPassAt, errors: state.lastPassErrors ?? [] },
    wakeAt: state?.wakeAt ?? null,
    passRunning: state !== null && isPassRunning(state, now),
    budgets: await listBudgetStates(ctx, now),
    waiting: await countWaiting(ctx),
  });
}

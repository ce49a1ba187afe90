/** What cleanups read: where they go, and what the rows of their runs know. */
import { v } from "convex/values";
import { errorMessage } from "../../shared/errors.js";
import { vProviderConfig } from "../config.js";
import { internalQuery, type Doc, type QueryCtx } from "../kit/functions.js";
import { SCHEDULER_KEY } from "../kit/wake.js";
import { openActiveSecret } from "../secrets/ops.js";
import { loadProviderConfig } from "../settings/ops.js";
import { toReport } from "./policy.js";
import { MAX_RUNS, NOTHING, vCleanupReport, vTally, type CleanupRunView } from "./validators.js";

export type CleanupRun = Doc<"cleanupRuns">;

/** Where a cleanup goes. Plaintext goes to the action only. */
export const target = internalQuery({
  args: { providerConfig: v.optional(vProviderConfig) },
  handler: async (ctx, args) => {
    const config = args.providerConfig ?? (await loadProviderConfig(ctx));
    const state = await ctx.db
      .query("schedulerState")
      .withIndex("by_key", (q) => q.eq("key", SCHEDULER_KEY))
      .unique();
    let storedToken: string | null = null;
    let tokenProblem: string | null = null;
    try {
      storedToken = await openActiveSecret(ctx, "fly.apiToken");
    } catch (error) {
      // The caller notes it: a cron's failure must be seen as well.
      tokenProblem = errorMessage(error);
    }
    return {
      kind: config?.kind ?? "fly",
      appName: config?.appName.trim() ?? "",
      apiBaseUrl: config?.apiBaseUrl ?? null,
      deploymentId: state?.deploymentId ?? "",
      storedToken,
      tokenProblem,
    };
  },
});

/** What the run knows. */
export const tallies = internalQuery({
  args: { runId: v.id("cleanupRuns") },
  returns: v.object({ machines: vTally, volumes: vTally }),
  handler: async (ctx, { runId }) => {
    const run = await ctx.db.get("cleanupRuns", runId);
    return { machines: run?.machines ?? NOTHING, volumes: run?.volumes ?? NOTHING };
  },
});

/** The report of the newest run of this app. */
export const report = internalQuery({
  args: { appName: v.string() },
  returns: vCleanupReport,
  handler: async (ctx, { appName }) => {
    const run = (await newest(ctx)).find((one) => one.appName === appName);
    return toReport(run ?? { appName, machines: NOTHING, volumes: NOTHING, issues: [] });
  },
});

async function newest(ctx: QueryCtx): Promise<CleanupRun[]> {
  return await ctx.db.query("cleanupRuns").order("desc").take(MAX_RUNS);
}

export async function loadLatest(ctx: QueryCtx): Promise<CleanupRunView | null> {
  const [run] = await newest(ctx);
  if (run === undefined) return null;
  const { state, phase, scope, startedAt, updatedAt } = run;
  return {
    ...toReport(run),
    ...{ state, phase, scope, startedAt, updatedAt },
    finishedAt: run.finishedAt ?? null,
    error: run.error ?? null,
  };
}

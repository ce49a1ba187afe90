/**
 * The action of a cleanup. It begins anew from the provider's lists whenever it is gone on with, so it may die anywhere;
 * what was proven stays in the run's row.
 */
import { v } from "convex/values";
import { agentFactoryError, errorMessage } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import type { ProviderConfig } from "../config.js";
import { internalAction, type ActionCtx, type Id } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { ProviderError } from "../providers/ops.js";
import { Chunk, Superseded, type Access } from "./chunk.js";
import { boundedConcurrency, toReport } from "./policy.js";
import type { CleanupRun } from "./reports.js";
import { connect, survey } from "./survey.js";
import {
  CHUNK_MS,
  MACHINE_CONCURRENCY,
  VOLUME_CONCURRENCY,
  type CleanupReport,
  type CleanupScope,
} from "./validators.js";

const NO_TOKEN = "Missing active 'fly.apiToken' secret. Import it before running Fly cleanup.";
const DRY_RUN = "Dry run: nothing was touched; what is listed as remaining would be deleted.";
const OUT_OF_TIME =
  "It ran out of time and cannot go on by itself, as its token was given. Call it again.";
const GOES_ON = "Fly cleanup goes on in the background; lastCleanupReport shows how far it is.";
const UNDER_WAY =
  "Another Fly cleanup of this app is under way; this is its report so far, see lastCleanupReport.";

/** So many actions of a run may end in the provider's trouble before the run does. */
const MAX_CHUNKS_IN_TROUBLE = 4;
const TROUBLE_PAUSE_MS = 15_000;

export type CleanupArgs = {
  flyApiToken?: string | undefined;
  providerConfig?: ProviderConfig | undefined;
  machineConcurrency?: number | undefined;
  volumeConcurrency?: number | undefined;
  scope?: CleanupScope | undefined;
  dryRun?: boolean | undefined;
};

/** See `runFlyCleanup`. */
export async function cleanUp(ctx: ActionCtx, args: CleanupArgs): Promise<CleanupReport> {
  const { storedToken, kind, deploymentId, tokenProblem, ...where } = await ctx.runQuery(
    internal.cleanup.reports.target,
    args.providerConfig === undefined ? {} : { providerConfig: args.providerConfig },
  );
  const given = args.flyApiToken?.trim() ?? "";
  const token = given === "" ? storedToken : given;
  const scope = args.scope ?? "app";
  const { appName, apiBaseUrl } = where;
  const request = {
    ...{ appName, scope, tokenGiven: given !== "" },
    ...(apiBaseUrl === null ? {} : { apiBaseUrl }),
    machineConcurrency: boundedConcurrency(args.machineConcurrency, MACHINE_CONCURRENCY),
    volumeConcurrency: boundedConcurrency(args.volumeConcurrency, VOLUME_CONCURRENCY),
  };
  const noToken = () =>
    tokenProblem === null ? missingToken() : agentFactoryError("SECRET_UNREADABLE", tokenProblem);
  const problem = findProblem(kind, appName) ?? (token === null ? noToken() : null);
  if (problem !== null || token === null) {
    const error = problem ?? noToken();
    if (args.dryRun !== true) {
      const refused = { ...request, error: errorMessage(error) };
      await ctx.runMutation(internal.cleanup.runs.refused, refused);
    }
    throw error;
  }
  const access = { token, deploymentId };
  if (args.dryRun === true) return await lookOnly(ctx, { ...where, scope }, access);
  const run: CleanupRun | null = await ctx.runMutation(internal.cleanup.runs.begin, request);
  const over = run !== null && (await runChunk(ctx, run, access));
  const report: CleanupReport = await ctx.runQuery(internal.cleanup.reports.report, { appName });
  if (over) return report;
  if (run?.tokenGiven === true) return { ...report, errors: [...report.errors, OUT_OF_TIME] };
  return { ...report, warnings: [...report.warnings, run === null ? UNDER_WAY : GOES_ON] };
}

function findProblem(kind: string, appName: string): Error | null {
  if (kind !== "fly") {
    const message = "Fly cleanup requires a Fly provider configuration.";
    return agentFactoryError("PROVIDER_UNSUPPORTED", message);
  }
  if (appName !== "") return null;
  const message = "Fly cleanup requires a non-empty Fly app name.";
  return agentFactoryError("CONFIG_INCOMPLETE", message, { field: "appName" });
}

const missingToken = () => agentFactoryError("SECRET_MISSING", NO_TOKEN);

async function lookOnly(
  ctx: ActionCtx,
  where: { appName: string; apiBaseUrl: string | null; scope: CleanupScope },
  access: Access,
): Promise<CleanupReport> {
  try {
    const provider = connect(ctx, where, access.token);
    await provider.checkAccess();
    const seen = await survey(ctx, provider, where, access.deploymentId);
    const of = (remaining: string[]) => ({ found: remaining, gone: [], remaining });
    const machines = of(seen.machines.map(({ machineId }) => machineId));
    const volumes = of(seen.volumes.map(({ volumeId }) => volumeId));
    const { appName } = where;
    return { ...toReport({ appName, machines, volumes, issues: [] }), warnings: [DRY_RUN] };
  } catch (error) {
    throw asConvexError(error);
  }
}

/** Goes on with a run whose action died or ran out of time. */
export const goOn = internalAction({
  args: { runId: v.id("cleanupRuns"), afterChunk: v.number() },
  returns: v.null(),
  handler: async (ctx, args): Promise<null> => {
    const run: CleanupRun | null = await ctx.runMutation(internal.cleanup.runs.resume, args);
    if (run === null) return null;
    const hold = { runId: run._id, chunk: run.chunk };
    try {
      const { storedToken, deploymentId } = await ctx.runQuery(internal.cleanup.reports.target, {});
      if (storedToken === null) throw missingToken();
      await runChunk(ctx, run, { token: storedToken, deploymentId });
    } catch (error) {
      // Nothing happens where the run has been ended with its error.
      await ctx.runMutation(internal.cleanup.runs.end, { ...hold, error: errorMessage(error) });
      log("error", "cleanup_failed", { runId: run._id, error: errorMessage(error) });
    }
    return null;
  },
});

/**
 * Works on the run until it is over, or until the action's time is. True when it is over.
 * @throws ConvexError PROVIDER_FAILED with the provider's words; the run has failed then
 */
async function runChunk(ctx: ActionCtx, run: CleanupRun, access: Access): Promise<boolean> {
  const hold = { runId: run._id, chunk: run.chunk };
  try {
    const over = await new Chunk(ctx, run, access, Date.now() + CHUNK_MS).run();
    if (over) await ctx.runMutation(internal.cleanup.runs.end, { ...hold, error: null });
    else await handOver(ctx, hold, run.tokenGiven);
    return over;
  } catch (error) {
    if (error instanceof Superseded) return false;
    // Once there is something to go on with; who asks at a bad time is told so at once.
    const { machines, volumes } = await ctx.runQuery(internal.cleanup.reports.tallies, {
      runId: run._id,
    });
    const hasBegun = machines.found.length + volumes.found.length > 0;
    const mayRetry = !run.tokenGiven && run.chunk < MAX_CHUNKS_IN_TROUBLE;
    if (isPassing(error) && hasBegun && mayRetry) {
      log("warn", "cleanup_interrupted", { runId: run._id, error: errorMessage(error) });
      await handOver(ctx, hold, false, TROUBLE_PAUSE_MS);
      return false;
    }
    const message = errorMessage(error);
    await ctx.runMutation(internal.cleanup.runs.end, { ...hold, error: message });
    throw asConvexError(error);
  }
}

async function handOver(
  ctx: ActionCtx,
  hold: { runId: Id<"cleanupRuns">; chunk: number },
  tokenGiven: boolean,
  afterMs = 0,
): Promise<void> {
  if (tokenGiven) {
    await ctx.runMutation(internal.cleanup.runs.end, { ...hold, error: OUT_OF_TIME });
    return;
  }
  await ctx.scheduler.runAfter(afterMs, internal.cleanup.cleaner.goOn, {
    runId: hold.runId,
    afterChunk: hold.chunk,
  });
}

/** Trouble of the provider that may be over in a moment. */
function isPassing(error: unknown): boolean {
  return error instanceof ProviderError && ["transient", "rateLimited"].includes(error.kind);
}

function asConvexError(error: unknown): unknown {
  if (!(error instanceof ProviderError)) return error;
  const { status } = error.details;
  const details = { kind: error.kind, ...(status === undefined ? {} : { status }) };
  return agentFactoryError("PROVIDER_FAILED", error.message, details);
}

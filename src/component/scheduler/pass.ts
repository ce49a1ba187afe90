/** The action of a pass: look around, have the plan written, carry out its effects, give the pass back. */
import { errorMessage } from "../../shared/errors.js";
import { internal } from "../_generated/api.js";
import type { ProviderConfig } from "../config.js";
import type { ActionCtx } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { PASS_LEASE_MS } from "../kit/wake.js";
import { ProviderError, governedProvider, type WorkerProvider } from "../providers/ops.js";
import { findProviderConfigProblem } from "../settings/ops.js";
import { observe, runEffects, type PassContext } from "./effects.js";
import { healthUrlOf } from "./environment.js";
import { probeGateway } from "./probe.js";
import type { PassSetup } from "./setup.js";
import type { Observation, PassReport } from "./validators.js";

/** A gateway that answered is not asked again for this long. */
const GATEWAY_CHECK_TTL_MS = 10 * 60_000;
/** Effects begin this long after the pass at most: the slowest one then still ends within the lease of the pass. */
const EFFECTS_WITHIN_MS = PASS_LEASE_MS / 2;

/** A call that the provider wants later than this is left to the next pass, which is woken then. */
const PATIENCE_MS = 10_000;

export type PassOverrides = {
  flyApiToken?: string | undefined;
  convexUrl?: string | undefined;
  workspaceId?: string | undefined;
};

/**
 * Runs one pass under `passId` and gives it back, whatever happens. Missing credentials are an error only when
 * something has to be done with them.
 */
export async function runPass(
  ctx: ActionCtx,
  passId: string,
  overrides: PassOverrides,
): Promise<PassReport & { errors: string[] }> {
  const errors: string[] = [];
  const startedAt = Date.now();
  let spawned = 0;
  let terminated = 0;
  try {
    if (await ctx.runMutation(internal.scheduler.reserve.prepare, { passId })) {
      const setup: PassSetup = await ctx.runQuery(internal.scheduler.setup.load, {});
      const pass = passContext(ctx, setup, overrides, startedAt);
      const observation = await lookAround(ctx, setup, pass, errors);
      const plan = await ctx.runMutation(internal.scheduler.reserve.commit, {
        passId,
        observation,
        askedApps: setup.apps.map(({ appName }) => appName),
        hasToken: pass.hasToken,
      });
      spawned = plan.spawned;
      terminated = (await runEffects(ctx, plan.effects, pass, errors)).terminated;
    }
  } catch (error) {
    errors.push(errorMessage(error));
    log("error", "pass_failed", { passId, error: errorMessage(error) });
  }
  const end = await ctx.runMutation(internal.scheduler.loop.finish, { passId, errors });
  if (errors.length > 0)
    log("warn", "pass_errors", { passId, first: errors[0], count: errors.length });
  return { activeWorkers: end.activeWorkers, spawned, terminated, errors };
}

export const MISSING_TOKEN =
  "Missing Fly API token. Import an active 'fly.apiToken' secret or pass flyApiToken explicitly.";
export const MISSING_URL =
  "Missing Convex URL. Import an active 'convex.url' secret or pass convexUrl explicitly.";

/**
 * What can be seen: the machines of every app that has or may get any. Without a token nothing can, and the pass goes
 * on with the rows alone; that is an error only when something is to be done at the provider.
 */
async function lookAround(
  ctx: ActionCtx,
  setup: PassSetup,
  pass: PassContext,
  errors: string[],
): Promise<Observation> {
  const configured = isUsable(setup.providerConfig) ? [setup.providerConfig.appName] : [];
  const wants =
    configured.length > 0 && (await ctx.runQuery(internal.scheduler.setup.wantsMachines, {}));
  if (!pass.hasToken) {
    if (wants || setup.workerApps.length > 0) errors.push(MISSING_TOKEN);
    if (wants)
      await ctx.runMutation(internal.scheduler.records.blockSpawns, {
        kind: "config",
        message: MISSING_TOKEN,
      });
    return { apps: [] };
  }
  if (wants) await checkAddress(ctx, setup, pass.convexUrl, errors);
  return await observe(setup.apps, pass, errors);
}

function isUsable(config: ProviderConfig | null): config is ProviderConfig {
  return config !== null && findProviderConfigProblem(config) === null;
}

function passContext(
  ctx: ActionCtx,
  setup: PassSetup,
  overrides: PassOverrides,
  startedAt: number,
): PassContext {
  const token = overrides.flyApiToken ?? setup.flyApiToken;
  const { kind = "fly", apiBaseUrl } = setup.providerConfig ?? {};
  const providers = new Map<string, WorkerProvider>();
  return {
    deploymentId: setup.deploymentId,
    convexUrl: overrides.convexUrl ?? setup.convexUrl ?? "",
    workspaceId: overrides.workspaceId ?? "default",
    hasToken: token !== null,
    noEffectAfter: startedAt + EFFECTS_WITHIN_MS,
    provider: (appName) => {
      if (token === null) throw new ProviderError("auth", MISSING_TOKEN);
      const known = providers.get(appName);
      if (known !== undefined) return known;
      const made = governedProvider(ctx, { kind, appName, apiBaseUrl }, token, PATIENCE_MS);
      providers.set(appName, made);
      return made;
    },
  };
}

/**
 * Before machines are created: the address they would call must be known and mounted. If not, creating is blocked
 * with the sentence that says what to do; everything else of the pass, teardown above all, goes on.
 */
async function checkAddress(
  ctx: ActionCtx,
  setup: PassSetup,
  convexUrl: string,
  errors: string[],
): Promise<void> {
  const block = async (kind: string, message: string) => {
    errors.push(message);
    await ctx.runMutation(internal.scheduler.records.blockSpawns, { kind, message });
  };
  if (convexUrl === "") return await block("config", MISSING_URL);
  if (setup.transport === "direct") return;
  const url = healthUrlOf(convexUrl, setup.pathPrefix);
  const checked = setup.gatewayCheckedAt + GATEWAY_CHECK_TTL_MS > Date.now();
  if (checked && setup.gatewayCheckedUrl === url) return;
  const probe = await probeGateway(url);
  if (probe.kind === "missing") await block("gateway", probe.message);
  else if (probe.kind === "silent") log("warn", "gateway_silent", { detail: probe.message });
  else await ctx.runMutation(internal.scheduler.setup.gatewayAnswered, { url });
}

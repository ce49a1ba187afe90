/** The apps that hold or held machines of ours. A former one is looked at until it is proven empty. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../shared/time.js";
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { backoffMs } from "./backoff.js";
import { forgetLeaksOf } from "./leaks.js";
import { ORPHAN_GRACE_MS, type Observation } from "./validators.js";

/** Apps remembered; an app name changes rarely. */
const MAX_APPS = 50;
/** Volumes are listed this often at most: they change with machines only. */
const VOLUMES_EVERY_MS = MINUTE_MS;
/** An app that cannot be listed (deleted, or the token is not for it) is asked ever more rarely. */
const MAX_FORMER_PAUSE_MS = HOUR_MS;

/** An app that the provider does not know is believed to be deleted after so long: of a wrong token it says the same. */
const MISSING_GRACE_MS = 7 * DAY_MS;

type Asked = { askedApps: readonly string[]; hasToken: boolean; inUse: ReadonlySet<string> };

export type AppToLook = { appName: string; volumes: boolean };

export async function loadApps(ctx: QueryCtx): Promise<Doc<"providerApps">[]> {
  return await ctx.db.query("providerApps").take(MAX_APPS);
}

/** Apps to list in this pass: the configured one, those of live rows, and former ones that are due. */
export function appsToLook(
  current: readonly string[],
  remembered: readonly Doc<"providerApps">[],
  now: number,
): AppToLook[] {
  const due = remembered.filter((app) => app.nextLookAt <= now).map(({ appName }) => appName);
  return [...new Set([...current, ...due])].map((appName) => {
    const known = remembered.find((app) => app.appName === appName);
    return { appName, volumes: (known?.volumesListedAt ?? 0) + VOLUMES_EVERY_MS <= now };
  });
}

/**
 * What this pass learnt of the apps. `inUse`: the configured app and those of live rows; every other one is forgotten
 * when its lists were empty of ours twice.
 */
export async function rememberApps(
  ctx: MutationCtx,
  { askedApps, hasToken, inUse }: Asked,
  observation: Observation,
  ours: (appName: string) => number,
  now: number,
): Promise<void> {
  const remembered = await loadApps(ctx);
  for (const appName of askedApps) {
    const known = remembered.find((app) => app.appName === appName);
    const seen = observation.apps.find((app) => app.appName === appName);
    const listedVolumes = seen?.volumes === undefined ? {} : { volumesListedAt: now };
    const failures = seen === undefined ? (known?.failures ?? 0) + 1 : 0;
    const used = inUse.has(appName);
    const isEmpty = !used && seen?.volumes !== undefined && ours(appName) === 0;
    const emptySince = isEmpty ? (known?.emptySince ?? now) : undefined;
    const isMissing = !used && observation.missingApps?.includes(appName) === true;
    const missingSince = isMissing ? (known?.missingSince ?? now) : undefined;
    const isProvenEmpty = emptySince !== undefined && emptySince + ORPHAN_GRACE_MS <= now;
    const isProvenGone = missingSince !== undefined && missingSince + MISSING_GRACE_MS <= now;
    if (known !== undefined && (isProvenEmpty || isProvenGone)) {
      await ctx.db.delete("providerApps", known._id);
      await forgetLeaksOf(ctx, appName);
      if (isProvenGone) log("warn", "app_forgotten", { appName, missingSince });
      continue;
    }
    // Nothing of ours was ever in it.
    if (known === undefined && !hasToken) continue;
    const pauseMs =
      failures > 0 ? backoffMs(MINUTE_MS, failures, MAX_FORMER_PAUSE_MS) : ORPHAN_GRACE_MS;
    // The app in use is listed by every pass anyway, and its row written only when its volumes were listed.
    if (known !== undefined && used && seen?.volumes === undefined) continue;
    const row = { ...listedVolumes, failures, nextLookAt: now + pauseMs };
    if (known === undefined) await ctx.db.insert("providerApps", { appName, ...row });
    else await ctx.db.patch("providerApps", known._id, { ...row, emptySince, missingSince });
  }
}

/** When a former app is due; null when there is none. */
export async function nextFormerLookAt(
  ctx: QueryCtx,
  inUse: ReadonlySet<string>,
): Promise<number | null> {
  const former = (await loadApps(ctx)).filter((app) => !inUse.has(app.appName));
  return former.length === 0 ? null : Math.min(...former.map((app) => app.nextLookAt));
}

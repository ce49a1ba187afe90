/** Ending all cost in one app, and what the last attempt at it came to. */
import { v } from "convex/values";
import { vProviderConfig } from "../config.js";
import { action, query } from "../kit/functions.js";
import { cleanUp } from "./cleaner.js";
import { loadLatest } from "./reports.js";
import {
  vCleanupReport,
  vCleanupRunView,
  vCleanupScope,
  type CleanupReport,
} from "./validators.js";

/**
 * Destroys every machine and volume of one Fly app and says what it found, deleted and left. Live workers are told to
 * drain first and get 2 minutes to store their memory; messages they still hold are handed back without a charged
 * attempt, no machine is created meanwhile, and worker rows follow their machines.
 *
 * `providerConfig` defaults to the stored one, `flyApiToken` to the secret 'fly.apiToken'. `machineConcurrency` 6 (at
 * most 24) and `volumeConcurrency` 16 (at most 64) are worked on at a time. `scope` "app" (default) is everything in the
 * app, whoever made it; "managed" only what this deployment's tags and rows name. `dryRun` only looks: what it would
 * delete is listed as remaining.
 *
 * A run that is longer than an action may be goes on by itself (not with a given token); the report is then the one so
 * far, with a warning, as it is when another cleanup of the app is under way. `lastCleanupReport` shows the rest.
 *
 * @throws PROVIDER_UNSUPPORTED, CONFIG_INCOMPLETE, SECRET_MISSING; PROVIDER_FAILED with Fly's words when the app
 *   cannot be reached or listed. Failures of single machines and volumes are in `errors` instead.
 */
export const runFlyCleanup = action({
  args: {
    flyApiToken: v.optional(v.string()),
    providerConfig: v.optional(vProviderConfig),
    machineConcurrency: v.optional(v.number()),
    volumeConcurrency: v.optional(v.number()),
    scope: v.optional(vCleanupScope),
    dryRun: v.optional(v.boolean()),
  },
  returns: vCleanupReport,
  handler: async (ctx, args): Promise<CleanupReport> => await cleanUp(ctx, args),
});

/**
 * The newest cleanup with its report so far: `state` running, finished or failed (with `error`), and `phase`. Null when
 * there was none. Dry runs are not kept.
 */
export const lastCleanupReport = query({
  args: {},
  returns: v.union(v.null(), vCleanupRunView),
  handler: async (ctx) => await loadLatest(ctx),
});

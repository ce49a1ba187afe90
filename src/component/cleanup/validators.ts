/** What a cleanup is asked for, what it reports, and its limits. */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { MINUTE_MS, SECOND_MS } from "../../shared/time.js";

/** `app`: everything in the app, whoever made it. `managed`: only what this deployment's tags and rows name. */
export const CLEANUP_SCOPES = ["app", "managed"] as const;
export const vCleanupScope = literals(...CLEANUP_SCOPES);
export type CleanupScope = Infer<typeof vCleanupScope>;

export const CLEANUP_PHASES = ["draining", "machines", "volumes", "verifying", "done"] as const;
export const vCleanupPhase = literals(...CLEANUP_PHASES);
export type CleanupPhase = Infer<typeof vCleanupPhase>;

const vIds = v.array(v.string());

/** The report of 3.x. */
export const vCleanupReport = v.object({
  appName: v.string(),
  machinesFound: v.number(),
  machinesDeleted: v.number(),
  machinesRemaining: v.number(),
  machineIdsDeleted: vIds,
  machineIdsRemaining: vIds,
  volumesFound: v.number(),
  volumesDeleted: v.number(),
  volumesRemaining: v.number(),
  volumeIdsDeleted: vIds,
  volumeIdsRemaining: vIds,
  warnings: v.array(v.string()),
  errors: v.array(v.string()),
});
export type CleanupReport = Infer<typeof vCleanupReport>;

export const CLEANUP_STATES = ["running", "finished", "failed"] as const;
export const vCleanupState = literals(...CLEANUP_STATES);
export type CleanupState = Infer<typeof vCleanupState>;

/** A run as `lastCleanupReport` shows it: the report, and how far it is. */
export const vCleanupRunView = v.object({
  ...vCleanupReport.fields,
  /** `failed`: it ended before its verification, see `error`. */
  state: vCleanupState,
  phase: vCleanupPhase,
  scope: vCleanupScope,
  startedAt: v.number(),
  updatedAt: v.number(),
  finishedAt: v.union(v.null(), v.number()),
  error: v.union(v.null(), v.string()),
});
export type CleanupRunView = Infer<typeof vCleanupRunView>;

/** Found and proven gone, of one kind. */
export const vTally = v.object({ found: vIds, gone: vIds, remaining: vIds });
export type Tally = Infer<typeof vTally>;
export const NOTHING: Tally = { found: [], gone: [], remaining: [] };

/** Something that went wrong with one machine or volume. */
export const vIssue = v.object({
  subject: v.string(),
  level: literals("warning", "error"),
  text: v.string(),
});
export type Issue = Infer<typeof vIssue>;

/** Machines and volumes worked on at a time: by default, and at most, as Fly's rate limits serve no more. */
export const MACHINE_CONCURRENCY = { default: 6, max: 24 } as const;
export const VOLUME_CONCURRENCY = { default: 16, max: 64 } as const;

/** Live workers get this long for their final snapshot: what their machines get between stop and kill by default. */
export const DRAIN_GRACE_MS = 2 * MINUTE_MS;
export const DRAIN_CHECK_MS = 5 * SECOND_MS;
/** A run that nobody renewed for this long is taken over; the slowest single step stays below it. */
export const RUN_LEASE_MS = 5 * MINUTE_MS;
/** No step begins this long after the action did: the slowest one then still ends within an action's ten minutes. */
export const CHUNK_MS = 4 * MINUTE_MS;
/** A run that is older gives up what an action of it could remove nothing of. */
export const MAX_FRUITLESS_MS = 3 * CHUNK_MS;
/** Sweeps over everything that is left, before the report. */
export const MAX_SWEEPS = 2;
/** No action is added to a run of this age only to wait for the end of what is being destroyed. */
export const MAX_WAIT_FOR_LEAVING_MS = CHUNK_MS + MINUTE_MS;
/** Issues kept of one run. */
export const MAX_ISSUES = 200;
/** Ids of one kind kept of one run; an array of a document holds 8,192. */
export const MAX_IDS = 4_000;
/** Runs kept. */
export const MAX_RUNS = 20;

/**
 * Every policy of agent-factory with its default, unit and validator. Nothing else in the package states
 * a default. Stored overrides are partial (`vPolicyOverrides`); `mergeWithDefaultConfig` completes them.
 */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../shared/time.js";

// ── Policies ────────────────────────────────────────────────────────────────

export const vQueuePolicy = v.object({
  /** Priority of a message that names none; 0…maxPriority, higher first. */
  defaultPriority: v.number(),
  maxPriority: v.number(),
  /** Ready conversations that a free worker's claim looks at. */
  claimBatchSize: v.number(),
});

export const vRetryPolicy = v.object({
  /** Failed deliveries (reported or lost with the lease) before a message is dead-lettered. */
  maxAttempts: v.number(),
  baseDelayMs: v.number(),
  maxDelayMs: v.number(),
  backoffFactor: v.number(),
  /** Added on top of the capped delay: up to this share of it. */
  jitterRatio: v.number(),
});

export const vLeasePolicy = v.object({
  /** How long a claim or heartbeat keeps a message. */
  leaseMs: v.number(),
  /** How often a working worker should call heartbeat. */
  heartbeatIntervalMs: v.number(),
  /** A worker without a sign of life for this long is told to stop and is drained. */
  staleAfterMs: v.number(),
});

export const vScalingPolicy = v.object({
  /** Absolute cap on live machines, whatever waits. */
  maxWorkers: v.number(),
  /** Accepted for compatibility: one worker serves one conversation at a time. */
  queuePerWorkerTarget: v.number(),
  /** Machines created in one pass at most. */
  spawnStep: v.number(),
  /** An idle worker is drained this long after its last claim. */
  idleTimeoutMs: v.number(),
  /** How soon a pass looks again while something is in transition. */
  reconcileIntervalMs: v.number(),
});

export const vHydrationPolicy = v.object({
  /** Accepted for compatibility; the window is bounded by maxContextTokens. */
  memoryWindowDays: v.number(),
  /** Newest history entries are handed to a worker up to this many tokens (4 characters each). */
  maxContextTokens: v.number(),
  /** Accepted for compatibility: hydration reads current rows, there is no cache to expire. */
  snapshotTtlMs: v.number(),
  rebuildOnDocTypes: v.array(v.string()),
  skillAssetScanMode: v.string(),
});

export const vDeliveryPolicy = v.object({
  /**
   * A reply was sent, but the answer to the send was lost, so nobody can know whether the user has it.
   * `silence`: count it and do not send again; `duplicate`: send again.
   */
  onUnknown: v.union(v.literal("silence"), v.literal("duplicate")),
});

export type QueuePolicy = Infer<typeof vQueuePolicy>;
export type RetryPolicy = Infer<typeof vRetryPolicy>;
export type LeasePolicy = Infer<typeof vLeasePolicy>;
export type ScalingPolicy = Infer<typeof vScalingPolicy>;
export type HydrationPolicy = Infer<typeof vHydrationPolicy>;
export type DeliveryPolicy = Infer<typeof vDeliveryPolicy>;

/** What can be stored over the defaults: any field of any policy. */
export const vPolicyOverrides = v.object({
  queue: v.optional(vQueuePolicy.partial()),
  retry: v.optional(vRetryPolicy.partial()),
  lease: v.optional(vLeasePolicy.partial()),
  scaling: v.optional(vScalingPolicy.partial()),
  hydration: v.optional(vHydrationPolicy.partial()),
  delivery: v.optional(vDeliveryPolicy.partial()),
});
export type PolicyOverrides = Infer<typeof vPolicyOverrides>;

// ── Provider ────────────────────────────────────────────────────────────────

export const DEFAULT_WORKER_IMAGE = "";
export const DEFAULT_WORKER_VOLUME_NAME = "openclaw_data";
export const DEFAULT_WORKER_VOLUME_PATH = "/data";

export const vGuest = v.object({
  cpuKind: v.union(v.literal("shared"), v.literal("performance")),
  cpus: v.number(),
  /** A multiple of 256 (shared) or 2048 (performance). */
  memoryMb: v.number(),
});

/** List prices in USD. Machine prices are per 30 days, volume prices per 730 hours, as Fly bills them. */
export const vPrices = v.object({
  /** One shared CPU with its first 256 MB. */
  sharedCpuUsd: v.number(),
  /** One performance CPU with its first 2,048 MB. */
  performanceCpuUsd: v.number(),
  /** Every further GB of memory. */
  memoryGbUsd: v.number(),
  /** One GB of the file system of a machine that is not running. */
  rootfsGbUsd: v.number(),
  /** One provisioned GB of a volume, attached or not. */
  volumeGbUsd: v.number(),
  /** Size of the image's file system in GB: what a stopped machine is charged for. */
  rootfsGb: v.number(),
});
export type Prices = Infer<typeof vPrices>;

export const vProviderConfig = v.object({
  kind: v.union(v.literal("fly"), v.literal("runpod"), v.literal("ecs")),
  appName: v.string(),
  organizationSlug: v.string(),
  image: v.string(),
  region: v.string(),
  /** Prefix of the per-worker volume names. */
  volumeName: v.string(),
  volumePath: v.string(),
  volumeSizeGb: v.number(),
  /** Another address of the provider's API, for a local one. Default: the provider's public API. */
  apiBaseUrl: v.optional(v.string()),
  /** Machine size. Default: 1 shared CPU, 2048 MB. */
  guest: v.optional(vGuest),
  /** Grace between the stop signal and the kill, in which the worker snapshots. Default 120, at most 300. */
  stopTimeoutSeconds: v.optional(v.number()),
  /**
   * What Fly does when a worker's process ends. Default "no": whether it is replaced is the scheduler's decision, and a
   * restarted worker would find its lease gone.
   */
  restartPolicy: v.optional(literals("no", "on-failure", "always")),
  /** With "on-failure": restarts within five minutes at most. Default: Fly's 10. */
  restartMaxRetries: v.optional(v.number()),
  /** Whether Fly removes a machine whose process ended. Default true: a stopped one goes on costing. */
  autoDestroy: v.optional(v.boolean()),
  /** Where to go, in this order, when the region has no room; volume and machine go together. At most 10. */
  fallbackRegions: v.optional(v.array(v.string())),
  /** What the ledger multiplies with; those of other regions or contracts differ. Default: `DEFAULT_PRICES`. */
  prices: v.optional(vPrices.partial()),
});
export type ProviderConfig = Infer<typeof vProviderConfig>;
export type Guest = Infer<typeof vGuest>;

export const DEFAULT_GUEST: Guest = { cpuKind: "shared", cpus: 1, memoryMb: 2048 };
export const DEFAULT_STOP_TIMEOUT_SECONDS = 120;
/** Fly's public list prices of 2026 for its cheapest regions. */
export const DEFAULT_PRICES: Prices = {
  sharedCpuUsd: 1.94,
  performanceCpuUsd: 31,
  memoryGbUsd: 5,
  rootfsGbUsd: 0.15,
  volumeGbUsd: 0.15,
  rootfsGb: 1,
};

// ── Messages and workers ────────────────────────────────────────────────────

export const vMessageConfig = v.object({
  /** Handed to the worker with every message; appended to the text for images that know no prompt. */
  systemPrompt: v.optional(v.string()),
  telegramAttachmentRetentionMs: v.optional(v.number()),
  /** Another address of the Bot API, for a local one. Default: Telegram's. It is sent every bot's token. */
  telegramApiBaseUrl: v.optional(v.string()),
});
export type MessageConfig = Infer<typeof vMessageConfig>;

export const vWorkerRuntimeConfig = v.object({
  /**
   * `gateway` (default): machines call the routes that `registerRoutes` mounts, with a token of their own.
   * `direct`: machines call the `.convex.cloud` address as in 3.x and the app opens the worker functions.
   */
  transport: v.optional(v.union(v.literal("gateway"), v.literal("direct"))),
  /** The `pathPrefix` given to `registerRoutes`. */
  pathPrefix: v.optional(v.string()),
  /** More environment for every machine, for example the agent's model. No secrets: a machine's env is readable. */
  env: v.optional(v.record(v.string(), v.string())),
});
export type WorkerRuntimeConfig = Infer<typeof vWorkerRuntimeConfig>;
export const DEFAULT_PATH_PREFIX = "/agent-factory";
/** Segments of unreserved characters: what `registerRoutes` mounts and a URL carries unchanged. */
const PATH_PREFIX = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/;
export const PATH_PREFIX_RULE =
  'must start with "/", must not end with it and holds only URL path characters';
export function isPathPrefix(text: string): boolean {
  return PATH_PREFIX.test(text);
}

// ── Defaults ────────────────────────────────────────────────────────────────

export type AgentFactoryConfig = {
  queue: QueuePolicy;
  retry: RetryPolicy;
  lease: LeasePolicy;
  scaling: ScalingPolicy;
  hydration: HydrationPolicy;
  delivery: DeliveryPolicy;
  provider: ProviderConfig;
};

export const DEFAULT_CONFIG: AgentFactoryConfig = {
  queue: { defaultPriority: 50, maxPriority: 100, claimBatchSize: 25 },
  retry: {
    maxAttempts: 5,
    baseDelayMs: SECOND_MS,
    maxDelayMs: 2 * MINUTE_MS,
    backoffFactor: 2,
    jitterRatio: 0.1,
  },
  lease: {
    leaseMs: 6 * MINUTE_MS,
    heartbeatIntervalMs: 15 * SECOND_MS,
    staleAfterMs: 7 * MINUTE_MS,
  },
  scaling: {
    maxWorkers: 1,
    queuePerWorkerTarget: 5,
    spawnStep: 1,
    idleTimeoutMs: 30 * MINUTE_MS,
    reconcileIntervalMs: 15 * SECOND_MS,
  },
  hydration: {
    memoryWindowDays: 2,
    maxContextTokens: 16_000,
    snapshotTtlMs: 5 * MINUTE_MS,
    rebuildOnDocTypes: ["soul", "user", "identity", "memory_daily", "custom"],
    skillAssetScanMode: "manifest_and_assets",
  },
  delivery: { onUnknown: "silence" },
  provider: {
    kind: "fly",
    appName: "",
    organizationSlug: "",
    image: DEFAULT_WORKER_IMAGE,
    region: "",
    volumeName: "",
    volumePath: DEFAULT_WORKER_VOLUME_PATH,
    volumeSizeGb: 10,
  },
};

/** The defaults with `overrides` on top, group by group. */
export function mergeWithDefaultConfig(
  overrides: PolicyOverrides & { provider?: Partial<ProviderConfig> } = {},
): AgentFactoryConfig {
  return {
    queue: { ...DEFAULT_CONFIG.queue, ...overrides.queue },
    retry: { ...DEFAULT_CONFIG.retry, ...overrides.retry },
    lease: { ...DEFAULT_CONFIG.lease, ...overrides.lease },
    scaling: { ...DEFAULT_CONFIG.scaling, ...overrides.scaling },
    hydration: { ...DEFAULT_CONFIG.hydration, ...overrides.hydration },
    delivery: { ...DEFAULT_CONFIG.delivery, ...overrides.delivery },
    provider: { ...DEFAULT_CONFIG.provider, ...overrides.provider },
  };
}

// ── Retention ───────────────────────────────────────────────────────────────

export const RETENTION = {
  snapshotMs: 7 * DAY_MS,
  attachmentMs: 7 * DAY_MS,
  doneMessageMs: 30 * DAY_MS,
  eventMs: 7 * DAY_MS,
  stoppedWorkerMs: 7 * DAY_MS,
  ingressKeyMs: 48 * HOUR_MS,
  /** After the end of its time; until then it can be asked about. */
  pairingCodeMs: 30 * DAY_MS,
  /** Updates that could not be used; they hold what people wrote. */
  quarantineMs: 7 * DAY_MS,
  /** An upload that was prepared and never finished. */
  abandonedUploadMs: HOUR_MS,
} as const;

// ── Environment of a machine ────────────────────────────────────────────────

/** What every machine gets; the existing worker image reads these names. */
export const DEFAULT_WORKER_RUNTIME_ENV: Readonly<Record<string, string>> = {
  NODE_ENV: "production",
  OPENCLAW_GATEWAY_HOST: "127.0.0.1",
  OPENCLAW_GATEWAY_PORT: "18789",
  OPENCLAW_GATEWAY_URL: "http://127.0.0.1:18789",
  OPENCLAW_STATE_DIR: "/data/.clawdbot",
  OPENCLAW_WORKSPACE_DIR: "/data/workspace",
  OPENCLAW_CONFIG_PATH: "/data/.clawdbot/openclaw.json",
  OPENCLAW_REQUIRE_DATA_MOUNT: "true",
  OPENCLAW_RUN_SETUP: "false",
  OPENCLAW_SETUP_TIMEOUT_MS: "90000",
  OPENCLAW_GATEWAY_COMMAND: "node /app/openclaw.mjs gateway",
  OPENCLAW_GATEWAY_READY_TIMEOUT_MS: "60000",
  OPENCLAW_GATEWAY_READY_POLL_MS: "500",
  OPENCLAW_GATEWAY_READY_REQUIRED: "true",
  SKILLS_BOOTSTRAP_MODE: "db_manifest",
  SKILLS_BOOTSTRAP_REQUIRED: "false",
  SKILLS_BOOTSTRAP_TIMEOUT_MS: "15000",
  SKILLS_RELEASE_CHANNEL: "stable",
  OPENCLAW_SKILLS_DIR: "/data/workspace/skills",
};

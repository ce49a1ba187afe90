/** The vocabulary of stored settings; the policies themselves and their defaults are in ../config. */
import { v, type Infer } from "convex/values";
import {
  vDeliveryPolicy,
  vHydrationPolicy,
  vLeasePolicy,
  vQueuePolicy,
  vRetryPolicy,
  vScalingPolicy,
  type AgentFactoryConfig,
} from "../config.js";

/** Every policy with every field: the stored overrides over the defaults. */
export const vPolicies = v.object({
  queue: vQueuePolicy,
  retry: vRetryPolicy,
  lease: vLeasePolicy,
  scaling: vScalingPolicy,
  hydration: vHydrationPolicy,
  delivery: vDeliveryPolicy,
});
export type Policies = Omit<AgentFactoryConfig, "provider">;

/** How machines reach us, with the defaults filled in. */
export const vWorkerRuntime = v.object({
  transport: v.union(v.literal("gateway"), v.literal("direct")),
  pathPrefix: v.string(),
  env: v.record(v.string(), v.string()),
});
export type WorkerRuntime = Infer<typeof vWorkerRuntime>;

// ── Limits ──────────────────────────────────────────────────────────────────

/** One listing call and one pass read every live worker; this keeps both small. */
export const MAX_WORKERS_LIMIT = 200;
/** The prompt travels with every message that a worker claims. */
export const MAX_SYSTEM_PROMPT_BYTES = 64 * 1024;
export const MAX_WORKER_ENV_VARS = 64;
export const MAX_WORKER_ENV_VALUE_LENGTH = 4_096;

import { v } from "convex/values";
import {
  vMessageConfig,
  vPolicyOverrides,
  vProviderConfig,
  vWorkerRuntimeConfig,
} from "../config.js";
import { mutation, query } from "../kit/functions.js";
import { requestPass, retrySpawning } from "../kit/wake.js";
import {
  loadMessageConfig,
  loadPolicy,
  loadProviderConfig,
  loadWorkerRuntimeConfig,
  saveMessageConfig,
  savePolicy,
  saveProviderConfig,
  saveWorkerRuntimeConfig,
} from "./ops.js";
import { vPolicies, vWorkerRuntime } from "./validators.js";

/** The stored provider config, or null when none was set. */
export const providerRuntimeConfig = query({
  args: {},
  returns: v.union(v.null(), vProviderConfig),
  handler: async (ctx) => await loadProviderConfig(ctx),
});

/**
 * Replaces the provider config; the next pass uses it. A no-op when it is stored already.
 * @throws PROVIDER_UNSUPPORTED when `kind` is not "fly"; CONFIG_INCOMPLETE when a field is blank;
 * INVALID_ARGUMENT when a value cannot work. The message names the field.
 */
export const setProviderRuntimeConfig = mutation({
  args: { providerConfig: vProviderConfig, nowMs: v.optional(v.number()) },
  returns: v.null(),
  handler: async (ctx, { providerConfig, nowMs }) => {
    const now = nowMs ?? Date.now();
    const { changed } = await saveProviderConfig(ctx, providerConfig, now);
    if (changed) await retrySpawning(ctx, now);
    return null;
  },
});

/** The stored message config, or null when none was set. */
export const messageRuntimeConfig = query({
  args: {},
  returns: v.union(v.null(), vMessageConfig),
  handler: async (ctx) => await loadMessageConfig(ctx),
});

/**
 * Replaces the whole message config. `systemPrompt` is trimmed, a blank one is absent;
 * `telegramAttachmentRetentionMs` is floored, and absent unless finite and above 0. With both absent the
 * config is deleted.
 * @throws PAYLOAD_TOO_LARGE when the prompt has more than 64 KiB.
 */
export const setMessageRuntimeConfig = mutation({
  args: { messageConfig: vMessageConfig, nowMs: v.optional(v.number()) },
  returns: v.null(),
  handler: async (ctx, { messageConfig, nowMs }) => {
    await saveMessageConfig(ctx, messageConfig, nowMs ?? Date.now());
    return null;
  },
});

/** How machines reach this deployment and what they get in their environment, defaults filled in. */
export const workerRuntimeConfig = query({
  args: {},
  returns: vWorkerRuntime,
  handler: async (ctx) => await loadWorkerRuntimeConfig(ctx),
});

/**
 * Replaces the whole worker config; machines that exist keep theirs. `transport` defaults to "gateway",
 * `pathPrefix` to "/agent-factory" (give the one that `registerRoutes` got), `env` to nothing.
 * @throws INVALID_ARGUMENT when the prefix does not start with "/" or ends with it, or when `env` holds
 * something that is not a variable name or that every machine gets anyway (CONVEX_URL, WORKER_*, …).
 */
export const setWorkerRuntimeConfig = mutation({
  args: { workerConfig: vWorkerRuntimeConfig, nowMs: v.optional(v.number()) },
  returns: v.null(),
  handler: async (ctx, { workerConfig, nowMs }) => {
    const now = nowMs ?? Date.now();
    const { changed } = await saveWorkerRuntimeConfig(ctx, workerConfig, now);
    if (changed) await retrySpawning(ctx, now);
    return null;
  },
});

/** Every policy as it applies: the stored overrides over the defaults. */
export const policyConfig = query({
  args: {},
  returns: vPolicies,
  handler: async (ctx) => await loadPolicy(ctx),
});

/**
 * Replaces all stored policy overrides; what `policy` does not name has its default, so `{}` resets everything.
 * @throws INVALID_ARGUMENT naming the field that is not finite, out of range or in conflict with another.
 */
export const setPolicyConfig = mutation({
  args: { policy: vPolicyOverrides, nowMs: v.optional(v.number()) },
  returns: v.null(),
  handler: async (ctx, { policy, nowMs }) => {
    const now = nowMs ?? Date.now();
    const { changed } = await savePolicy(ctx, policy, now);
    if (changed) await requestPass(ctx, now, now);
    return null;
  },
});

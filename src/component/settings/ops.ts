/** Reads and writes of the stored settings. Each is one row, so a read is one document. */
import { refuse } from "../../shared/errors.js";
import {
  mergeWithDefaultConfig,
  type MessageConfig,
  type PolicyOverrides,
  type ProviderConfig,
  type WorkerRuntimeConfig,
} from "../config.js";
import type { Doc, MutationCtx, QueryCtx } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { findPolicyProblem, mergeOverrides } from "./policy.js";
import { assertProviderConfig, findProviderConfigProblem } from "./providerConfig.js";
import {
  assertWorkerRuntimeConfig,
  normalizeMessageConfig,
  withWorkerDefaults,
} from "./runtime.js";
import type { Policies, WorkerRuntime } from "./validators.js";

export {
  assertProviderConfig,
  findProviderConfigProblem,
  type ConfigProblem,
} from "./providerConfig.js";

type Reader = Pick<QueryCtx, "db">;
type SettingsKey = "provider" | "message" | "worker" | "policy";
type Settings = Partial<
  Pick<
    Doc<"runtimeConfig">,
    "providerConfig" | "source" | "messageConfig" | "workerConfig" | "policyConfig"
  >
>;

// ── Provider ────────────────────────────────────────────────────────────────

/** The stored config or null. Rows of 3.x are unchecked: see `findProviderConfigProblem`. */
export async function loadProviderConfig(ctx: Reader): Promise<ProviderConfig | null> {
  return (await findRow(ctx, "provider"))?.providerConfig ?? null;
}

/**
 * Replaces the stored config. `changed` is false when it was stored already; `previous` tells what may still
 * hold machines.
 * @throws PROVIDER_UNSUPPORTED, CONFIG_INCOMPLETE or INVALID_ARGUMENT, naming the field.
 */
export async function saveProviderConfig(
  ctx: MutationCtx,
  config: ProviderConfig,
  now: number,
): Promise<{ changed: boolean; previous: ProviderConfig | null }> {
  assertProviderConfig(config);
  const previous = await loadProviderConfig(ctx);
  const settings = { providerConfig: config, source: "explicit" } as const;
  return { changed: await saveRow(ctx, "provider", settings, now), previous };
}

/**
 * The app's static options came along with a call: they are stored unless an operator set a config explicitly, so
 * that neither writer undoes the other's work. Options that cannot be used do not stop the call; that is logged.
 */
export async function seedProviderConfig(
  ctx: MutationCtx,
  config: ProviderConfig,
  now: number,
): Promise<{ changed: boolean }> {
  const row = await findRow(ctx, "provider");
  if (row?.source === "explicit") return { changed: false };
  const problem = findProviderConfigProblem(config);
  if (problem !== null) {
    log("warn", "settings.provider_config_ignored", { code: problem.code, field: problem.field });
    return { changed: false };
  }
  const settings = { providerConfig: config, source: "options" } as const;
  return { changed: await saveRow(ctx, "provider", settings, now) };
}

// ── Messages ────────────────────────────────────────────────────────────────

export async function loadMessageConfig(ctx: Reader): Promise<MessageConfig | null> {
  return (await findRow(ctx, "message"))?.messageConfig ?? null;
}

/** Replaces the stored config; one without any usable value deletes it. */
export async function saveMessageConfig(
  ctx: MutationCtx,
  config: MessageConfig,
  now: number,
): Promise<{ changed: boolean }> {
  const messageConfig = normalizeMessageConfig(config);
  if (messageConfig === null) return { changed: await deleteRow(ctx, "message") };
  return { changed: await saveRow(ctx, "message", { messageConfig }, now) };
}

// ── Workers ─────────────────────────────────────────────────────────────────

/** How machines reach us, with the defaults filled in. */
export async function loadWorkerRuntimeConfig(ctx: Reader): Promise<WorkerRuntime> {
  return withWorkerDefaults((await findRow(ctx, "worker"))?.workerConfig);
}

/** Replaces the stored config; machines that exist keep the environment they were created with. */
export async function saveWorkerRuntimeConfig(
  ctx: MutationCtx,
  config: WorkerRuntimeConfig,
  now: number,
): Promise<{ changed: boolean }> {
  assertWorkerRuntimeConfig(config);
  return { changed: await saveRow(ctx, "worker", { workerConfig: config }, now) };
}

// ── Policies ────────────────────────────────────────────────────────────────

/** The stored overrides over the defaults. */
export async function loadPolicy(ctx: Reader): Promise<Policies> {
  return completePolicy((await findRow(ctx, "policy"))?.policyConfig ?? {});
}

/**
 * Replaces all stored overrides; `{}` goes back to the defaults.
 * @throws INVALID_ARGUMENT naming the field, when the overrides over the defaults make no valid policy.
 */
export async function savePolicy(
  ctx: MutationCtx,
  overrides: PolicyOverrides,
  now: number,
): Promise<{ changed: boolean }> {
  const problem = findPolicyProblem(completePolicy(overrides));
  if (problem !== null) refuse("INVALID_ARGUMENT", problem);
  return { changed: await saveRow(ctx, "policy", { policyConfig: overrides }, now) };
}

/** As savePolicy, but fields that `overrides` does not name keep their stored value. */
export async function extendPolicy(
  ctx: MutationCtx,
  overrides: PolicyOverrides,
  now: number,
): Promise<{ changed: boolean }> {
  const stored = (await findRow(ctx, "policy"))?.policyConfig ?? {};
  return await savePolicy(ctx, mergeOverrides(stored, overrides), now);
}

function completePolicy(overrides: PolicyOverrides): Policies {
  const { provider: _provider, ...policies } = mergeWithDefaultConfig(overrides);
  return policies;
}

// ── Rows ────────────────────────────────────────────────────────────────────

async function findRow(ctx: Reader, key: SettingsKey): Promise<Doc<"runtimeConfig"> | null> {
  return await ctx.db
    .query("runtimeConfig")
    .withIndex("by_key", (q) => q.eq("key", key))
    .first();
}

/** Writes only a difference: every pass and claim depends on these rows. */
async function saveRow(
  ctx: MutationCtx,
  key: SettingsKey,
  settings: Settings,
  now: number,
): Promise<boolean> {
  const row = await findRow(ctx, key);
  if (row === null) {
    await ctx.db.insert("runtimeConfig", { key, ...settings, updatedAt: now });
    return true;
  }
  const stored: Settings = row;
  const fields = Object.keys(settings) as (keyof Settings)[];
  if (fields.every((field) => isSame(stored[field], settings[field]))) return false;
  await ctx.db.patch("runtimeConfig", row._id, { ...settings, updatedAt: now });
  return true;
}

async function deleteRow(ctx: MutationCtx, key: SettingsKey): Promise<boolean> {
  const row = await findRow(ctx, key);
  if (row !== null) await ctx.db.delete("runtimeConfig", row._id);
  return row !== null;
}

/** Equal plain data, whatever the order of the fields. */
function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null)
    return Object.is(a, b);
  const left = Object.entries(a).filter(([, value]) => value !== undefined);
  const right = new Map(Object.entries(b).filter(([, value]) => value !== undefined));
  return (
    left.length === right.size &&
    left.every(([key, value]) => right.has(key) && isSame(value, right.get(key)))
  );
}

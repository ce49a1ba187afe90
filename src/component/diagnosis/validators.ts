import { v, type Infer } from "convex/values";
import { literals } from "convex-helpers/validators";

/** Agents looked at, in the order of their keys; each costs a call to Telegram when it has a bot. */
export const DIAGNOSED_AGENTS_LIMIT = 10;

export const vCheck = v.object({
  /** What was looked at. */
  name: literals(
    "secrets_key",
    "provider_config",
    "secret",
    "gateway",
    "provider",
    "agent",
    "webhook",
  ),
  /** Which of them: a secret's ref, an agent's key, an app's name. */
  subject: v.union(v.string(), v.null()),
  /** `warning`: it works, but not for long or not for everything. */
  status: literals("ok", "warning", "problem"),
  message: v.string(),
  /** What to do, a command where there is one; null when there is nothing to do. */
  fix: v.union(v.string(), v.null()),
});
export type Check = Infer<typeof vCheck>;

export const vDiagnosis = v.object({
  /** No check found a problem. */
  ok: v.boolean(),
  checks: v.array(vCheck),
});
export type Diagnosis = Infer<typeof vDiagnosis>;

/**
 * When a provider that fails is left alone: closed (calls go through) → open (none does, for ever longer) → halfOpen (one
 * call finds out) → closed or open. Pure.
 */
import { literals } from "convex-helpers/validators";
import { v, type Infer } from "convex/values";
import { MINUTE_MS, SECOND_MS } from "../../shared/time.js";

export const vCircuit = v.object({
  state: literals("closed", "open", "halfOpen"),
  /** Calls in a row that failed. */
  failures: v.number(),
  /** How often in a row it opened. */
  openings: v.number(),
  /** The first of these openings; epoch ms. */
  since: v.number(),
  /** No call before; while half open: when the probing call is given up. Epoch ms. */
  retryAt: v.number(),
  /** Of the last failure, for people. */
  reason: v.string(),
});
export type Circuit = Infer<typeof vCircuit>;

/** A call's result as far as it says something about the provider's health. */
export type Health = { kind: "answered" } | { kind: "failed"; reason: string };
export type Change = "opened" | "closed" | null;

export const CLOSED: Circuit = {
  ...{ state: "closed", failures: 0, openings: 0 },
  ...{ since: 0, retryAt: 0, reason: "" },
};

/** One call that fails is tried three times: this is nearly two of them, and never a single one. */
export const OPEN_AFTER_FAILURES = 5;
export const FIRST_PAUSE_MS = 15 * SECOND_MS;
export const MAX_PAUSE_MS = 2 * MINUTE_MS;
/** A call takes 20 s at most; one that nobody reported by then died with its action. */
export const PROBE_LEASE_MS = MINUTE_MS;

/** The circuit after a call was let through, or null when it may not be made now. */
export function letThrough(circuit: Circuit, now: number): Circuit | null {
  if (circuit.state === "closed") return circuit;
  if (now < circuit.retryAt) return null;
  return { ...circuit, state: "halfOpen", retryAt: now + PROBE_LEASE_MS };
}

/** The circuit after a call's result. An answer closes it, whatever the provider said. */
export function afterCall(
  circuit: Circuit,
  health: Health,
  now: number,
): { circuit: Circuit; change: Change } {
  if (health.kind === "answered")
    return { circuit: CLOSED, change: circuit.state === "closed" ? null : "closed" };
  const { reason } = health;
  // A call that was under way when it opened says nothing new.
  if (circuit.state === "open") return { circuit, change: null };
  const failures = circuit.failures + 1;
  if (circuit.state === "closed" && failures < OPEN_AFTER_FAILURES)
    return { circuit: { ...circuit, failures, reason }, change: null };
  const openings = circuit.openings + 1;
  const retryAt = now + pauseMs(openings);
  const isNew = circuit.state === "closed";
  const since = isNew ? now : circuit.since;
  return {
    circuit: { state: "open", failures, openings, since, retryAt, reason },
    change: isNew ? "opened" : null,
  };
}

function pauseMs(openings: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (openings - 1));
}

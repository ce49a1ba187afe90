/**
 * Who may call Fly when: one state per app that outlives passes and cleanups, with a token bucket and a "not before" per
 * action and a circuit for all of them. Tokens are taken before the call, so an action that dies has spent its own. Pure.
 */
import { v, type Infer } from "convex/values";
import { HOUR_MS, SECOND_MS } from "../../../shared/time.js";
import { afterCall, CLOSED, letThrough, vCircuit, type Change } from "../breaker.js";
import type { ProviderError } from "../provider.js";
import { limitFor, takeToken, type FlyAction } from "./governor.js";

/** By action. A negative number of tokens: calls that wait have already taken theirs. */
export const vBuckets = v.record(v.string(), v.object({ tokens: v.number(), at: v.number() }));

/** What shuts the gate; it changes only when a call fails, or when calls succeed again. */
export const vShutters = v.object({
  circuit: vCircuit,
  /** By action: Fly asked for no call before; epoch ms. */
  notBefore: v.record(v.string(), v.number()),
});
export type GateState = Infer<typeof vShutters> & { buckets: Infer<typeof vBuckets> };

export const vCallOutcome = v.union(
  /** Fly answered, whatever it said. */
  v.object({ kind: v.literal("answered") }),
  /** A 5xx, or no answer. */
  v.object({
    kind: v.literal("failed"),
    reason: v.string(),
    retryAfterMs: v.optional(v.number()),
  }),
  /** A 429. */
  v.object({ kind: v.literal("limited"), retryAfterMs: v.optional(v.number()) }),
);
export type CallOutcome = Infer<typeof vCallOutcome>;

export type Admission =
  /** After `waitMs`. `watched`: the gate wants to hear of a success, too. */
  | { kind: "go"; waitMs: number; watched: boolean }
  | { kind: "later"; at: number; why: "circuit" | "limited" };

/** However long Fly asks for: an hour later it is asked again. */
export const MAX_NOT_BEFORE_MS = HOUR_MS;

/** Somebody else's probing call is over soon: worth another look after this. */
const PROBE_LOOK_MS = SECOND_MS;

export const OPEN_GATE: GateState = { buckets: {}, notBefore: {}, circuit: CLOSED };

/** Decides about calls in their order. The same state object comes back when nothing was taken. */
export function admitCalls(
  state: GateState,
  actions: readonly FlyAction[],
  now: number,
): { state: GateState; admissions: Admission[] } {
  let current = state;
  const admissions = actions.map((action): Admission => {
    const notBefore = current.notBefore[action] ?? 0;
    if (notBefore > now) return { kind: "later", at: notBefore, why: "limited" };
    const circuit = letThrough(current.circuit, now);
    if (circuit === null) {
      const { state: position, retryAt } = current.circuit;
      const at = position === "open" ? retryAt : now + PROBE_LOOK_MS;
      return { kind: "later", at, why: "circuit" };
    }
    const taken = takeToken(current.buckets[action], limitFor(action), now);
    const watched = circuit.state !== "closed" || circuit.failures > 0;
    const buckets = { ...current.buckets, [action]: taken.bucket };
    current = { ...current, circuit, buckets };
    // takeToken counts from the bucket's own time, which is ahead of ours when our clock was set back.
    const waitMs = taken.waitMs + Math.max(0, taken.bucket.at - now);
    return { kind: "go", waitMs, watched };
  });
  return { state: current, admissions };
}

/** What a call's result changes; what it does not is the same object as before. */
export function settleCall(
  state: GateState,
  action: FlyAction,
  outcome: CallOutcome,
  now: number,
): { state: GateState; change: Change } {
  const health = outcome.kind === "failed" ? outcome : ({ kind: "answered" } satisfies CallOutcome);
  const { circuit, change } = afterCall(state.circuit, health, now);
  if (outcome.kind === "answered") return { state: { ...state, circuit }, change };
  const asked = Math.min(outcome.retryAfterMs ?? 0, MAX_NOT_BEFORE_MS);
  const until = Math.max(state.notBefore[action] ?? 0, now + asked);
  const notBefore = asked > 0 ? { ...state.notBefore, [action]: until } : state.notBefore;
  const buckets = outcome.kind === "limited" ? emptied(state.buckets, action, now) : state.buckets;
  return { state: { circuit, notBefore, buckets }, change };
}

/** Fly counted calls that we do not know of: our bucket is as empty as its own. */
function emptied(
  buckets: GateState["buckets"],
  action: FlyAction,
  now: number,
): GateState["buckets"] {
  const { tokens, at } = buckets[action] ?? { tokens: 0, at: now };
  return { ...buckets, [action]: { tokens: Math.min(0, tokens), at: Math.max(now, at) } };
}

/** What a call's end says about Fly; null: it succeeded. */
export function outcomeOf(error: ProviderError | null): CallOutcome {
  if (error === null) return { kind: "answered" };
  const { status, retryAfterMs } = error.details;
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (error.kind === "rateLimited") return { kind: "limited", ...wait };
  const unanswered = status === undefined || status === 408 || status >= 500;
  if (error.kind !== "transient" || !unanswered) return { kind: "answered" };
  return { kind: "failed", reason: status === undefined ? "no answer" : `HTTP ${status}`, ...wait };
}

/** The first time at which something that is shut now opens; null when nothing is. */
export function nextOpening(
  { circuit, notBefore }: Infer<typeof vShutters>,
  now: number,
): number | null {
  const times = Object.values(notBefore);
  if (circuit.state !== "closed") times.push(circuit.retryAt);
  const ahead = times.filter((at) => at > now);
  return ahead.length === 0 ? null : Math.min(...ahead);
}

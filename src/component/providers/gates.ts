/** The stored gate of an app: asked before every call of the provider, told what came of it. */
import { literals } from "convex-helpers/validators";
import { v } from "convex/values";
import { internalMutation, type Doc, type MutationCtx, type QueryCtx } from "../kit/functions.js";
import { log } from "../kit/logging.js";
import { recordMachineEvent } from "../trail/ops.js";
import {
  admitCalls,
  nextOpening,
  OPEN_GATE,
  settleCall,
  vCallOutcome,
  type GateState,
} from "./fly/admission.js";
import { FLY_ACTIONS, type FlyAction } from "./fly/governor.js";

const vFlyAction = literals(...FLY_ACTIONS);
/** Without these no machine can be created. */
const CREATING: readonly FlyAction[] = ["machineCreate", "volumeCreate", "volumeList"];
/** More apps than a deployment has had. */
const MAX_GATES = 50;

async function findGate(ctx: QueryCtx, appName: string): Promise<Doc<"providerGates"> | null> {
  return await ctx.db
    .query("providerGates")
    .withIndex("by_appName", (q) => q.eq("appName", appName))
    .unique();
}

async function findBuckets(ctx: QueryCtx, appName: string): Promise<Doc<"providerBuckets"> | null> {
  return await ctx.db
    .query("providerBuckets")
    .withIndex("by_appName", (q) => q.eq("appName", appName))
    .unique();
}

/** Writes only what changed: whoever reads the gate is disturbed by trouble, not by every call. */
async function decideGate<T extends object>(
  ctx: MutationCtx,
  appName: string,
  decide: (state: GateState) => T & { state: GateState },
): Promise<T & { state: GateState }> {
  const gate = await findGate(ctx, appName);
  const level = await findBuckets(ctx, appName);
  const { circuit, notBefore } = gate ?? OPEN_GATE;
  const { buckets } = level ?? OPEN_GATE;
  const decision = decide({ circuit, notBefore, buckets });
  const { state } = decision;
  if (state.circuit !== circuit || state.notBefore !== notBefore) {
    const shutters = { circuit: state.circuit, notBefore: state.notBefore };
    if (gate === null) await ctx.db.insert("providerGates", { appName, ...shutters });
    else await ctx.db.patch("providerGates", gate._id, shutters);
  }
  if (state.buckets !== buckets) {
    const levels = { buckets: state.buckets };
    if (level === null) await ctx.db.insert("providerBuckets", { appName, ...levels });
    else await ctx.db.patch("providerBuckets", level._id, levels);
  }
  return decision;
}

/** Takes a token for each call that may be made; one verdict per call, in order. */
export const reserve = internalMutation({
  args: { appName: v.string(), actions: v.array(vFlyAction) },
  returns: v.array(
    v.union(
      v.object({ kind: v.literal("go"), waitMs: v.number(), watched: v.boolean() }),
      v.object({
        kind: v.literal("later"),
        at: v.number(),
        why: literals("circuit", "limited"),
        message: v.string(),
      }),
    ),
  ),
  handler: async (ctx, { appName, actions }) => {
    const now = Date.now();
    const admit = (before: GateState) => admitCalls(before, actions, now);
    const { state, admissions } = await decideGate(ctx, appName, admit);
    return admissions.map((one, n) =>
      one.kind === "go"
        ? one
        : {
            ...one,
            message:
              one.why === "circuit"
                ? describeCircuit(state, appName)
                : describeLimit(actions[n] ?? "", appName, one.at),
          },
    );
  },
});

/** Notes a call's result. Returns until when no further call of this action is to be made, if so. */
export const settle = internalMutation({
  args: { appName: v.string(), action: vFlyAction, outcome: vCallOutcome },
  returns: v.object({ circuitUntil: v.number(), actionUntil: v.number() }),
  handler: async (ctx, { appName, action, outcome }) => {
    const now = Date.now();
    const settled = (before: GateState) => settleCall(before, action, outcome, now);
    const { state, change } = await decideGate(ctx, appName, settled);
    if (change !== null) await recordChange(ctx, appName, change, state, now);
    const { circuit } = state;
    const circuitUntil = circuit.state === "open" ? circuit.retryAt : 0;
    const actionUntil = state.notBefore[action] ?? 0;
    return { circuitUntil, actionUntil };
  },
});

/** Outages are told under the name `provider:<app>`, beside the events of workers. */
async function recordChange(
  ctx: MutationCtx,
  appName: string,
  change: "opened" | "closed",
  state: Pick<GateState, "circuit">,
  now: number,
): Promise<void> {
  const opened = change === "opened";
  log(opened ? "error" : "info", `provider_circuit_${change}`, {
    appName,
    reason: state.circuit.reason,
  });
  const detail = opened ? describeCircuit(state, appName) : "The provider answers again.";
  const kind = opened ? ("provider_down" as const) : ("provider_up" as const);
  await recordMachineEvent(ctx, { workerId: `provider:${appName}`, kind, at: now, detail });
}

function describeCircuit({ circuit }: Pick<GateState, "circuit">, appName: string): string {
  const { failures, reason, retryAt } = circuit;
  return (
    `the provider does not answer for app '${appName}': ${failures} calls in a row failed, the last with ` +
    `${reason}; it is asked again at ${new Date(retryAt).toISOString()}`
  );
}

function describeLimit(action: string, appName: string, at: number): string {
  return `the provider asked for no ${action} of app '${appName}' before ${new Date(at).toISOString()}`;
}

export type GateBlock = {
  kind: "circuit" | "rateLimited";
  message: string;
  since: number;
  until: number;
};

/** Why no machine can be created in this app now, as far as its provider is concerned. Reads one row. */
export async function findGateBlock(
  ctx: QueryCtx,
  appName: string,
  now: number,
): Promise<GateBlock | null> {
  const row = await findGate(ctx, appName);
  if (row === null) return null;
  const { circuit, notBefore } = row;
  if (circuit.state !== "closed")
    return {
      kind: "circuit",
      message: describeCircuit(row, appName),
      since: circuit.since,
      until: circuit.retryAt,
    };
  const limited = CREATING.map((action) => ({ action, at: notBefore[action] ?? 0 }))
    .filter(({ at }) => at > now)
    .sort((a, b) => b.at - a.at)[0];
  if (limited === undefined) return null;
  const { action, at } = limited;
  return {
    kind: "rateLimited",
    message: describeLimit(action, appName, at),
    since: now,
    until: at,
  };
}

/** When the first gate that is shut now opens; null when none is. */
export async function nextGateOpening(ctx: QueryCtx, now: number): Promise<number | null> {
  const rows = await ctx.db.query("providerGates").take(MAX_GATES);
  const times = rows.flatMap((row) => nextOpening(row, now) ?? []);
  return times.length === 0 ? null : Math.min(...times);
}

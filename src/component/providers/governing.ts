/** The governor of an action: it asks the stored gate of its app, and waits as long as its caller has patience. */
import { internal } from "../_generated/api.js";
import type { ActionCtx } from "../kit/functions.js";
import type { CallOutcome } from "./fly/admission.js";
import { WAIT_MARGIN_MS, type FlyAction, type Governor } from "./fly/governor.js";
import { ProviderError } from "./provider.js";

type Verdict =
  | { kind: "go"; waitMs: number; watched: boolean }
  | { kind: "later"; at: number; why: "circuit" | "limited"; message: string };
type Asked = {
  action: FlyAction;
  resolve: (verdict: Verdict) => void;
  reject: (error: unknown) => void;
};

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * `patienceMs`: how long a call may be held back by a provider that is down or asked for a pause; beyond it the call
 * fails without being made. Calls of one action that ask at the same time share a transaction.
 */
export function storedGovernor(
  ctx: Pick<ActionCtx, "runMutation">,
  appName: string,
  patienceMs: number,
): Governor {
  let queue: Asked[] = [];
  let asking = false;
  let watched = false;
  let circuitUntil = 0;
  const actionUntil = new Map<FlyAction, number>();

  async function ask(): Promise<void> {
    asking = true;
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      try {
        const actions = batch.map(({ action }) => action);
        const verdicts: Verdict[] = await ctx.runMutation(internal.providers.gates.reserve, {
          ...{ appName, actions },
        });
        for (const [n, { resolve, reject }] of batch.entries()) {
          const verdict = verdicts[n];
          if (verdict === undefined) reject(new Error("the gate gave no verdict"));
          else resolve(verdict);
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    asking = false;
  }

  async function reserve(action: FlyAction): Promise<Verdict> {
    return await new Promise((resolve, reject) => {
      queue.push({ action, resolve, reject });
      if (!asking) void ask();
    });
  }

  const isHeld = (action: FlyAction) =>
    Math.max(circuitUntil, actionUntil.get(action) ?? 0) > Date.now();

  return {
    async admit(action) {
      const giveUpAt = Date.now() + patienceMs;
      for (;;) {
        const verdict = await reserve(action);
        if (verdict.kind === "later") {
          const now = Date.now();
          if (verdict.at > giveUpAt) throw refusal(verdict, now);
          await sleep(Math.max(0, verdict.at - now) + WAIT_MARGIN_MS);
          continue;
        }
        if (verdict.watched) watched = true;
        if (verdict.waitMs === 0) return;
        await sleep(verdict.waitMs + WAIT_MARGIN_MS);
        // Another call has been told meanwhile to leave the provider alone.
        if (!isHeld(action)) return;
      }
    },

    async settle(action: FlyAction, outcome: CallOutcome) {
      if (outcome.kind === "answered" && !watched) return;
      watched = outcome.kind === "failed";
      const until: { circuitUntil: number; actionUntil: number } = await ctx.runMutation(
        internal.providers.gates.settle,
        { appName, action, outcome },
      );
      circuitUntil = until.circuitUntil;
      actionUntil.set(action, until.actionUntil);
    },
  };
}

/** The call was not made: nothing is ambiguous about it. */
function refusal(verdict: Extract<Verdict, { kind: "later" }>, now: number): ProviderError {
  const kind = verdict.why === "circuit" ? "transient" : "rateLimited";
  return new ProviderError(kind, verdict.message, { retryAfterMs: verdict.at - now });
}

/** The world of a seed: small, and different from the next one's. */
import type { PolicyOverrides } from "../../src/component/config.js";
import type { Budget } from "./budget.js";
import type { Draws } from "./draws.js";

type Span = readonly [min: number, max: number];

export type Setting = {
  maxWorkers: number;
  /** Conversations of the app, and chats of the bot. */
  conversations: readonly string[];
  chats: readonly number[];
  onUnknown: "silence" | "duplicate";
  leaseMs: number;
  heartbeatMs: number;
  /** How long a worker's process takes to start, and its agent to think. */
  bootMs: Span;
  thoughtMs: Span;
  /** A worker waits up to so many times longer than it was told before it asks for work again. */
  laziness: number;
  /** Chance of something happening outside per step, in busy and in quiet times. */
  busy: number;
  quiet: number;
  /** Some seeds have a budget of a few machine minutes a day; null: without limit. */
  budget: Budget | null;
  policy: PolicyOverrides;
};

export const VOLUME_SIZE_GB = 1;
const SECOND = 1_000;
/** What a minute of the default machine costs, about. */
const MINUTE_USD = 0.00025;
const BUDGETED_SHARE = 0.3;

export function settingOf(draws: Draws): Setting {
  const pick = (key: string, min: number, max: number) =>
    min + Math.floor(draws.at(`setting/${key}`) * (max - min + 1));
  const maxWorkers = pick("maxWorkers", 1, 3);
  const leaseMs = pick("lease", 15, 40) * SECOND;
  const heartbeatMs = pick("heartbeat", 3, 8) * SECOND;
  const onUnknown = draws.at("setting/onUnknown") < 0.7 ? "silence" : "duplicate";
  const range = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  return {
    maxWorkers,
    conversations: range(pick("conversations", 1, 3)).map((n) => `chat:${n}`),
    chats: range(pick("chats", 1, 2)).map((n) => 500 + n),
    onUnknown,
    leaseMs,
    heartbeatMs,
    bootMs: [200, 3_000],
    thoughtMs: [200, 4 * heartbeatMs],
    laziness: 5,
    busy: 0.08,
    quiet: 0.01,
    budget: budgetOf(draws),
    policy: {
      scaling: {
        maxWorkers,
        spawnStep: pick("spawnStep", 1, 2),
        idleTimeoutMs: pick("idle", 20, 90) * SECOND,
        reconcileIntervalMs: pick("reconcile", 5, 15) * SECOND,
      },
      lease: {
        leaseMs,
        heartbeatIntervalMs: heartbeatMs,
        staleAfterMs: leaseMs + pick("stale", 10, 30) * SECOND,
      },
      retry: { maxAttempts: pick("maxAttempts", 2, 5), maxDelayMs: 20 * SECOND },
      delivery: { onUnknown },
    },
  };
}

function budgetOf(draws: Draws): Budget | null {
  if (draws.at("setting/budgeted") >= BUDGETED_SHARE) return null;
  // Half of them are used up by the first conversation.
  const scale = draws.at("setting/tight") < 0.5 ? 0.2 : 1;
  return {
    owner: draws.at("setting/budgetOf") < 0.5 ? "deployment" : "agent",
    usdPerDay: MINUTE_USD * scale * (1 + 4 * draws.at("setting/budget")),
  };
}

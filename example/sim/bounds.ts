/** How long what must end may take, when every fault comes at the wrong moment. */
import { PASS_LEASE_MS } from "../../src/component/kit/wake.js";
import { MINUTE_MS } from "../../src/shared/time.js";
import type { Fault } from "./weather.js";
import { ORPHAN_GRACE_MS } from "../../src/component/scheduler/validators.js";
import {
  BOOT_DEADLINE_MS,
  BUDGET_DRAIN_DEADLINE_MS,
} from "../../src/component/workers/validators.js";

/**
 * A machine that no live row knows is watched, destroyed after its grace, and may have to wait for a creation that is
 * still unsure and for passes that fail; twice that is a leak.
 */
export const STRAY_BOUND_MS = 2 * (ORPHAN_GRACE_MS + BOOT_DEADLINE_MS);

/** The watchdog of a pass comes when its lease is over; nothing in these worlds waits for longer than that. */
export const NEXT_PASS_BOUND_MS = PASS_LEASE_MS + 2_000;

/**
 * How long a machine can still burn money after the budget is used up, at most: a pass may die before another one notices,
 * a busy worker finishes its message, and a machine that Fly does not let go of counts as a stray at most.
 */
const BURN_BOUND_MS = 2 * PASS_LEASE_MS + BUDGET_DRAIN_DEADLINE_MS + STRAY_BOUND_MS;
/** The same when nothing goes wrong: passes judge about once a minute, then a message is finished and memory stored. */
const UNDISTURBED_BURN_MS = 2 * MINUTE_MS;
/** By how much a fault can delay that; the others take seconds, or end a machine. */
const DELAY_MS: Partial<Record<Fault, number>> = {
  killAction: PASS_LEASE_MS,
  hang: BUDGET_DRAIN_DEADLINE_MS,
  bootFail: BOOT_DEADLINE_MS,
  partialCreate: STRAY_BOUND_MS,
  flyLostAnswer: STRAY_BOUND_MS,
  ...{ stall: 2 * MINUTE_MS, lateCall: 2 * MINUTE_MS, lateTimer: 2 * MINUTE_MS },
  ...{ fly429: 2 * MINUTE_MS, fly500: 2 * MINUTE_MS, flyTimeout: 2 * MINUTE_MS },
  ...{ emptyList: 2 * MINUTE_MS, wrongList: 2 * MINUTE_MS },
};

/** Faults after which a machine may end, or begin, and nobody sees it. */
const BLINDING: ReadonlySet<string> = new Set<Fault>([
  ...(["crash", "machineLoss", "machineStop", "killAction", "lateTimer"] as const),
  ...(["partialCreate", "flyLostAnswer", "flyTimeout", "emptyList", "wrongList"] as const),
]);
/** Half of an idle worker's longest silence, and the start of a machine. */
const UNSEEN_END_MS = 35_000;
const START_MS = 2_000;

/** Of a machine that never says a word: half of the time between two looks, when a pass died between them. */
const MUTE: ReadonlySet<string> = new Set<Fault>(["bootFail", "hang"]);
const MUTE_END_MS = (PASS_LEASE_MS + MINUTE_MS) / 2;

/** How far the ledger may be from the meter: 1 %, the starts, and every end that may have gone unseen. */
export function ledgerBoundMs(
  meterMs: number,
  machines: number,
  struck: readonly string[],
): number {
  const blinding = struck.filter((id) => BLINDING.has(id.split("/")[0] ?? "")).length;
  const unseen = Math.min(machines, blinding);
  const mute = struck.filter((id) => MUTE.has(id.split("/")[0] ?? "")).length;
  const endsMs = unseen * UNSEEN_END_MS + (unseen > 0 ? mute * MUTE_END_MS : 0);
  return Math.round(0.01 * meterMs + machines * START_MS + endsMs);
}

/** How long a machine may burn money after the budget is used up, with what went wrong around that moment. */
export function burnBoundMs(struck: readonly string[]): number {
  const delays = struck.map((id) => DELAY_MS[id.split("/")[0] as Fault] ?? 0);
  const sum = delays.reduce((total, delay) => total + delay, UNDISTURBED_BURN_MS);
  return Math.min(BURN_BOUND_MS, sum);
}

/** How long what must end may take, when every fault comes at the wrong moment. */
import { PASS_LEASE_MS } from "../../src/component/kit/wake.js";
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

/**
 * How long a machine can still burn money after the budget is used up: a pass may die before another one notices, a busy
 * worker finishes its message, and a machine that Fly does not let go of counts as a stray at most.
 */
export const BURN_BOUND_MS = 2 * PASS_LEASE_MS + BUDGET_DRAIN_DEADLINE_MS + STRAY_BOUND_MS;

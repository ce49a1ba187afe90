import { FlyError } from "./errors.js";
import type { Clock } from "./clock.js";

export type CapacityMode =
  | "ok"
  | "regionFull"
  | "regionFull503"
  | "hostFull"
  | "createResources"
  | "volumeNoCapacity"
  | "volumeHostFull"
  | "regionQuota"
  | "machineLimit"
  | "trial"
  | "unknownStatus"
  | "textWithoutStatus"
  | "statusWithMisleadingText";

export interface CapacityRule {
  /** How many more go through before it is full. */
  n?: number;
  /** When it ends, on the server's clock. */
  until?: number;
}

type Need = "createMachine" | "createMachineWithVolume" | "startMachine" | "createVolume";

const MEMORY = "insufficient memory available to fulfill request";
const FULL = "could not find a candidate host";
const REGION = "insufficient_capacity";

function answer(mode: CapacityMode, region: string, org: string): FlyError {
  switch (mode) {
    case "regionFull":
      return new FlyError(422, FULL, REGION);
    case "regionFull503":
      return new FlyError(503, "out of capacity", REGION);
    case "hostFull":
      return new FlyError(
        409,
        `aborted: could not reserve resource for machine: ${MEMORY} on the current host`,
      );
    case "createResources":
      return new FlyError(
        409,
        `aborted: insufficient resources available to fulfill request: ${MEMORY}`,
      );
    case "volumeNoCapacity":
    case "textWithoutStatus":
      return new FlyError(409, "aborted: no capacity");
    case "volumeHostFull":
      return new FlyError(
        412,
        "failed_precondition: insufficient resources to create new machine with existing volume",
        "volume_placement_capacity",
      );
    case "regionQuota":
      return new FlyError(
        403,
        `organization "${org}" is using 4096 MB of memory in ${region} which is over the allowed quota. please consider other regions`,
      );
    case "machineLimit":
      return new FlyError(
        422,
        "Your organization has reached its machine limit. Please contact billing@fly.io",
      );
    case "trial":
      return new FlyError(
        422,
        "To create more than 1 machine per app please add a payment method.",
      );
    case "unknownStatus":
      return new FlyError(422, FULL, "something_new");
    case "statusWithMisleadingText":
      return new FlyError(409, "aborted: no capacity", "unknown");
    case "ok":
      throw new Error("a region with capacity has no error");
  }
}

function concerns(mode: CapacityMode, need: Need): boolean {
  if (mode === "volumeNoCapacity") return need === "createVolume";
  if (mode === "volumeHostFull") return need === "createMachineWithVolume";
  if (need === "startMachine") return mode === "hostFull";
  return need !== "createVolume";
}

/** Room for machines and volumes, by region; the region `*` is all of them. */
export class Capacity {
  readonly #rules = new Map<string, CapacityRule & { mode: CapacityMode; left: number }>();

  constructor(
    private readonly clock: Clock,
    private readonly org: string,
  ) {}

  set(region: string, mode: CapacityMode, rule: CapacityRule = {}): void {
    if (mode === "ok") this.#rules.delete(region);
    else this.#rules.set(region, { ...rule, mode, left: rule.n ?? 0 });
  }

  take(region: string, need: Need): void {
    const rule = this.#rules.get(region) ?? this.#rules.get("*");
    if (!rule || !concerns(rule.mode, need)) return;
    if (this.clock.now() >= (rule.until ?? Infinity)) return;
    if (rule.left > 0) rule.left--;
    else throw answer(rule.mode, region, this.org);
  }
}

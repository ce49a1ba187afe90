/** From a stored configuration to a provider. */
import { refuse } from "../../shared/errors.js";
import type { FlyClientOptions } from "./fly/client.js";
import type { ActionCtx } from "../kit/functions.js";
import { createFlyProvider } from "./fly/fly.js";
import { storedGovernor } from "./governing.js";
import type { WorkerProvider } from "./provider.js";
import type { MachineEnd, ProviderMachine } from "./validators.js";

export type ProviderDeps = Pick<
  FlyClientOptions,
  "fetch" | "now" | "sleep" | "random" | "timeoutMs" | "governor"
>;

/**
 * The provider for this configuration. Its calls share one rate limit, which a stored governor shares with all others.
 * @throws ConvexError `PROVIDER_UNSUPPORTED` for every kind but "fly"
 * @throws ProviderError `auth` for a token that cannot be sent, `invalid` for a bad app name or base URL
 */
export function providerFor(
  config: { kind: string; appName: string },
  credentials: { token: string; baseUrl?: string },
  deps: ProviderDeps = {},
): WorkerProvider {
  if (config.kind !== "fly") {
    refuse("PROVIDER_UNSUPPORTED", `Unsupported provider '${config.kind}'`);
  }
  return createFlyProvider({ ...deps, ...credentials, appName: config.appName });
}

/** The provider of an action. Its calls pass the stored gate of the app, and wait for it at most `patienceMs`. */
export function governedProvider(
  ctx: Pick<ActionCtx, "runMutation">,
  target: { kind: string; appName: string; apiBaseUrl?: string | null | undefined },
  token: string,
  patienceMs: number,
): WorkerProvider {
  const credentials = { token, ...(target.apiBaseUrl ? { baseUrl: target.apiBaseUrl } : {}) };
  const governor = storedGovernor(ctx, target.appName, patienceMs);
  return providerFor(target, credentials, { governor });
}

/** What the provider says about the end of a machine; nothing when it knows none. */
export function endOf(machine: ProviderMachine | null): MachineEnd {
  return {
    stoppedAt: machine?.stoppedAt ?? null,
    destroyedAt: (machine?.phase === "destroyed" ? machine.changedAt : null) ?? null,
  };
}

export { findGateBlock, nextGateOpening, type GateBlock } from "./gates.js";
export { storedGovernor } from "./governing.js";
export { workerVolumeName } from "./fly/naming.js";
export { deleteFlyVolume as deleteVolumeById } from "./fly/deleteVolume.js";
export { ProviderError, type WorkerProvider } from "./provider.js";

/** From a stored configuration to a provider. */
import { refuse } from "../../shared/errors.js";
import type { FlyClientOptions } from "./fly/client.js";
import { createFlyProvider } from "./fly/fly.js";
import type { WorkerProvider } from "./provider.js";

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

export { findGateBlock, nextGateOpening, type GateBlock } from "./gates.js";
export { storedGovernor } from "./governing.js";
export { workerVolumeName } from "./fly/naming.js";
export { deleteFlyVolume as deleteVolumeById } from "./fly/deleteVolume.js";
export { ProviderError, type WorkerProvider } from "./provider.js";

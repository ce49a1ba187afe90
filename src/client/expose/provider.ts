import type { ProviderConfig } from "../../component/config.js";
import type { ProviderOptions } from "../types.js";

/** `providerConfig` as an argument for the component: the caller's, else the app's, else none. */
export function providerArg(
  options: ProviderOptions,
  given?: ProviderConfig,
): { providerConfig?: ProviderConfig } {
  const providerConfig = given ?? options.providerConfig;
  return providerConfig === undefined ? {} : { providerConfig };
}

import type { ComponentApi } from "../component/_generated/component.js";
import type { Exposed } from "./define.js";
import { operatorDefinitions } from "./exposeApi.js";
import { exposeInternal } from "./guard.js";
import type { ProviderOptions } from "./types.js";

/** What `exposeOperatorApi` returns. */
export type AgentFactoryOperatorApi = Exposed<ReturnType<typeof operatorDefinitions>, "internal">;

/**
 * The operator functions as *internal* functions of your app: for crons, and for `npx convex run` and the dashboard,
 * which know no user that `auth` could ask about. No client can call them.
 *
 * ```ts
 * // convex/operator.ts
 * export const { importSecret, configureAgent, startWorkers } = exposeOperatorApi(components.agentFactory);
 * ```
 *
 * ```sh
 * npx convex run operator:secretStatus '{"secretRefs":["convex.url","fly.apiToken"]}'
 * ```
 */
export function exposeOperatorApi(
  component: ComponentApi,
  options: ProviderOptions = {},
): AgentFactoryOperatorApi {
  return exposeInternal(operatorDefinitions(component.lib, options));
}

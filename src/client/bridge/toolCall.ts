/** Tools of an agent that are functions of an app: `bridge.<functionKey>`. */
import {
  processEnv,
  resolveBridgeRuntimeConfig,
  type BridgeEnv,
  type HydratedBridgeRuntimeConfig,
} from "./config.js";
import { executeBridgeFunction, type BridgeCall, type BridgeExecutionResult } from "./execute.js";

const BRIDGE_TOOL = /^bridge\.([A-Za-z0-9._-]+)$/;

/** True for `bridge.` followed by letters, digits, dots, underscores and dashes. */
export function isBridgeToolName(toolName: string): boolean {
  return BRIDGE_TOOL.test(toolName);
}

/** The function key of a bridge tool's name; null when it is none. */
export function bridgeFunctionKeyFromToolName(toolName: string): string | null {
  return BRIDGE_TOOL.exec(toolName)?.[1] ?? null;
}

export type BridgeToolCall = {
  toolName: string;
  toolArgs: unknown;
  hydratedConfig: HydratedBridgeRuntimeConfig | null;
  env?: BridgeEnv;
} & Pick<
  BridgeCall,
  "userToken" | "fetchImpl" | "retry" | "timeoutMs" | "idempotencyKey" | "auditHeaders"
>;

/**
 * Runs a tool call that belongs to the bridge. Tools of other names are not handled; an incomplete config is
 * answered with status 400 and what is missing.
 *
 * @throws like `executeBridgeFunction`
 */
export async function maybeExecuteBridgeToolCall(
  call: BridgeToolCall,
): Promise<
  { handled: false } | { handled: true; functionKey: string; response: BridgeExecutionResult }
> {
  const { toolName, toolArgs, hydratedConfig, env = processEnv(), ...options } = call;
  const functionKey = bridgeFunctionKeyFromToolName(toolName);
  if (functionKey === null) return { handled: false };
  const resolved = resolveBridgeRuntimeConfig(hydratedConfig, env);
  if (!resolved.ok) {
    const { error } = resolved;
    return {
      ...{ handled: true, functionKey },
      response: { success: false, status: 400, functionKey, error },
    };
  }
  const { config } = resolved;
  const response = await executeBridgeFunction({ ...options, config, functionKey, args: toolArgs });
  return { handled: true, functionKey, response };
}

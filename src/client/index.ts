/**
 * The app's side of agent-factory: everything an app imports from `@okrlinkhub/agent-factory`.
 *
 * ```ts
 * // convex/agentFactory.ts
 * export const { enqueue, startWorkers } = exposeApi(components.agentFactory, { auth });
 * // convex/http.ts
 * registerRoutes(http, components.agentFactory);
 * ```
 */

// ── Start here ──────────────────────────────────────────────────────────────
export { exposeApi } from "./exposeApi.js";
export type { AgentFactoryApi, ExposedFunctionName } from "./exposeApi.js";
export { exposeOperatorApi } from "./exposeOperatorApi.js";
export type { AgentFactoryOperatorApi } from "./exposeOperatorApi.js";
export { registerRoutes } from "./registerRoutes.js";

// ── Authorisation and options ───────────────────────────────────────────────
export type {
  AuthCallback,
  AuthCtx,
  ExposeApiOptions,
  IdentifyingArg,
  IdentifyingArgs,
  Operation,
  ProviderOptions,
  ReadOperation,
  RegisterRoutesOptions,
  Sensitivity,
  TelegramUpdate,
  WriteOperation,
} from "./types.js";

// ── Configuration ───────────────────────────────────────────────────────────
export {
  DEFAULT_CONFIG,
  DEFAULT_PATH_PREFIX,
  DEFAULT_WORKER_IMAGE,
  DEFAULT_WORKER_RUNTIME_ENV,
  DEFAULT_WORKER_VOLUME_NAME,
  DEFAULT_WORKER_VOLUME_PATH,
  mergeWithDefaultConfig,
} from "../component/config.js";
export type {
  AgentFactoryConfig,
  DeliveryPolicy,
  HydrationPolicy,
  LeasePolicy,
  MessageConfig,
  PolicyOverrides,
  ProviderConfig,
  QueuePolicy,
  RetryPolicy,
  ScalingPolicy,
  WorkerRuntimeConfig,
} from "../component/config.js";

// ── Bridge: functions of an app as tools of an agent ────────────────────────
export { resolveBridgeRuntimeConfig } from "./bridge/config.js";
export type {
  BridgeEnv,
  HydratedBridgeRuntimeConfig,
  ResolvedBridgeRuntimeConfig,
} from "./bridge/config.js";
export { executeBridgeFunction } from "./bridge/execute.js";
export type { BridgeCall, BridgeExecutionResult, BridgeRetry } from "./bridge/execute.js";
export {
  bridgeFunctionKeyFromToolName,
  isBridgeToolName,
  maybeExecuteBridgeToolCall,
} from "./bridge/toolCall.js";
export type { BridgeToolCall } from "./bridge/toolCall.js";

// ── What the functions take and return ──────────────────────────────────────
export type { MessageTemplateView } from "../component/messageTemplates/validators.js";
export type {
  AgentDispatchView,
  AudienceCursor,
  BroadcastReceipt,
  BroadcastView,
  DispatchReport,
  Periodicity,
  PushJobView,
  PushTemplateView,
  Schedule,
  Slot,
} from "../component/push/validators.js";
export type { QueueItemView } from "../component/queue/validators.js";
export type { SnapshotView } from "../component/snapshots/validators.js";
export type { ConversationView } from "../component/userAgents/validators.js";
export type { MessageExplanation, WaitKind } from "../component/views/validators.js";

// ── Errors ──────────────────────────────────────────────────────────────────
export { ERROR_CODES, isAgentFactoryError } from "../shared/errors.js";
export type { AgentFactoryErrorData, ErrorCode } from "../shared/errors.js";

// ── The component ───────────────────────────────────────────────────────────
export type { ComponentApi } from "../component/_generated/component.js";

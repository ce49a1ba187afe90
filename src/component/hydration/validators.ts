import { v, type Infer } from "convex/values";
import { vDeliveryPolicy } from "../config.js";
import { vHistoryEntry, vToolCall } from "../conversations/validators.js";
import { vAnswerView, vPayloadView } from "../queue/validators.js";

const vNullableString = v.union(v.null(), v.string());

export const vBridgeRuntimeConfig = v.object({
  baseUrl: vNullableString,
  appBaseUrlMapJson: vNullableString,
  serviceId: vNullableString,
  appKey: vNullableString,
  serviceKey: vNullableString,
  serviceKeySecretRef: vNullableString,
  botIdentity: vNullableString,
});
export type BridgeRuntimeConfig = Infer<typeof vBridgeRuntimeConfig>;

export const vHydrationBundle = v.object({
  messageId: v.string(),
  conversationId: v.string(),
  agentKey: v.string(),
  /** messageText carries the system prompt for images that know none; see userText. */
  payload: vPayloadView,
  conversationState: v.object({
    contextHistory: v.array(vHistoryEntry),
    pendingToolCalls: v.array(vToolCall),
  }),
  telegramBotToken: vNullableString,
  bridgeRuntimeConfig: v.union(v.null(), vBridgeRuntimeConfig),
  userText: v.string(),
  systemPrompt: vNullableString,
  /** A stored answer: deliver it, do not run the agent again. */
  answer: v.union(v.null(), vAnswerView),
  deliveryPolicy: vDeliveryPolicy,
});
export type HydrationBundle = Infer<typeof vHydrationBundle>;

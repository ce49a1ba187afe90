/** The door of identity for later rooms. */
export {
  bindAgent,
  findTelegramBinding,
  loadActiveBinding,
  loadLatestBinding,
  revokeBindings,
  userAgentTarget,
  type NewBinding,
  type UserAgentTarget,
} from "./bindings.js";
export {
  botUsername,
  clearChatBlocked,
  isChatBlocked,
  isWebhookVerified,
  loadBot,
  markChatBlocked,
  moveTelegramChat,
  saveBot,
  type TelegramBot,
} from "./bots.js";
export {
  countWrongCode,
  createCode,
  isGuessing,
  loadNewestCode,
  markExpired,
  toPairingView,
  tryConsume,
} from "./pairing.js";
export { conversationIdFor, deepLinkFor } from "./policy.js";
export type { Binding, PairingCode } from "./store.js";

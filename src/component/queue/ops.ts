/** The queue's door for later rooms. */
export { enqueueMessage, type NewMessage } from "./intake.js";
export { findIngress, rememberIngress } from "./ingress.js";
export { loadUntouched, reviseWaiting } from "./revising.js";
export { claimMessage } from "./claiming.js";
export {
  completeMessage,
  failMessage,
  handBackMessage,
  heartbeatMessage,
  heldMessage,
  returnMessage,
  type LeaseRef,
} from "./outcomes.js";
export { expireLeases, loseLease, LEASE_LOST_ERROR } from "./leases.js";
export { loadAnswer, recordDelivery, storeAnswer, toAnswerView } from "./answers.js";
export { unblockAgent } from "./pausing.js";
export { findMediaFile, registerMediaFile } from "./media.js";
export { attachMetadata, botOfMessage } from "./payload.js";
export { countOfStatus, hasQueued, listForConversation } from "./listings.js";
export { adopt, findHead, settle, type Message } from "./store.js";
export { countLegacyRows, takeOverLegacyRows } from "./takeover.js";

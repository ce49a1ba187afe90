/**
 * The component's public API: `components.agentFactory.lib.<name>`.
 * Nothing is defined here; each function lives in its room's `*.public.ts`.
 */

// ── Host app: messages and conversations ────────────────────────────────────
export {
  attachMessageMetadata,
  enqueue,
  generateMediaUploadUrl,
  getStorageFileUrl,
  hasQueuedJobsForConversation,
  listMessageEvents,
  listQueueItemsForConversation,
  queueStats,
  registerUploadedFile,
} from "./queue/host.public.js";
export { listConversationMessages } from "./conversations/host.public.js";
export { listSnapshotsForConversation } from "./snapshots/host.public.js";

// ── Host app: users, their agents and their Telegram chats ──────────────────
export {
  bindUserAgent,
  consumePairingCode,
  createPairingCode,
  createUserAgentPairing,
  getActiveUserAgent,
  getAgentOperationalReadiness,
  getPairingCodeStatus,
  getTelegramAgentReadiness,
  getUserAgent,
  getUserAgentBinding,
  getUserAgentOnboardingState,
  getUserAgentPairingStatus,
  getUserAgentsOverview,
  listUserAgents,
  resolveAgentForTelegram,
  resolveAgentForUser,
  revokeUserAgentBinding,
} from "./identity/host.public.js";

// ── Host app: users' pages, templates, pushes ───────────────────────────────
export {
  getConversationViewForUserAgent,
  getLatestSnapshotForUserAgent,
  listQueueItemsForUserAgent,
  listSnapshotsForUserAgent,
  sendMessageToUserAgent,
} from "./userAgents/host.public.js";
export {
  createMessageTemplate,
  deleteMessageTemplate,
  listMessageTemplatesByCompany,
  sendMessageTemplateToUserAgent,
  updateMessageTemplate,
} from "./messageTemplates/host.public.js";
export {
  createPushJobCustom,
  createPushJobCustomForAgent,
  createPushJobFromTemplate,
  createPushJobFromTemplateForAgent,
  deletePushJob,
  listPushDispatchesByJob,
  listPushDispatchesForAgent,
  listPushJobsForAgent,
  listPushJobsForUser,
  setPushJobEnabled,
  triggerPushJobNow,
  triggerPushJobNowForAgent,
  updatePushJob,
  updatePushJobForAgent,
} from "./push/host.public.js";

export {
  explainMessage,
  getUserAgentConversationStats,
  getUserAgentPushStats,
  getUserAgentUsageStats,
} from "./views/host.public.js";

// ── Worker protocol: claim → hydrate → heartbeat → complete | fail ──────────
export { claim, complete, fail, heartbeat } from "./queue/worker.public.js";
export { getHydrationBundle } from "./hydration/worker.public.js";
export { appendConversationMessages } from "./conversations/worker.public.js";
export {
  failDataSnapshotUpload,
  finalizeDataSnapshotUpload,
  getLatestDataSnapshotForRestore,
  getWorkerControlState,
  prepareDataSnapshotUpload,
} from "./workers/worker.public.js";
export { getWorkerGlobalSkillsManifest } from "./skills/worker.public.js";
export { workerGatewayMutation, workerGatewayQuery } from "./gateway/worker.public.js";

// ── Operators: agents and settings ──────────────────────────────────────────
export { getAgentProfile, listAgentProfiles } from "./agents/host.public.js";
export {
  messageRuntimeConfig,
  policyConfig,
  providerRuntimeConfig,
  setMessageRuntimeConfig,
  setPolicyConfig,
  setProviderRuntimeConfig,
  setWorkerRuntimeConfig,
  workerRuntimeConfig,
} from "./settings/operator.public.js";

// ── Operators: identity ─────────────────────────────────────────────────────
export {
  getProviderOperationalReadiness,
  getRequiredSecretRefs,
  listBlockedTelegramChats,
  softResetTelegramBindingsMissingBotIdentity,
} from "./identity/operator.public.js";

// ── Telegram ────────────────────────────────────────────────────────────────
export {
  configureTelegramWebhook,
  deleteQuarantinedTelegramUpdate,
  getQuarantinedTelegramUpdate,
  getWebhookReadiness,
  importTelegramTokenForAgent,
  listQuarantinedTelegramUpdates,
  reconcileTelegramBotIdentityForAgent,
  resubmitQuarantinedTelegramUpdate,
} from "./telegram/operator.public.js";
export { ingestTelegramUpdate, mayPostTelegramUpdate } from "./telegram/ingress.public.js";

// ── Operators: secrets ──────────────────────────────────────────────────────
export {
  deactivateSecret,
  importSecret,
  resealSecrets,
  secretsKeyStatus,
  secretStatus,
} from "./secrets/operator.public.js";

// ── Operators: the upgrade from 3.x ─────────────────────────────────────────
export { startUpgrade, upgradeStatus } from "./upgrade/operator.public.js";

// ── Operators: the queue ────────────────────────────────────────────────────
export {
  configureAgent,
  listConversationsByState,
  listDeadLetterGroups,
  listDeadLetters,
  listJobsByStatus,
  pauseAgent,
  pauseConversation,
  redriveDeadLetters,
  releaseStuckJobs,
  resumeAgent,
  resumeConversation,
  skipMessage,
} from "./queue/operator.public.js";

// ── Operators: pushes and broadcasts ────────────────────────────────────────
export {
  cancelBroadcast,
  createPushTemplate,
  deletePushTemplate,
  dispatchDuePushJobs,
  listBroadcastReceipts,
  listBroadcasts,
  listPushTemplatesByCompany,
  previewBroadcast,
  sendBroadcastToAllActiveAgents,
  updatePushTemplate,
} from "./push/operator.public.js";

// ── Operators: workers and machines ─────────────────────────────────────────
export { drainWorker, listWorkerEvents, listWorkers } from "./workers/operator.public.js";
export {
  checkIdleShutdowns,
  deleteFlyVolume,
  explainPass,
  reconcileWorkers,
  workerStats,
} from "./scheduler/operator.public.js";

export { lastCleanupReport, runFlyCleanup } from "./cleanup/operator.public.js";

// ── Operators: global skills ────────────────────────────────────────────────
export {
  deleteGlobalSkill,
  deployGlobalSkill,
  listGlobalSkillReleases,
  listGlobalSkills,
  rollbackGlobalSkill,
  setGlobalSkillStatus,
} from "./skills/operator.public.js";

/**
 * The component's functions as functions of this app: `api.agentFactory.*`. Every one of them asks `auth` first.
 *
 * Keep the file's name: worker images call `agentFactory:<function>`. An app exports only what its clients use; this
 * one leaves the worker functions out, because its machines come through the gateway (http.ts).
 */
import { exposeApi } from "@okrlinkhub/agent-factory";
import { components } from "./_generated/api.js";
import { auth } from "./auth.js";

export const {
  // For people
  enqueue,
  generateMediaUploadUrl,
  listConversationMessages,
  listQueueItemsForConversation,
  listSnapshotsForConversation,
  registerUploadedFile,

  // For people: their agents and Telegram chats
  createUserAgentPairing,
  getUserAgent,
  getUserAgentBinding,
  getUserAgentOnboardingState,
  getUserAgentPairingStatus,
  getUserAgentsOverview,
  importTelegramTokenForAgent,
  listUserAgents,
  myAgentKey,
  revokeUserAgentBinding,
  getConversationViewForUserAgent,
  listSnapshotsForUserAgent,
  sendMessageToUserAgent,

  // For people: what they are pushed and when
  createPushJobCustomForAgent,
  createPushJobFromTemplateForAgent,
  deletePushJob,
  listPushDispatchesForAgent,
  listPushJobsForUser,
  setPushJobEnabled,
  triggerPushJobNowForAgent,
  updatePushJobForAgent,

  // For operators: Telegram, and who talks to which agent
  bindUserAgent,
  getAgentOperationalReadiness,
  getProviderOperationalReadiness,
  getRequiredSecretRefs,
  listBlockedTelegramChats,
  configureTelegramWebhook,
  getWebhookReadiness,
  listQuarantinedTelegramUpdates,
  reconcileTelegramBotIdentityForAgent,

  // For operators: agents, settings, secrets
  configureAgent,
  deactivateSecret,
  diagnose,
  getMessageRuntimeConfig,
  getPolicyConfig,
  getProviderRuntimeConfig,
  getWorkerRuntimeConfig,
  importSecret,
  listAgents,
  resealSecrets,
  secretsKeyStatus,
  secretStatus,
  seedDefaultAgent,
  setMessageRuntimeConfig,
  setPolicyConfig,
  setProviderRuntimeConfig,
  setWorkerRuntimeConfig,
  startUpgrade,
  upgradeStatus,

  // For operators: the queue
  listConversationsByState,
  listDeadLetterGroups,
  listDeadLetters,
  listJobsByStatus,
  listMessageEvents,
  pauseAgent,
  pauseConversation,
  queueStats,
  recoverQueue,
  redriveDeadLetters,
  resumeAgent,
  resumeConversation,
  skipMessage,

  explainMessage,

  // For operators: templates and broadcasts
  cancelBroadcast,
  createPushTemplate,
  deletePushTemplate,
  listBroadcastReceipts,
  listBroadcasts,
  listPushTemplatesByCompany,
  previewBroadcast,
  sendBroadcastToAllActiveAgents,
  updatePushTemplate,

  // For operators: global skills
  globalSkillsDeploy,
  globalSkillsList,
  globalSkillsReleases,
  globalSkillsRollback,
  globalSkillsSetStatus,

  // For operators: workers and machines
  checkIdleShutdowns,
  deleteFlyVolume,
  deploymentConditions,
  drainWorker,
  explainPass,
  fleet,
  lastCleanupReport,
  listLeakedResources,
  runFlyCleanup,
  listWorkerEvents,
  listWorkers,
  startWorkers,
  workerStats,

  // For operators: costs and budgets
  listDailyCosts,
  listSpendBudgets,
  listSpendEvents,
  resumeSpending,
  setSpendBudget,
  spendSummary,
} = exposeApi(components.agentFactory, { auth });

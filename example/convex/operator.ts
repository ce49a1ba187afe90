/**
 * The operator functions without `auth`, as internal functions: no client can call them. They are for crons.ts, the
 * dashboard and the command line, where there is no signed-in user:
 *
 *   npx convex run operator:importSecret '{"secretRef":"fly.apiToken","plaintextValue":"FlyV1 …"}'
 *   npx convex run operator:importSecret '{"secretRef":"convex.url","plaintextValue":"https://….convex.site"}'
 *   npx convex run operator:setProviderRuntimeConfig '{"providerConfig":{"kind":"fly", …}}'
 *   npx convex run operator:configureAgent '{"agentKey":"default","version":"1","secretsRef":[],"enabled":true}'
 *   npx convex run operator:explainPass
 */
import { exposeOperatorApi } from "@okrlinkhub/agent-factory";
import { components } from "./_generated/api.js";

export const {
  checkIdleShutdowns,
  configureAgent,
  deactivateSecret,
  deleteFlyVolume,
  deploymentConditions,
  drainWorker,
  diagnose,
  explainPass,
  fleet,
  getMessageRuntimeConfig,
  getPolicyConfig,
  getProviderRuntimeConfig,
  getWorkerRuntimeConfig,
  importSecret,
  lastCleanupReport,
  listLeakedResources,
  listAgents,
  listDailyCosts,
  listConversationsByState,
  listDeadLetterGroups,
  listDeadLetters,
  listJobsByStatus,
  listMessageEvents,
  listSpendBudgets,
  listSpendEvents,
  listWorkerEvents,
  listWorkers,
  pauseAgent,
  pauseConversation,
  queueStats,
  recoverQueue,
  redriveDeadLetters,
  resealSecrets,
  resumeAgent,
  resumeConversation,
  resumeSpending,
  runFlyCleanup,
  secretsKeyStatus,
  secretStatus,
  seedDefaultAgent,
  setMessageRuntimeConfig,
  setPolicyConfig,
  setProviderRuntimeConfig,
  setWorkerRuntimeConfig,
  setSpendBudget,
  skipMessage,
  spendSummary,
  startUpgrade,
  startWorkers,
  upgradeStatus,
  workerStats,
} = exposeOperatorApi(components.agentFactory);

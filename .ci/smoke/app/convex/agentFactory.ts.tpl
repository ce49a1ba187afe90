import { exposeApi } from "@okrlinkhub/agent-factory";
import { components } from "./_generated/api.js";

export const {
  enqueue,
  queueStats,
  workerStats,
  workerClaim,
  workerComplete,
  listQueueItemsForConversation,
  startWorkers,
  checkIdleShutdowns,
  recoverQueue,
  importSecret,
  secretStatus,
  getProviderRuntimeConfig,
  setProviderRuntimeConfig,
} = exposeApi(components.agentFactory, {
  auth: async (ctx) => {
    const identity = await ctx.auth.getUserIdentity();
    if (identity === null) throw new Error("Sign in first");
    return identity.subject;
  },
});

/** `convex/agentFactory.ts` of an app written for 3.0.3, unchanged but for its import. */
import { componentsGeneric, type Auth } from "convex/server";
import { exposeApi, type ComponentApi } from "../index.js";

const components = componentsGeneric() as unknown as {
  agentFactory: ComponentApi<"agentFactory">;
};

type AuthOperation =
  { type: "read" } | { type: "write"; conversationId?: string; agentKey?: string };

async function auth(ctx: { auth: Auth }, operation: AuthOperation): Promise<string> {
  const userId = (await ctx.auth.getUserIdentity())?.subject ?? null;
  if (userId === null && operation.type !== "read") throw new Error("Unauthorized");
  return userId ?? "anonymous";
}

export const {
  queueStats,
  getProviderRuntimeConfig,
  setProviderRuntimeConfig,
  getMessageRuntimeConfig,
  setMessageRuntimeConfig,
  enqueue,
  workerStats,
  workerClaim,
  workerHeartbeat,
  workerComplete,
  workerFail,
  workerHydrationBundle,
  workerConversationHasQueued,
  workerAppendConversationMessages,
  workerControlState,
  workerPrepareSnapshotUpload,
  workerFinalizeSnapshotUpload,
  workerFailSnapshotUpload,
  workerLatestSnapshotForRestore,
  workerGenerateMediaUploadUrl,
  workerGetStorageFileUrl,
  workerAttachMessageMetadata,
  seedDefaultAgent,
  importSecret,
  secretStatus,
  startWorkers,
  checkIdleShutdowns,
  deleteFlyVolume,
  recoverQueue,
  listQueueItemsForConversation,
  listSnapshotsForConversation,
} = exposeApi(components.agentFactory, {
  auth,
  providerConfig: {
    kind: "fly",
    appName: "app-workers",
    organizationSlug: "personal",
    image: "registry.fly.io/app-workers:1",
    region: "iad",
    volumeName: "openclaw_data",
    volumePath: "/data",
    volumeSizeGb: 10,
  },
});

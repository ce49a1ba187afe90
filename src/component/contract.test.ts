/** The public door and the data of 3.x: what apps and deployments rely on. */
import { convexTest } from "convex-test";
import { describe, expect, test } from "vitest";
import * as lib from "./lib.js";
import schema from "./schema.js";

const modules = import.meta.glob("./**/*.*s");

type Registered = {
  isPublic?: boolean;
  exportArgs?: () => string;
  exportReturns?: () => string;
};
const functionsOf = (module: object) =>
  Object.entries(module as Record<string, Registered | undefined>).filter(
    ([, value]) => typeof value === "function" && "exportArgs" in value,
  );

/** Entry points of the bundle: one dot in the name, no schema, nothing generated. */
const entries = Object.keys(modules).filter((path) => {
  const name = path.split("/").at(-1) ?? "";
  return name.split(".").length === 2 && name !== "schema.ts" && !path.includes("/_generated/");
});

describe("the door", () => {
  test("every public function is in lib, and only there", async () => {
    const elsewhere: string[] = [];
    for (const path of entries) {
      if (path === "./lib.ts") continue;
      const module = (await modules[path]?.()) as object;
      for (const [name, fn] of functionsOf(module))
        if (fn?.isPublic) elsewhere.push(`${path}:${name}`);
    }
    expect(elsewhere).toEqual([]);
    expect(functionsOf(lib).length).toBeGreaterThan(50);
    expect(functionsOf(lib).every(([, fn]) => fn?.isPublic)).toBe(true);
  });

  test("every public function says what it takes and returns; only the gateway passes anything on", () => {
    const loose = functionsOf(lib).filter(([, fn]) =>
      [fn?.exportArgs?.(), fn?.exportReturns?.()].some(
        (exported) => exported === undefined || exported === "null" || exported.includes('"any"'),
      ),
    );
    expect(loose.map(([name]) => name).sort()).toEqual([
      "workerGatewayMutation",
      "workerGatewayQuery",
    ]);
  });

  test("the functions of 3.x that this version offers keep their names", () => {
    const names = functionsOf(lib).map(([name]) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        ...["configureAgent", "importSecret", "secretStatus", "providerRuntimeConfig"],
        ...["setProviderRuntimeConfig", "messageRuntimeConfig", "setMessageRuntimeConfig"],
        ...["enqueue", "releaseStuckJobs", "appendConversationMessages", "generateMediaUploadUrl"],
        ...["getStorageFileUrl", "attachMessageMetadata", "claim", "heartbeat", "complete", "fail"],
        ...["getHydrationBundle", "queueStats", "workerStats", "listQueueItemsForConversation"],
        ...["listSnapshotsForConversation", "reconcileWorkers", "checkIdleShutdowns"],
        ...["deleteFlyVolume", "runFlyCleanup", "deployGlobalSkill", "listGlobalSkills"],
        ...["getWorkerGlobalSkillsManifest", "setGlobalSkillStatus", "deleteGlobalSkill"],
        ...["hasQueuedJobsForConversation", "listJobsByStatus", "getWorkerControlState"],
        ...["prepareDataSnapshotUpload", "finalizeDataSnapshotUpload", "failDataSnapshotUpload"],
        ...["getLatestDataSnapshotForRestore"],
      ]),
    );
  });
});

describe("data of a 3.x deployment", () => {
  const NOW = 1_767_614_400_000;
  const profile = { agentKey: "a", version: "1", secretsRef: ["convex.url"], enabled: true };
  const bridgeConfig = { enabled: true, baseUrl: "https://x", serviceKeySecretRef: "k" };
  const entry = { role: "user" as const, content: "hi", at: NOW };
  const payload = { provider: "telegram", providerUserId: "1", messageText: "hi" };
  const audit = { createdBy: "u", updatedBy: "u", createdAt: NOW, updatedAt: NOW };
  const snapshot = {
    ...{ workspaceId: "default", agentKey: "a", workerId: "afw-1-0", conversationId: "c" },
    ...{ reason: "signal" as const, formatVersion: 1, createdAt: NOW, expiresAt: NOW + 1 },
  };

  test("validates as it is, table by table", async () => {
    const t = convexTest({ schema, modules });
    await t.run(async (ctx) => {
      const { db } = ctx;
      await db.insert("agentProfiles", { ...profile, bridgeConfig, botIdentity: "42" });
      const messageId = await db.insert("messageQueue", {
        ...{ conversationId: "c", agentKey: "a", payload, status: "processing" as const },
        ...{ priority: 50, scheduledFor: NOW, attempts: 0, maxAttempts: 5 },
        ...{ claimedBy: "afw-1-0", leaseId: "l", leaseExpiresAt: NOW + 1 },
      });
      await db.insert("conversations", {
        ...{ conversationId: "c", agentKey: "a", contextHistory: [entry] },
        pendingToolCalls: [{ toolName: "t", callId: "1", status: "done" }],
        processingLock: {
          ...{ leaseId: "l", workerId: "afw-1-0", leaseExpiresAt: NOW + 1, heartbeatAt: NOW },
          claimedMessageId: messageId,
        },
      });
      await db.insert("workers", {
        ...{ workerId: "afw-1-0", provider: "fly", volumeId: "vol_1", status: "active" as const },
        machineRef: { appName: "app", machineId: "m", region: "fra" },
        ...{ load: 1, heartbeatAt: NOW, lastClaimAt: NOW, capabilities: [] },
        assignment: { conversationId: "c", agentKey: "a", leaseId: "l", assignedAt: NOW },
      });
      await db.insert("runtimeConfig", {
        key: "message",
        messageConfig: { systemPrompt: "p", telegramAttachmentRetentionMs: 1 },
        updatedAt: NOW,
      });
      await db.insert("runtimeConfig", {
        key: "provider",
        providerConfig: {
          ...{ kind: "fly" as const, appName: "app", organizationSlug: "o", image: "i" },
          ...{ region: "fra", volumeName: "v", volumePath: "/data", volumeSizeGb: 10 },
        },
        updatedAt: NOW,
      });
      await db.insert("dataSnapshots", { ...snapshot, status: "uploading" });
      await db.insert("secrets", {
        ...{ secretRef: "r", version: 1, encryptedValue: "006a", keyId: "component-local" },
        ...{ algorithm: "xor-hex-v1", active: true },
      });
      await db.insert("identityBindings", {
        ...{ consumerUserId: "u", agentKey: "a", conversationId: "user-agent:a:u" },
        ...{ status: "active" as const, source: "telegram_pairing" as const, boundAt: NOW },
        ...{ telegramUserId: "1", telegramChatId: "1", metadata: { displayName: "Ada" } },
      });
      await db.insert("pairingCodes", {
        ...{ code: "ABC", consumerUserId: "u", agentKey: "a", status: "pending" as const },
        ...{ createdAt: NOW, expiresAt: NOW + 1 },
      });
      const skillId = await db.insert("globalSkills", {
        ...{ slug: "s", displayName: "S", status: "active" as const },
        ...audit,
      });
      const versionId = await db.insert("globalSkillVersions", {
        ...{ skillId, version: "1.0.0", moduleFormat: "esm" as const, entryPoint: "default" },
        files: [{ path: "SKILL.md", content: "x", sha256: "0" }],
        ...{ sha256: "0", createdBy: "u", createdAt: NOW },
      });
      await db.insert("globalSkillReleases", {
        ...{ skillId, versionId, releaseChannel: "stable" as const, isActive: true },
        ...{ activatedBy: "u", activatedAt: NOW },
      });
      await db.insert("conversationHydrationCache", {
        ...{ conversationId: "c", agentKey: "a", snapshotKey: "default:a", lastHydratedAt: NOW },
        ...{ deltaContext: [entry], deltaFingerprint: "f0" },
      });
      const templateId = await db.insert("messagePushTemplates", {
        ...{ companyId: "co", templateKey: "k", title: "t", text: "x" },
        ...{ periodicity: "daily" as const, enabled: true, ...audit },
        suggestedTimes: [{ kind: "daily", time: "09:00" }],
      });
      await db.insert("messageTemplates", {
        ...{ templateKey: "k", title: "t", text: "x", tags: [], usageCount: 0, enabled: true },
        ...audit,
      });
      const jobId = await db.insert("messagePushJobs", {
        ...{ companyId: "co", consumerUserId: "u", sourceTemplateId: templateId, title: "t" },
        ...{ text: "x", periodicity: "monthly" as const, timezone: "Europe/Rome", enabled: true },
        schedule: { kind: "monthly", dayOfMonth: "last", time: "09:00" },
        ...{ createdAt: NOW, updatedAt: NOW },
      });
      await db.insert("messagePushDispatches", {
        ...{ jobId, consumerUserId: "u", runKey: "r", scheduledFor: NOW, createdAt: NOW },
        ...{ enqueuedMessageId: messageId, status: "enqueued" as const },
      });
      const broadcastId = await db.insert("messagePushBroadcasts", {
        ...{ companyId: "co", title: "t", text: "x", target: "all_active_agents" as const },
        ...{ requestedBy: "u", requestedAt: NOW, status: "running" as const },
        ...{ totalTargets: 1, enqueuedCount: 0, failedCount: 0 },
      });
      await db.insert("messagePushBroadcastDispatches", {
        ...{ broadcastId, consumerUserId: "agent:a", agentKey: "a", runKey: "r" },
        ...{ status: "failed" as const, error: "e", createdAt: NOW },
      });
      const fileId = await ctx.storage.store(new Blob(["x"]));
      await db.insert("messageAttachments", {
        ...{ messageId, conversationId: "c", agentKey: "a", provider: "telegram" },
        ...{ kind: "photo" as const, status: "ready" as const, storageId: fileId },
        ...{ telegramFileId: "f", createdAt: NOW, expiresAt: NOW + 1 },
      });
    });
  });

  test.each([
    ["messageQueue", "by_status_and_priority_and_scheduledFor"],
    ["messageQueue", "by_claimedBy_and_status"],
    ["conversations", "by_agentKey"],
    ["workers", "by_heartbeatAt"],
    ["dataSnapshots", "by_agentKey_and_createdAt"],
    ["identityBindings", "by_botIdentity_and_telegramChatId_and_status"],
    ["messagePushJobs", "by_sourceTemplateId"],
    ["globalSkillReleases", "by_releaseChannel_and_isActive_and_activatedAt"],
  ] as const)("keeps the index %s.%s", (table, index) => {
    const { indexes } = (
      schema.tables[table] as unknown as {
        export(): { indexes: { indexDescriptor: string }[] };
      }
    ).export();
    expect(indexes.map((i) => i.indexDescriptor)).toContain(index);
  });
});

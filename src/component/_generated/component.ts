/* eslint-disable */
/**
 * Generated `ComponentApi` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type { FunctionReference } from "convex/server";

/**
 * A utility for referencing a Convex component's exposed API.
 *
 * Useful when expecting a parameter like `components.myComponent`.
 * Usage:
 * ```ts
 * async function myFunction(ctx: QueryCtx, component: ComponentApi) {
 *   return ctx.runQuery(component.someFile.someQuery, { ...args });
 * }
 * ```
 */
export type ComponentApi<Name extends string | undefined = string | undefined> =
  {
    lib: {
      appendConversationMessages: FunctionReference<
        "mutation",
        "internal",
        {
          conversationId: string;
          messages: Array<{
            at?: number;
            content: string;
            role: "system" | "user" | "assistant" | "tool";
          }>;
          nowMs?: number;
          workspaceId?: string;
        },
        { messageCount: number; updated: boolean },
        Name
      >;
      attachMessageMetadata: FunctionReference<
        "mutation",
        "internal",
        { messageId: string; metadata: Record<string, string> },
        boolean,
        Name
      >;
      bindUserAgent: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          botIdentity?: string;
          consumerUserId: string;
          metadata?: Record<string, string>;
          nowMs?: number;
          source?: "manual" | "telegram_pairing" | "api";
          telegramChatId?: string;
          telegramUserId?: string;
        },
        {
          agentKey: string;
          botIdentity: null | string;
          boundAt: number;
          consumerUserId: string;
          conversationId: string;
          metadata: null | Record<string, string>;
          revokedAt: null | number;
          source: "manual" | "telegram_pairing" | "api";
          status: "active" | "revoked";
          telegramChatId: null | string;
          telegramUserId: null | string;
        },
        Name
      >;
      cancelBroadcast: FunctionReference<
        "mutation",
        "internal",
        { broadcastId: string; nowMs?: number },
        boolean,
        Name
      >;
      checkIdleShutdowns: FunctionReference<
        "action",
        "internal",
        {
          flyApiToken?: string;
          nowMs?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
        },
        {
          checked: number;
          nextCheckScheduled: boolean;
          pending: number;
          stopped: number;
        },
        Name
      >;
      claim: FunctionReference<
        "mutation",
        "internal",
        { conversationId?: string; nowMs?: number; workerId: string },
        null | {
          agentKey: string;
          conversationId: string;
          leaseExpiresAt: number;
          leaseId: string;
          messageId: string;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
        },
        Name
      >;
      complete: FunctionReference<
        "mutation",
        "internal",
        {
          leaseId: string;
          messageId: string;
          nowMs?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
          workerId: string;
        },
        boolean,
        Name
      >;
      configureAgent: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          botIdentity?: string;
          bridgeConfig?: {
            appBaseUrlMapJsonSecretRef?: string;
            appKey?: string;
            baseUrl?: string;
            enabled: boolean;
            serviceId?: string;
            serviceKeySecretRef?: string;
          };
          clearBotIdentity?: boolean;
          clearBridgeConfig?: boolean;
          companyId?: string;
          enabled: boolean;
          secretsRef: Array<string>;
          version: string;
        },
        string,
        Name
      >;
      configureTelegramWebhook: FunctionReference<
        "action",
        "internal",
        {
          agentKey?: string;
          convexSiteUrl: string;
          pathPrefix?: string;
          secretRef?: string;
        },
        {
          botIdentity: null | string;
          currentUrl: null | string;
          description: string;
          isReady: boolean;
          lastErrorDate: null | number;
          lastErrorMessage: null | string;
          ok: boolean;
          pendingUpdateCount: number;
          secretTokenConfigured: boolean;
          webhookUrl: string;
        },
        Name
      >;
      consumePairingCode: FunctionReference<
        "mutation",
        "internal",
        {
          botIdentity?: string;
          code: string;
          nowMs?: number;
          telegramChatId: string;
          telegramUserId: string;
        },
        {
          agentKey: string;
          botIdentity: null | string;
          code: string;
          consumerUserId: string;
          createdAt: number;
          expiresAt: number;
          status: "pending" | "used" | "expired";
          telegramChatId: null | string;
          telegramUserId: null | string;
          usedAt: null | number;
        },
        Name
      >;
      createMessageTemplate: FunctionReference<
        "mutation",
        "internal",
        {
          actorUserId: string;
          companyId?: string;
          enabled?: boolean;
          nowMs?: number;
          tags: Array<string>;
          text: string;
          title: string;
        },
        string,
        Name
      >;
      createPairingCode: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          nowMs?: number;
          ttlMs?: number;
        },
        {
          agentKey: string;
          botIdentity: null | string;
          code: string;
          consumerUserId: string;
          createdAt: number;
          expiresAt: number;
          status: "pending" | "used" | "expired";
          telegramChatId: null | string;
          telegramUserId: null | string;
          usedAt: null | number;
        },
        Name
      >;
      createPushJobCustom: FunctionReference<
        "mutation",
        "internal",
        {
          companyId: string;
          consumerUserId: string;
          enabled?: boolean;
          nowMs?: number;
          periodicity: "manual" | "daily" | "weekly" | "monthly";
          schedule:
            | { kind: "manual" }
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string };
          text: string;
          timezone: string;
          title: string;
        },
        string,
        Name
      >;
      createPushJobCustomForAgent: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          companyId: string;
          consumerUserId: string;
          enabled?: boolean;
          nowMs?: number;
          periodicity: "manual" | "daily" | "weekly" | "monthly";
          schedule:
            | { kind: "manual" }
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string };
          text: string;
          timezone: string;
          title: string;
        },
        string,
        Name
      >;
      createPushJobFromTemplate: FunctionReference<
        "mutation",
        "internal",
        {
          companyId: string;
          consumerUserId: string;
          enabled?: boolean;
          nowMs?: number;
          schedule?:
            | { kind: "manual" }
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string };
          templateId: string;
          timezone: string;
        },
        string,
        Name
      >;
      createPushJobFromTemplateForAgent: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          companyId: string;
          consumerUserId: string;
          enabled?: boolean;
          nowMs?: number;
          schedule?:
            | { kind: "manual" }
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string };
          templateId: string;
          timezone: string;
        },
        string,
        Name
      >;
      createPushTemplate: FunctionReference<
        "mutation",
        "internal",
        {
          actorUserId: string;
          companyId: string;
          enabled?: boolean;
          nowMs?: number;
          periodicity: "manual" | "daily" | "weekly" | "monthly";
          suggestedTimes: Array<
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string }
          >;
          templateKey: string;
          text: string;
          title: string;
        },
        string,
        Name
      >;
      createUserAgentPairing: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          nowMs?: number;
          ttlMs?: number;
        },
        {
          deepLink: null | string;
          pairing: {
            agentKey: string;
            botIdentity: null | string;
            code: string;
            consumerUserId: string;
            createdAt: number;
            expiresAt: number;
            status: "pending" | "used" | "expired";
            telegramChatId: null | string;
            telegramUserId: null | string;
            usedAt: null | number;
          };
        },
        Name
      >;
      deactivateSecret: FunctionReference<
        "mutation",
        "internal",
        { purge?: boolean; secretRef: string },
        { deactivated: boolean; deletedVersions: number },
        Name
      >;
      deleteFlyVolume: FunctionReference<
        "action",
        "internal",
        { appName: string; flyApiToken?: string; volumeId: string },
        { message: string; ok: boolean; status: number },
        Name
      >;
      deleteGlobalSkill: FunctionReference<
        "mutation",
        "internal",
        { slug: string },
        {
          deleted: boolean;
          deletedReleases: number;
          deletedVersions: number;
          slug: string;
        },
        Name
      >;
      deleteMessageTemplate: FunctionReference<
        "mutation",
        "internal",
        { companyId?: string; templateId: string },
        boolean,
        Name
      >;
      deletePushJob: FunctionReference<
        "mutation",
        "internal",
        { jobId: string },
        boolean,
        Name
      >;
      deletePushTemplate: FunctionReference<
        "mutation",
        "internal",
        { templateId: string },
        boolean,
        Name
      >;
      deleteQuarantinedTelegramUpdate: FunctionReference<
        "mutation",
        "internal",
        { quarantineId: string },
        boolean,
        Name
      >;
      deployGlobalSkill: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          agentKey?: null | string;
          companyId?: null | string;
          description?: string;
          displayName?: string;
          entryPoint?: string;
          files: Array<{ content: string; path: string; sha256?: string }>;
          moduleFormat?: "esm" | "cjs";
          nowMs?: number;
          releaseChannel?: "stable" | "canary";
          slug: string;
          version: string;
        },
        {
          releaseChannel: "stable" | "canary";
          releaseId: string;
          sha256: string;
          skillId: string;
          slug: string;
          version: string;
          versionId: string;
        },
        Name
      >;
      deploymentConditions: FunctionReference<
        "query",
        "internal",
        { nowMs?: number },
        Array<{
          kind:
            | "config"
            | "secret"
            | "provider_down"
            | "spawning_stopped"
            | "budget_exhausted"
            | "budget_warning"
            | "budget_resumed"
            | "pass_errors"
            | "scheduler_late"
            | "waiting";
          message: string;
          severity: "error" | "warning" | "info";
          since: null | number;
          until: null | number;
        }>,
        Name
      >;
      diagnose: FunctionReference<
        "action",
        "internal",
        {},
        {
          checks: Array<{
            fix: string | null;
            message: string;
            name:
              | "secrets_key"
              | "provider_config"
              | "secret"
              | "gateway"
              | "provider"
              | "agent"
              | "webhook";
            status: "ok" | "warning" | "problem";
            subject: string | null;
          }>;
          ok: boolean;
        },
        Name
      >;
      dispatchDuePushJobs: FunctionReference<
        "mutation",
        "internal",
        {
          limit?: number;
          nowMs?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
        },
        { enqueued: number; failed: number; scanned: number; skipped: number },
        Name
      >;
      drainWorker: FunctionReference<
        "mutation",
        "internal",
        { workerId: string },
        boolean,
        Name
      >;
      enqueue: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          conversationId: string;
          idempotencyKey?: string;
          maxAttempts?: number;
          nowMs?: number;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
          priority?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
          scheduledFor?: number;
        },
        string,
        Name
      >;
      explainMessage: FunctionReference<
        "query",
        "internal",
        { messageId: string; nowMs?: number },
        null | {
          agentKey: string;
          behindMessageId: null | string;
          conversationId: string;
          detail: string;
          events: Array<{
            at: number;
            detail: null | string;
            kind:
              | "enqueued"
              | "claimed"
              | "answer_stored"
              | "delivered"
              | "delivery_failed"
              | "delivery_unknown"
              | "completed"
              | "failed"
              | "lease_lost"
              | "handed_back"
              | "retry_scheduled"
              | "dead_lettered"
              | "redriven"
              | "skipped"
              | "expired";
            workerId: null | string;
          }>;
          lastError: null | string;
          messageId: string;
          since: number;
          state: "queued" | "processing" | "done" | "failed" | "dead_letter";
          until: null | number;
          waitsFor:
            | "nothing"
            | "operator"
            | "answer"
            | "delivery"
            | "lease"
            | "schedule"
            | "retry"
            | "attachment"
            | "order"
            | "pause"
            | "agent"
            | "machine"
            | "hand_over"
            | "provider"
            | "secret"
            | "config"
            | "budget"
            | "pass";
          warnings: Array<string>;
          workerId: null | string;
        },
        Name
      >;
      explainPass: FunctionReference<
        "query",
        "internal",
        { nowMs?: number },
        {
          decisions: Array<
            | {
                agentKey: string;
                conversationId: string;
                kind: "spawn";
                reason: string;
              }
            | { kind: "create"; reason: string; workerId: string }
            | {
                kind: "adopt";
                machineId: string;
                reason: string;
                region: string;
                volumeIds: Array<string>;
                workerId: string;
              }
            | {
                kind: "verify";
                machineId: string;
                reason: string;
                workerId: string;
              }
            | {
                drainReason:
                  | "idle"
                  | "stale"
                  | "boot_timeout"
                  | "machine_gone"
                  | "evicted"
                  | "operator"
                  | "budget"
                  | "exited";
                kind: "drain";
                reason: string;
                workerId: string;
              }
            | {
                isMachineDead: boolean;
                kind: "stop";
                reason: string;
                workerId: string;
              }
            | { kind: "teardown"; reason: string; workerId: string }
            | {
                appName: string;
                kind: "watch_orphan";
                machineId: string;
                reason: string;
              }
            | {
                appName: string;
                kind: "destroy_orphan";
                machineId: string;
                reason: string;
              }
            | {
                appName: string;
                kind: "watch_orphan_volume";
                reason: string;
                volumeId: string;
                workerId: string;
              }
            | {
                appName: string;
                kind: "destroy_orphan_volume";
                reason: string;
                volumeId: string;
                workerId: string;
              }
            | { conversationId: string; kind: "hold"; reason: string }
          >;
          lastPassAt: null | number;
          lastPassErrors: Array<string>;
          nextWakeAt: null | number;
          running: boolean;
          spawnBlock: null | string;
        },
        Name
      >;
      fail: FunctionReference<
        "mutation",
        "internal",
        {
          errorMessage: string;
          leaseId: string;
          messageId: string;
          nowMs?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
          retryAfterMs?: number;
          retryable?: boolean;
          workerId: string;
        },
        {
          deadLettered: boolean;
          nextScheduledFor: null | number;
          requeued: boolean;
        },
        Name
      >;
      failDataSnapshotUpload: FunctionReference<
        "mutation",
        "internal",
        { error: string; nowMs?: number; snapshotId: string; workerId: string },
        boolean,
        Name
      >;
      finalizeDataSnapshotUpload: FunctionReference<
        "mutation",
        "internal",
        {
          nowMs?: number;
          sha256: string;
          sizeBytes: number;
          snapshotId: string;
          storageId: string;
          workerId: string;
        },
        boolean,
        Name
      >;
      fleet: FunctionReference<
        "query",
        "internal",
        { nowMs?: number },
        Array<{
          agentKey: null | string;
          appName: null | string;
          conversationId: null | string;
          createdAt: number;
          drainDeadlineAt: null | number;
          drainReason:
            | null
            | "idle"
            | "stale"
            | "boot_timeout"
            | "machine_gone"
            | "evicted"
            | "operator"
            | "budget"
            | "exited";
          drift:
            | null
            | "machine_missing"
            | "not_running"
            | "not_recorded"
            | "no_row"
            | "foreign";
          firstSeenAt: null | number;
          heartbeatAgeMs: null | number;
          heartbeatAt: null | number;
          lastClaimAt: null | number;
          lastProviderError: null | string;
          load: number;
          machineId: null | string;
          machinePhase:
            | null
            | "booting"
            | "running"
            | "stopping"
            | "stopped"
            | "destroying"
            | "destroyed"
            | "failed"
            | "unknown";
          observedAt: null | number;
          region: null | string;
          snapshot: {
            lastSnapshotAt: null | number;
            lastSnapshotId: null | string;
            restoredSnapshotId: null | string;
            state: "none" | "restored" | "saved" | "final";
          };
          status: null | "active" | "draining" | "stopping" | "stopped";
          volumeIds: Array<string>;
          workerId: null | string;
        }>,
        Name
      >;
      generateMediaUploadUrl: FunctionReference<
        "mutation",
        "internal",
        {},
        { uploadUrl: string },
        Name
      >;
      getActiveUserAgent: FunctionReference<
        "query",
        "internal",
        { consumerUserId: string; nowMs?: number },
        null | {
          agentKey: string;
          bindingStatus: null | "active" | "revoked";
          canChat: boolean;
          canCreateNewAgent: boolean;
          canDisable: boolean;
          canManagePushJobs: boolean;
          consumerUserId: string;
          conversationId: null | string;
          displayName: null | string;
          pairingStatus: null | "pending" | "used" | "expired";
          status: "draft" | "pairing" | "active" | "disabled" | "failed";
          telegramUsername: null | string;
          version: null | string;
        },
        Name
      >;
      getAgentOperationalReadiness: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string; nowMs?: number },
        {
          hasTelegramToken: boolean;
          issues: Array<string>;
          missingSecrets: Array<string>;
          providerRuntimeConfigPresent: boolean;
          webhookReady: boolean;
          workerRuntimeConfigPresent: boolean;
        },
        Name
      >;
      getAgentProfile: FunctionReference<
        "query",
        "internal",
        { agentKey: string },
        null | {
          agentKey: string;
          botIdentity: null | string;
          bridgeConfig: null | {
            appBaseUrlMapJsonSecretRef?: string;
            appKey?: string;
            baseUrl?: string;
            enabled: boolean;
            serviceId?: string;
            serviceKeySecretRef?: string;
          };
          companyId: null | string;
          enabled: boolean;
          pausedAt: null | number;
          secretsRef: Array<string>;
          version: string;
        },
        Name
      >;
      getConversationViewForUserAgent: FunctionReference<
        "query",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          historyBefore?: number;
          historyLimit?: number;
          limit?: number;
        },
        {
          contextHistory: Array<{
            at: number;
            content: string;
            role: "system" | "user" | "assistant" | "tool";
          }>;
          conversationId: string;
          hasQueuedJobs: boolean;
          historyContinueBefore: null | number;
          lastAssistantMessageAt: null | number;
          lastUserMessageAt: null | number;
          latestMessageId: null | string;
          pendingToolCalls: Array<{
            callId: string;
            status: "pending" | "running" | "done" | "failed";
            toolName: string;
          }>;
          queueItems: Array<{
            _creationTime: number;
            _id: string;
            agentKey: string;
            attempts: number;
            conversationId: string;
            lastError: null | string;
            maxAttempts: number;
            payload: {
              attachments?: Array<{
                downloadUrl?: string;
                expiresAt: number;
                fileName?: string;
                kind: "photo" | "video" | "audio" | "voice" | "document";
                mimeType?: string;
                sizeBytes?: number;
                status: "ready" | "expired";
                storageId: string;
                telegramFileId: string;
              }>;
              externalMessageId?: string;
              messageText: string;
              metadata?: Record<string, string>;
              provider: string;
              providerUserId: string;
              rawUpdateJson?: string;
            };
            priority: number;
            scheduledFor: number;
            status: "queued" | "processing" | "done" | "failed" | "dead_letter";
          }>;
        },
        Name
      >;
      getHydrationBundle: FunctionReference<
        "query",
        "internal",
        { messageId: string; workerId?: string; workspaceId: string },
        null | {
          agentKey: string;
          answer: null | {
            parts: Array<{
              at?: number;
              externalMessageId?: string;
              sequence?: number;
              state: "pending" | "sending" | "sent" | "unknown";
              text: string;
            }>;
            text: string;
          };
          bridgeRuntimeConfig: null | {
            appBaseUrlMapJson: null | string;
            appKey: null | string;
            baseUrl: null | string;
            botIdentity: null | string;
            serviceId: null | string;
            serviceKey: null | string;
            serviceKeySecretRef: null | string;
          };
          conversationId: string;
          conversationState: {
            contextHistory: Array<{
              at: number;
              content: string;
              role: "system" | "user" | "assistant" | "tool";
            }>;
            pendingToolCalls: Array<{
              callId: string;
              status: "pending" | "running" | "done" | "failed";
              toolName: string;
            }>;
          };
          deliveryPolicy: { onUnknown: "silence" | "duplicate" };
          messageId: string;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
          systemPrompt: null | string;
          telegramBotToken: null | string;
          userText: string;
        },
        Name
      >;
      getLatestDataSnapshotForRestore: FunctionReference<
        "query",
        "internal",
        {
          agentKey: string;
          conversationId: string;
          nowMs?: number;
          workspaceId: string;
        },
        null | {
          createdAt: number;
          downloadUrl: string;
          sha256: null | string;
          sizeBytes: null | number;
          snapshotId: string;
        },
        Name
      >;
      getLatestSnapshotForUserAgent: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string; nowMs?: number },
        null | {
          conversationId: string;
          createdAt: number;
          downloadUrl: null | string;
          sha256: null | string;
          sizeBytes: null | number;
          snapshotId: string;
          status: "uploading" | "ready" | "failed" | "expired";
        },
        Name
      >;
      getPairingCodeStatus: FunctionReference<
        "query",
        "internal",
        { code: string; nowMs?: number },
        null | {
          agentKey: string;
          botIdentity: null | string;
          code: string;
          consumerUserId: string;
          createdAt: number;
          expiresAt: number;
          status: "pending" | "used" | "expired";
          telegramChatId: null | string;
          telegramUserId: null | string;
          usedAt: null | number;
        },
        Name
      >;
      getProviderOperationalReadiness: FunctionReference<
        "query",
        "internal",
        {},
        {
          issues: Array<string>;
          providerRuntimeConfigPresent: boolean;
          workerRuntimeConfigPresent: boolean;
        },
        Name
      >;
      getQuarantinedTelegramUpdate: FunctionReference<
        "query",
        "internal",
        { quarantineId: string },
        null | string,
        Name
      >;
      getRequiredSecretRefs: FunctionReference<
        "query",
        "internal",
        { agentKey?: string },
        { agentKey: null | string; secretRefs: Array<string> },
        Name
      >;
      getStorageFileUrl: FunctionReference<
        "query",
        "internal",
        { storageId: string },
        null | string,
        Name
      >;
      getTelegramAgentReadiness: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string; nowMs?: number },
        {
          hasTelegramToken: boolean;
          issues: Array<string>;
          missingSecrets: Array<string>;
          providerRuntimeConfigPresent: boolean;
          webhookReady: boolean;
          workerRuntimeConfigPresent: boolean;
        },
        Name
      >;
      getUserAgent: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string; nowMs?: number },
        null | {
          agentKey: string;
          bindingStatus: null | "active" | "revoked";
          canChat: boolean;
          canCreateNewAgent: boolean;
          canDisable: boolean;
          canManagePushJobs: boolean;
          consumerUserId: string;
          conversationId: null | string;
          displayName: null | string;
          pairingStatus: null | "pending" | "used" | "expired";
          status: "draft" | "pairing" | "active" | "disabled" | "failed";
          telegramUsername: null | string;
          version: null | string;
        },
        Name
      >;
      getUserAgentBinding: FunctionReference<
        "query",
        "internal",
        { consumerUserId: string },
        null | {
          agentKey: string;
          botIdentity: null | string;
          boundAt: number;
          consumerUserId: string;
          conversationId: string;
          metadata: null | Record<string, string>;
          revokedAt: null | number;
          source: "manual" | "telegram_pairing" | "api";
          status: "active" | "revoked";
          telegramChatId: null | string;
          telegramUserId: null | string;
        },
        Name
      >;
      getUserAgentConversationStats: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string },
        {
          contextMessages: number;
          failedMessages: number;
          queuedMessages: number;
        },
        Name
      >;
      getUserAgentOnboardingState: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string; nowMs?: number },
        {
          agentKey: string;
          botIdentity: null | string;
          nextAction:
            | "import_token"
            | "configure_webhook"
            | "create_pairing"
            | "complete_pairing"
            | "ready";
          pairingCode: null | string;
          pairingDeepLink: null | string;
          pairingStatus: null | "pending" | "used" | "expired";
          telegramUsername: null | string;
          tokenImported: boolean;
          tokenSecretRef: null | string;
          webhookReady: boolean;
        },
        Name
      >;
      getUserAgentPairingStatus: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string; nowMs?: number },
        null | {
          agentKey: string;
          botIdentity: null | string;
          code: string;
          consumerUserId: string;
          createdAt: number;
          expiresAt: number;
          status: "pending" | "used" | "expired";
          telegramChatId: null | string;
          telegramUserId: null | string;
          usedAt: null | number;
        },
        Name
      >;
      getUserAgentPushStats: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string },
        {
          activePushJobs: number;
          latestDispatchAt: null | number;
          totalDispatches: number;
          totalPushJobs: number;
        },
        Name
      >;
      getUserAgentsOverview: FunctionReference<
        "query",
        "internal",
        { consumerUserId: string; nowMs?: number },
        {
          activeAgentKey: null | string;
          agents: Array<{
            agentKey: string;
            bindingStatus: null | "active" | "revoked";
            canChat: boolean;
            canCreateNewAgent: boolean;
            canDisable: boolean;
            canManagePushJobs: boolean;
            consumerUserId: string;
            conversationId: null | string;
            displayName: null | string;
            pairingStatus: null | "pending" | "used" | "expired";
            status: "draft" | "pairing" | "active" | "disabled" | "failed";
            telegramUsername: null | string;
            version: null | string;
          }>;
          canCreateNewAgent: boolean;
        },
        Name
      >;
      getUserAgentUsageStats: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string },
        {
          activePushJobs: number;
          contextMessages: number;
          failedMessages: number;
          latestDispatchAt: null | number;
          queuedMessages: number;
          totalDispatches: number;
          totalPushJobs: number;
        },
        Name
      >;
      getWebhookReadiness: FunctionReference<
        "action",
        "internal",
        { agentKey: string; pathPrefix?: string },
        {
          agentKey: string;
          currentUrl: null | string;
          lastErrorDate: null | number;
          lastErrorMessage: null | string;
          pendingUpdateCount: number;
          secretRef: null | string;
          webhookReady: boolean;
        },
        Name
      >;
      getWorkerControlState: FunctionReference<
        "query",
        "internal",
        { workerId: string },
        { shouldStop: boolean },
        Name
      >;
      getWorkerGlobalSkillsManifest: FunctionReference<
        "query",
        "internal",
        {
          agentKey?: string;
          companyId?: string;
          releaseChannel?: "stable" | "canary";
          workerId?: string;
          workspaceId?: string;
        },
        {
          generatedAt: number;
          layoutVersion: "openclaw-workspace-skill-v1";
          manifestVersion: string;
          releaseChannel: "stable" | "canary";
          skills: Array<{
            entryPoint: string;
            files: Array<{ content: string; path: string; sha256: string }>;
            moduleFormat: "esm" | "cjs";
            sha256: string;
            skillDirName: string;
            slug: string;
            version: string;
          }>;
          skipped: Array<{ reason: string; slug: string }>;
          workspaceId: string;
        },
        Name
      >;
      hasQueuedJobsForConversation: FunctionReference<
        "query",
        "internal",
        { conversationId: string },
        boolean,
        Name
      >;
      heartbeat: FunctionReference<
        "mutation",
        "internal",
        {
          leaseId: string;
          messageId: string;
          nowMs?: number;
          workerId: string;
        },
        boolean,
        Name
      >;
      importSecret: FunctionReference<
        "mutation",
        "internal",
        {
          metadata?: Record<string, string>;
          plaintextValue: string;
          secretRef: string;
        },
        { secretId: string; secretRef: string; version: number },
        Name
      >;
      importTelegramTokenForAgent: FunctionReference<
        "action",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          metadata?: Record<string, string>;
          plaintextValue: string;
        },
        {
          botIdentity: string;
          secretId: string;
          secretRef: string;
          telegramUsername: null | string;
          version: number;
        },
        Name
      >;
      ingestTelegramUpdate: FunctionReference<
        "mutation",
        "internal",
        {
          body: string;
          credentials: {
            botIdentity: null | string;
            secretHash: null | string;
          };
          options: {
            allowUnsigned: boolean;
            fallbackAgentKey: string;
            requireBinding: boolean;
            resolveAgentKeyFromBinding: boolean;
            resolvedAgentKey?: string;
          };
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
          tooLarge: boolean;
        },
        | {
            kind:
              | "accepted"
              | "ignored"
              | "quarantined"
              | "forbidden"
              | "no_binding";
          }
        | { agentKey: string; consumerUserId: string; kind: "paired" }
        | { error: string; kind: "pairing_failed" },
        Name
      >;
      lastCleanupReport: FunctionReference<
        "query",
        "internal",
        {},
        null | {
          appName: string;
          error: null | string;
          errors: Array<string>;
          finishedAt: null | number;
          machineIdsDeleted: Array<string>;
          machineIdsRemaining: Array<string>;
          machinesDeleted: number;
          machinesFound: number;
          machinesRemaining: number;
          phase: "draining" | "machines" | "volumes" | "verifying" | "done";
          scope: "app" | "managed";
          startedAt: number;
          state: "running" | "finished" | "failed";
          updatedAt: number;
          volumeIdsDeleted: Array<string>;
          volumeIdsRemaining: Array<string>;
          volumesDeleted: number;
          volumesFound: number;
          volumesRemaining: number;
          warnings: Array<string>;
        },
        Name
      >;
      listAgentProfiles: FunctionReference<
        "query",
        "internal",
        {
          afterAgentKey?: string;
          companyId?: string;
          enabled?: boolean;
          limit?: number;
        },
        Array<{
          agentKey: string;
          botIdentity: null | string;
          bridgeConfig: null | {
            appBaseUrlMapJsonSecretRef?: string;
            appKey?: string;
            baseUrl?: string;
            enabled: boolean;
            serviceId?: string;
            serviceKeySecretRef?: string;
          };
          companyId: null | string;
          enabled: boolean;
          pausedAt: null | number;
          secretsRef: Array<string>;
          version: string;
        }>,
        Name
      >;
      listBlockedTelegramChats: FunctionReference<
        "query",
        "internal",
        {},
        Array<{
          botIdentity: string;
          reason: string;
          since: number;
          telegramChatId: string;
        }>,
        Name
      >;
      listBroadcastReceipts: FunctionReference<
        "query",
        "internal",
        { afterAgentKey?: string; broadcastId: string; limit?: number },
        Array<{
          agentKey: string;
          createdAt: number;
          enqueuedMessageId: null | string;
          error: null | string;
          status: "enqueued" | "skipped" | "failed";
        }>,
        Name
      >;
      listBroadcasts: FunctionReference<
        "query",
        "internal",
        { companyId: string; limit?: number },
        Array<{
          broadcastId: string;
          companyId: string;
          completedAt: null | number;
          enqueued: number;
          failed: number;
          requestedAt: number;
          requestedBy: string;
          status: "running" | "done" | "failed" | "cancelled";
          text: string;
          title: string;
          totalTargets: number;
        }>,
        Name
      >;
      listConversationMessages: FunctionReference<
        "query",
        "internal",
        { before?: number; conversationId: string; limit?: number },
        {
          continueBefore: null | number;
          entries: Array<{
            at: number;
            content: string;
            role: "system" | "user" | "assistant" | "tool";
          }>;
        },
        Name
      >;
      listConversationsByState: FunctionReference<
        "query",
        "internal",
        {
          limit?: number;
          state: "idle" | "ready" | "waiting" | "leased" | "paused" | "blocked";
        },
        Array<{
          agentKey: string;
          conversationId: string;
          pauseReason: null | string;
          queuedCount: number;
          readyAt: null | number;
          state: "idle" | "ready" | "waiting" | "leased" | "paused" | "blocked";
          workerId: null | string;
        }>,
        Name
      >;
      listDailyCosts: FunctionReference<
        "query",
        "internal",
        { days?: number },
        Array<{ period: string; usd: number }>,
        Name
      >;
      listDeadLetterGroups: FunctionReference<
        "query",
        "internal",
        {},
        Array<{
          count: number;
          fingerprint: string;
          firstAt: number;
          lastAt: number;
          sampleError: string;
        }>,
        Name
      >;
      listDeadLetters: FunctionReference<
        "query",
        "internal",
        { fingerprint?: string; limit?: number },
        Array<{
          _creationTime: number;
          _id: string;
          agentKey: string;
          attempts: number;
          conversationId: string;
          lastError: null | string;
          maxAttempts: number;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
          priority: number;
          scheduledFor: number;
          status: "queued" | "processing" | "done" | "failed" | "dead_letter";
        }>,
        Name
      >;
      listGlobalSkillReleases: FunctionReference<
        "query",
        "internal",
        { limit?: number; releaseChannel?: "stable" | "canary"; slug: string },
        Array<{
          activatedAt: number;
          activatedBy: string;
          entryPoint: string;
          isActive: boolean;
          moduleFormat: "esm" | "cjs";
          releaseChannel: "stable" | "canary";
          releaseId: string;
          rolledBackAt: null | number;
          sha256: string;
          version: string;
          versionId: string;
        }>,
        Name
      >;
      listGlobalSkills: FunctionReference<
        "query",
        "internal",
        {
          limit?: number;
          releaseChannel?: "stable" | "canary";
          status?: "active" | "disabled";
        },
        Array<{
          activeRelease: null | {
            activatedAt: number;
            entryPoint: string;
            moduleFormat: "esm" | "cjs";
            releaseChannel: "stable" | "canary";
            releaseId: string;
            sha256: string;
            version: string;
            versionId: string;
          };
          agentKey?: string;
          companyId?: string;
          description?: string;
          displayName: string;
          skillId: string;
          slug: string;
          status: "active" | "disabled";
          updatedAt: number;
        }>,
        Name
      >;
      listJobsByStatus: FunctionReference<
        "query",
        "internal",
        {
          limit?: number;
          status: "queued" | "processing" | "done" | "failed" | "dead_letter";
        },
        Array<{
          _creationTime: number;
          _id: string;
          agentKey: string;
          attempts: number;
          conversationId: string;
          lastError?: string;
          maxAttempts: number;
          priority: number;
          scheduledFor: number;
          status: "queued" | "processing" | "done" | "failed" | "dead_letter";
        }>,
        Name
      >;
      listLeakedResources: FunctionReference<
        "query",
        "internal",
        {},
        Array<{
          appName: null | string;
          id: string;
          kind: "machine" | "volume" | "row";
          reason: string;
          since: number;
          workerId: null | string;
        }>,
        Name
      >;
      listMessageEvents: FunctionReference<
        "query",
        "internal",
        { messageId: string },
        Array<{
          at: number;
          detail: null | string;
          kind:
            | "enqueued"
            | "claimed"
            | "answer_stored"
            | "delivered"
            | "delivery_failed"
            | "delivery_unknown"
            | "completed"
            | "failed"
            | "lease_lost"
            | "handed_back"
            | "retry_scheduled"
            | "dead_lettered"
            | "redriven"
            | "skipped"
            | "expired";
          workerId: null | string;
        }>,
        Name
      >;
      listMessageTemplatesByCompany: FunctionReference<
        "query",
        "internal",
        { companyId?: string; includeDisabled?: boolean; limit?: number },
        Array<{
          _id: string;
          companyId: null | string;
          createdAt: number;
          createdBy: string;
          enabled: boolean;
          tags: Array<string>;
          templateKey: string;
          text: string;
          title: string;
          updatedAt: number;
          updatedBy: string;
          usageCount: number;
        }>,
        Name
      >;
      listPushDispatchesByJob: FunctionReference<
        "query",
        "internal",
        { jobId: string; limit?: number },
        Array<{
          _id: string;
          createdAt: number;
          error: null | string;
          runKey: string;
          scheduledFor: number;
          status: "enqueued" | "skipped" | "failed";
        }>,
        Name
      >;
      listPushDispatchesForAgent: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string; limit?: number },
        Array<{
          _id: string;
          createdAt: number;
          error: null | string;
          jobId: string;
          runKey: string;
          scheduledFor: number;
          status: "enqueued" | "skipped" | "failed";
        }>,
        Name
      >;
      listPushJobsForAgent: FunctionReference<
        "query",
        "internal",
        { agentKey: string; consumerUserId: string; includeDisabled?: boolean },
        Array<{
          _id: string;
          agentKey: null | string;
          companyId: string;
          consumerUserId: string;
          createdAt: number;
          enabled: boolean;
          lastRunAt: null | number;
          lastRunKey: null | string;
          nextRunAt: null | number;
          periodicity: "manual" | "daily" | "weekly" | "monthly";
          schedule:
            | { kind: "manual" }
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string };
          sourceTemplateId: null | string;
          text: string;
          timezone: string;
          title: string;
          updatedAt: number;
        }>,
        Name
      >;
      listPushJobsForUser: FunctionReference<
        "query",
        "internal",
        { consumerUserId: string; includeDisabled?: boolean },
        Array<{
          _id: string;
          agentKey: null | string;
          companyId: string;
          consumerUserId: string;
          createdAt: number;
          enabled: boolean;
          lastRunAt: null | number;
          lastRunKey: null | string;
          nextRunAt: null | number;
          periodicity: "manual" | "daily" | "weekly" | "monthly";
          schedule:
            | { kind: "manual" }
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string };
          sourceTemplateId: null | string;
          text: string;
          timezone: string;
          title: string;
          updatedAt: number;
        }>,
        Name
      >;
      listPushTemplatesByCompany: FunctionReference<
        "query",
        "internal",
        { companyId: string; includeDisabled?: boolean },
        Array<{
          _id: string;
          companyId: string;
          createdAt: number;
          createdBy: string;
          enabled: boolean;
          periodicity: "manual" | "daily" | "weekly" | "monthly";
          suggestedTimes: Array<
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string }
          >;
          templateKey: string;
          text: string;
          title: string;
          updatedAt: number;
          updatedBy: string;
        }>,
        Name
      >;
      listQuarantinedTelegramUpdates: FunctionReference<
        "query",
        "internal",
        { limit?: number },
        Array<{
          at: number;
          botIdentity: null | string;
          detail: string;
          messageId: null | string;
          quarantineId: string;
          reason:
            | "too_large"
            | "not_json"
            | "not_an_update"
            | "agent_unavailable"
            | "agent_of_another_bot"
            | "conversation_mismatch"
            | "refused";
          telegramChatId: null | string;
          updateId: null | number;
        }>,
        Name
      >;
      listQueueItemsForConversation: FunctionReference<
        "query",
        "internal",
        { conversationId: string; limit?: number },
        Array<{
          _creationTime: number;
          _id: string;
          agentKey: string;
          attempts: number;
          conversationId: string;
          lastError: null | string;
          maxAttempts: number;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
          priority: number;
          scheduledFor: number;
          status: "queued" | "processing" | "done" | "failed" | "dead_letter";
        }>,
        Name
      >;
      listQueueItemsForUserAgent: FunctionReference<
        "query",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          limit?: number;
          statuses?: Array<
            "queued" | "processing" | "done" | "failed" | "dead_letter"
          >;
        },
        Array<{
          _creationTime: number;
          _id: string;
          agentKey: string;
          attempts: number;
          conversationId: string;
          lastError: null | string;
          maxAttempts: number;
          payload: {
            attachments?: Array<{
              downloadUrl?: string;
              expiresAt: number;
              fileName?: string;
              kind: "photo" | "video" | "audio" | "voice" | "document";
              mimeType?: string;
              sizeBytes?: number;
              status: "ready" | "expired";
              storageId: string;
              telegramFileId: string;
            }>;
            externalMessageId?: string;
            messageText: string;
            metadata?: Record<string, string>;
            provider: string;
            providerUserId: string;
            rawUpdateJson?: string;
          };
          priority: number;
          scheduledFor: number;
          status: "queued" | "processing" | "done" | "failed" | "dead_letter";
        }>,
        Name
      >;
      listSnapshotsForConversation: FunctionReference<
        "query",
        "internal",
        { conversationId: string; limit?: number; nowMs?: number },
        Array<{
          conversationId: string;
          createdAt: number;
          downloadUrl: null | string;
          sha256: null | string;
          sizeBytes: null | number;
          snapshotId: string;
          status: "uploading" | "ready" | "failed" | "expired";
        }>,
        Name
      >;
      listSnapshotsForUserAgent: FunctionReference<
        "query",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          limit?: number;
          nowMs?: number;
        },
        Array<{
          conversationId: string;
          createdAt: number;
          downloadUrl: null | string;
          sha256: null | string;
          sizeBytes: null | number;
          snapshotId: string;
          status: "uploading" | "ready" | "failed" | "expired";
        }>,
        Name
      >;
      listSpendBudgets: FunctionReference<
        "query",
        "internal",
        { nowMs?: number },
        Array<{
          key: string;
          level: "ok" | "warning" | "exhausted" | "resumed";
          resetsAt: null | number;
          scope: "deployment" | "agent" | "company";
          spentThisMonthUsd: number;
          spentTodayUsd: number;
          usdPerDay: null | number;
          usdPerMonth: null | number;
        }>,
        Name
      >;
      listSpendEvents: FunctionReference<
        "query",
        "internal",
        { limit?: number },
        Array<{
          at: number;
          key: string;
          kind: "warning" | "exhausted" | "resumed";
          limitUsd: number;
          period: string;
          scope: "deployment" | "agent" | "company";
          usd: number;
        }>,
        Name
      >;
      listUserAgents: FunctionReference<
        "query",
        "internal",
        { consumerUserId: string; includeDisabled?: boolean; nowMs?: number },
        Array<{
          agentKey: string;
          bindingStatus: null | "active" | "revoked";
          canChat: boolean;
          canCreateNewAgent: boolean;
          canDisable: boolean;
          canManagePushJobs: boolean;
          consumerUserId: string;
          conversationId: null | string;
          displayName: null | string;
          pairingStatus: null | "pending" | "used" | "expired";
          status: "draft" | "pairing" | "active" | "disabled" | "failed";
          telegramUsername: null | string;
          version: null | string;
        }>,
        Name
      >;
      listWorkerEvents: FunctionReference<
        "query",
        "internal",
        { workerId: string },
        Array<{
          at: number;
          detail: null | string;
          kind: string;
          machineId: null | string;
        }>,
        Name
      >;
      listWorkers: FunctionReference<
        "query",
        "internal",
        {
          limit?: number;
          status?: "active" | "draining" | "stopping" | "stopped";
        },
        Array<{
          agentKey: null | string;
          appName: null | string;
          conversationId: null | string;
          createdAt: number;
          drainReason:
            | null
            | "idle"
            | "stale"
            | "boot_timeout"
            | "machine_gone"
            | "evicted"
            | "operator"
            | "budget"
            | "exited";
          firstSeenAt: null | number;
          heartbeatAt: number;
          lastClaimAt: null | number;
          lastProviderError: null | string;
          load: number;
          loadedSkills: null | {
            loadedAt: number;
            manifestVersion: string;
            refused: Array<{ reason: string; slug: string }>;
            skills: Array<{ slug: string; version: string }>;
          };
          machineId: null | string;
          scheduledShutdownAt: null | number;
          status: "active" | "draining" | "stopping" | "stopped";
          stoppedAt: null | number;
          workerId: string;
        }>,
        Name
      >;
      mayPostTelegramUpdate: FunctionReference<
        "query",
        "internal",
        {
          allowUnsigned: boolean;
          credentials: {
            botIdentity: null | string;
            secretHash: null | string;
          };
        },
        boolean,
        Name
      >;
      messageRuntimeConfig: FunctionReference<
        "query",
        "internal",
        {},
        null | {
          systemPrompt?: string;
          telegramApiBaseUrl?: string;
          telegramAttachmentRetentionMs?: number;
        },
        Name
      >;
      pauseAgent: FunctionReference<
        "mutation",
        "internal",
        { agentKey: string },
        boolean,
        Name
      >;
      pauseConversation: FunctionReference<
        "mutation",
        "internal",
        { conversationId: string; reason?: string },
        boolean,
        Name
      >;
      policyConfig: FunctionReference<
        "query",
        "internal",
        {},
        {
          delivery: { onUnknown: "silence" | "duplicate" };
          hydration: {
            maxContextTokens: number;
            memoryWindowDays: number;
            rebuildOnDocTypes: Array<string>;
            skillAssetScanMode: string;
            snapshotTtlMs: number;
          };
          lease: {
            heartbeatIntervalMs: number;
            leaseMs: number;
            staleAfterMs: number;
          };
          queue: {
            claimBatchSize: number;
            defaultPriority: number;
            maxPriority: number;
          };
          retry: {
            backoffFactor: number;
            baseDelayMs: number;
            jitterRatio: number;
            maxAttempts: number;
            maxDelayMs: number;
          };
          scaling: {
            idleTimeoutMs: number;
            maxWorkers: number;
            queuePerWorkerTarget: number;
            reconcileIntervalMs: number;
            spawnStep: number;
          };
        },
        Name
      >;
      prepareDataSnapshotUpload: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          conversationId: string;
          nowMs?: number;
          parentSnapshotId?: string;
          reason: "drain" | "signal" | "manual";
          workerId: string;
          workspaceId: string;
        },
        { expiresAt: number; snapshotId: string; uploadUrl: string },
        Name
      >;
      prepareTelegramAttachmentsForEnqueue: FunctionReference<
        "action",
        "internal",
        {
          agentKey: string;
          attachments: Array<{
            fileName?: string;
            kind: "photo" | "video" | "audio" | "voice" | "document";
            mimeType?: string;
            sizeBytes?: number;
            telegramFileId: string;
          }>;
        },
        Array<{
          expiresAt: number;
          fileName?: string;
          kind: "photo" | "video" | "audio" | "voice" | "document";
          mimeType?: string;
          sizeBytes?: number;
          status: "ready";
          storageId: string;
          telegramFileId: string;
        }>,
        Name
      >;
      previewBroadcast: FunctionReference<
        "query",
        "internal",
        {
          companyId: string;
          cursor?: { afterAgentKey: string; group: "company" | "shared" };
          limit?: number;
        },
        {
          agents: Array<{ agentKey: string; companyId: null | string }>;
          continueCursor: null | {
            afterAgentKey: string;
            group: "company" | "shared";
          };
        },
        Name
      >;
      providerRuntimeConfig: FunctionReference<
        "query",
        "internal",
        {},
        null | {
          apiBaseUrl?: string;
          appName: string;
          autoDestroy?: boolean;
          fallbackRegions?: Array<string>;
          guest?: {
            cpuKind: "shared" | "performance";
            cpus: number;
            memoryMb: number;
          };
          image: string;
          kind: "fly" | "runpod" | "ecs";
          organizationSlug: string;
          prices?: {
            memoryGbUsd?: number;
            performanceCpuUsd?: number;
            rootfsGb?: number;
            rootfsGbUsd?: number;
            sharedCpuUsd?: number;
            volumeGbUsd?: number;
          };
          region: string;
          restartMaxRetries?: number;
          restartPolicy?: "no" | "on-failure" | "always";
          stopTimeoutSeconds?: number;
          volumeName: string;
          volumePath: string;
          volumeSizeGb: number;
        },
        Name
      >;
      queueStats: FunctionReference<
        "query",
        "internal",
        { nowMs?: number },
        { deadLetter: number; processing: number; queuedReady: number },
        Name
      >;
      reconcileTelegramBotIdentityForAgent: FunctionReference<
        "action",
        "internal",
        { agentKey: string; secretRef?: string },
        {
          agentKey: string;
          botIdentity: string;
          secretRef: null | string;
          telegramUsername: null | string;
        },
        Name
      >;
      reconcileWorkers: FunctionReference<
        "action",
        "internal",
        {
          convexUrl?: string;
          flyApiToken?: string;
          nowMs?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
          scalingPolicy?: {
            idleTimeoutMs: number;
            maxWorkers: number;
            queuePerWorkerTarget: number;
            reconcileIntervalMs: number;
            spawnStep: number;
          };
          workspaceId?: string;
        },
        { activeWorkers: number; spawned: number; terminated: number },
        Name
      >;
      redriveDeadLetters: FunctionReference<
        "mutation",
        "internal",
        { fingerprint?: string; limit?: number; messageId?: string },
        { more: boolean; redriven: number },
        Name
      >;
      registerUploadedFile: FunctionReference<
        "mutation",
        "internal",
        { conversationId?: string; storageId: string },
        null,
        Name
      >;
      releaseStuckJobs: FunctionReference<
        "mutation",
        "internal",
        { limit?: number; nowMs?: number },
        { deadLettered: number; requeued: number; unlocked: number },
        Name
      >;
      resealSecrets: FunctionReference<
        "mutation",
        "internal",
        {},
        { keyId: string; started: boolean },
        Name
      >;
      resolveAgentForTelegram: FunctionReference<
        "query",
        "internal",
        {
          botIdentity?: string;
          telegramChatId?: string;
          telegramUserId?: string;
        },
        {
          agentKey: null | string;
          consumerUserId: null | string;
          conversationId: null | string;
        },
        Name
      >;
      resolveAgentForUser: FunctionReference<
        "query",
        "internal",
        { consumerUserId: string },
        { agentKey: null | string; consumerUserId: string },
        Name
      >;
      resubmitQuarantinedTelegramUpdate: FunctionReference<
        "mutation",
        "internal",
        { agentKey?: string; quarantineId: string },
        | { messageId: string; status: "enqueued" }
        | {
            detail: string;
            reason:
              | "too_large"
              | "not_json"
              | "not_an_update"
              | "agent_unavailable"
              | "agent_of_another_bot"
              | "conversation_mismatch"
              | "refused";
            status: "refused";
          },
        Name
      >;
      resumeAgent: FunctionReference<
        "mutation",
        "internal",
        { agentKey: string },
        boolean,
        Name
      >;
      resumeConversation: FunctionReference<
        "mutation",
        "internal",
        { conversationId: string },
        boolean,
        Name
      >;
      resumeSpending: FunctionReference<
        "mutation",
        "internal",
        { agentKey?: string; companyId?: string },
        null | { until: number },
        Name
      >;
      revokeUserAgentBinding: FunctionReference<
        "mutation",
        "internal",
        { consumerUserId: string; nowMs?: number },
        { revoked: number },
        Name
      >;
      rollbackGlobalSkill: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          nowMs?: number;
          releaseChannel?: "stable" | "canary";
          slug: string;
          version?: string;
        },
        {
          releaseChannel: "stable" | "canary";
          releaseId: string;
          sha256: string;
          skillId: string;
          slug: string;
          version: string;
          versionId: string;
        },
        Name
      >;
      runFlyCleanup: FunctionReference<
        "action",
        "internal",
        {
          dryRun?: boolean;
          flyApiToken?: string;
          machineConcurrency?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
          scope?: "app" | "managed";
          volumeConcurrency?: number;
        },
        {
          appName: string;
          errors: Array<string>;
          machineIdsDeleted: Array<string>;
          machineIdsRemaining: Array<string>;
          machinesDeleted: number;
          machinesFound: number;
          machinesRemaining: number;
          volumeIdsDeleted: Array<string>;
          volumeIdsRemaining: Array<string>;
          volumesDeleted: number;
          volumesFound: number;
          volumesRemaining: number;
          warnings: Array<string>;
        },
        Name
      >;
      secretsKeyStatus: FunctionReference<
        "query",
        "internal",
        {},
        {
          keyConfigured: boolean;
          keyId: null | string;
          previousKeyId: null | string;
          problem: null | string;
          staleRows: number;
        },
        Name
      >;
      secretStatus: FunctionReference<
        "query",
        "internal",
        { secretRefs: Array<string> },
        Array<{
          hasActive: boolean;
          secretRef: string;
          version: null | number;
        }>,
        Name
      >;
      sendBroadcastToAllActiveAgents: FunctionReference<
        "mutation",
        "internal",
        {
          broadcastKey?: string;
          companyId: string;
          nowMs?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
          requestedBy: string;
          text: string;
          title: string;
        },
        {
          broadcastId: string;
          enqueued: number;
          failed: number;
          totalTargets: number;
        },
        Name
      >;
      sendMessageTemplateToUserAgent: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          companyId?: string;
          consumerUserId: string;
          idempotencyKey?: string;
          metadata?: Record<string, string>;
          nowMs?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
          templateId: string;
        },
        { messageId: string; usageCount: number },
        Name
      >;
      sendMessageToUserAgent: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          content: string;
          idempotencyKey?: string;
          metadata?: Record<string, string>;
          nowMs?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
        },
        string,
        Name
      >;
      setGlobalSkillStatus: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          nowMs?: number;
          slug: string;
          status: "active" | "disabled";
        },
        { slug: string; status: "active" | "disabled"; updated: boolean },
        Name
      >;
      setMessageRuntimeConfig: FunctionReference<
        "mutation",
        "internal",
        {
          messageConfig: {
            systemPrompt?: string;
            telegramApiBaseUrl?: string;
            telegramAttachmentRetentionMs?: number;
          };
          nowMs?: number;
        },
        null,
        Name
      >;
      setPolicyConfig: FunctionReference<
        "mutation",
        "internal",
        {
          nowMs?: number;
          policy: {
            delivery?: { onUnknown?: "silence" | "duplicate" };
            hydration?: {
              maxContextTokens?: number;
              memoryWindowDays?: number;
              rebuildOnDocTypes?: Array<string>;
              skillAssetScanMode?: string;
              snapshotTtlMs?: number;
            };
            lease?: {
              heartbeatIntervalMs?: number;
              leaseMs?: number;
              staleAfterMs?: number;
            };
            queue?: {
              claimBatchSize?: number;
              defaultPriority?: number;
              maxPriority?: number;
            };
            retry?: {
              backoffFactor?: number;
              baseDelayMs?: number;
              jitterRatio?: number;
              maxAttempts?: number;
              maxDelayMs?: number;
            };
            scaling?: {
              idleTimeoutMs?: number;
              maxWorkers?: number;
              queuePerWorkerTarget?: number;
              reconcileIntervalMs?: number;
              spawnStep?: number;
            };
          };
        },
        null,
        Name
      >;
      setProviderRuntimeConfig: FunctionReference<
        "mutation",
        "internal",
        {
          nowMs?: number;
          providerConfig: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
        },
        null,
        Name
      >;
      setPushJobEnabled: FunctionReference<
        "mutation",
        "internal",
        { enabled: boolean; jobId: string; nowMs?: number },
        boolean,
        Name
      >;
      setSpendBudget: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey?: string;
          companyId?: string;
          usdPerDay?: number;
          usdPerMonth?: number;
        },
        null,
        Name
      >;
      setWorkerRuntimeConfig: FunctionReference<
        "mutation",
        "internal",
        {
          nowMs?: number;
          workerConfig: {
            env?: Record<string, string>;
            pathPrefix?: string;
            transport?: "gateway" | "direct";
          };
        },
        null,
        Name
      >;
      skipMessage: FunctionReference<
        "mutation",
        "internal",
        { messageId: string; reason?: string },
        boolean,
        Name
      >;
      softResetTelegramBindingsMissingBotIdentity: FunctionReference<
        "mutation",
        "internal",
        {
          expirePendingPairings?: boolean;
          nowMs?: number;
          revokeActiveBindings?: boolean;
        },
        {
          annotatedBindings: number;
          expiredPairings: number;
          legacyBindingsMissingBotIdentity: number;
          more: boolean;
          pendingPairingsMissingBotIdentity: number;
          profilesMissingBotIdentity: number;
          revokedBindings: number;
        },
        Name
      >;
      spendSummary: FunctionReference<
        "query",
        "internal",
        { nowMs?: number },
        {
          agents: Array<{
            key: string;
            month: {
              runningMs: number;
              stoppedMs: number;
              usd: number;
              volumeMs: number;
            };
            today: {
              runningMs: number;
              stoppedMs: number;
              usd: number;
              volumeMs: number;
            };
          }>;
          budgets: Array<{
            key: string;
            level: "ok" | "warning" | "exhausted" | "resumed";
            resetsAt: null | number;
            scope: "deployment" | "agent" | "company";
            spentThisMonthUsd: number;
            spentTodayUsd: number;
            usdPerDay: null | number;
            usdPerMonth: null | number;
          }>;
          companies: Array<{
            key: string;
            month: {
              runningMs: number;
              stoppedMs: number;
              usd: number;
              volumeMs: number;
            };
            today: {
              runningMs: number;
              stoppedMs: number;
              usd: number;
              volumeMs: number;
            };
          }>;
          month: {
            period: string;
            resetsAt: number;
            runningMs: number;
            stoppedMs: number;
            usd: number;
            volumeMs: number;
          };
          today: {
            period: string;
            resetsAt: number;
            runningMs: number;
            stoppedMs: number;
            usd: number;
            volumeMs: number;
          };
          usdPerHour: number;
        },
        Name
      >;
      startUpgrade: FunctionReference<
        "mutation",
        "internal",
        {},
        { resealing: boolean },
        Name
      >;
      triggerPushJobNow: FunctionReference<
        "mutation",
        "internal",
        {
          idempotencyKey?: string;
          jobId: string;
          nowMs?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
        },
        { enqueuedMessageId: string; runKey: string },
        Name
      >;
      triggerPushJobNowForAgent: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          idempotencyKey?: string;
          jobId: string;
          nowMs?: number;
          providerConfig?: {
            apiBaseUrl?: string;
            appName: string;
            autoDestroy?: boolean;
            fallbackRegions?: Array<string>;
            guest?: {
              cpuKind: "shared" | "performance";
              cpus: number;
              memoryMb: number;
            };
            image: string;
            kind: "fly" | "runpod" | "ecs";
            organizationSlug: string;
            prices?: {
              memoryGbUsd?: number;
              performanceCpuUsd?: number;
              rootfsGb?: number;
              rootfsGbUsd?: number;
              sharedCpuUsd?: number;
              volumeGbUsd?: number;
            };
            region: string;
            restartMaxRetries?: number;
            restartPolicy?: "no" | "on-failure" | "always";
            stopTimeoutSeconds?: number;
            volumeName: string;
            volumePath: string;
            volumeSizeGb: number;
          };
        },
        { enqueuedMessageId: string; runKey: string },
        Name
      >;
      updateMessageTemplate: FunctionReference<
        "mutation",
        "internal",
        {
          actorUserId: string;
          companyId?: string;
          enabled?: boolean;
          nowMs?: number;
          tags?: Array<string>;
          templateId: string;
          text?: string;
          title?: string;
        },
        boolean,
        Name
      >;
      updatePushJob: FunctionReference<
        "mutation",
        "internal",
        {
          enabled?: boolean;
          jobId: string;
          nowMs?: number;
          periodicity?: "manual" | "daily" | "weekly" | "monthly";
          schedule?:
            | { kind: "manual" }
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string };
          text?: string;
          timezone?: string;
          title?: string;
        },
        boolean,
        Name
      >;
      updatePushJobForAgent: FunctionReference<
        "mutation",
        "internal",
        {
          agentKey: string;
          consumerUserId: string;
          enabled?: boolean;
          jobId: string;
          nowMs?: number;
          periodicity?: "manual" | "daily" | "weekly" | "monthly";
          schedule?:
            | { kind: "manual" }
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string };
          text?: string;
          timezone?: string;
          title?: string;
        },
        boolean,
        Name
      >;
      updatePushTemplate: FunctionReference<
        "mutation",
        "internal",
        {
          actorUserId: string;
          enabled?: boolean;
          nowMs?: number;
          periodicity?: "manual" | "daily" | "weekly" | "monthly";
          suggestedTimes?: Array<
            | { kind: "daily"; time: string }
            | { kind: "weekly"; time: string; weekday: number }
            | { dayOfMonth: number | "last"; kind: "monthly"; time: string }
          >;
          templateId: string;
          text?: string;
          title?: string;
        },
        boolean,
        Name
      >;
      upgradeStatus: FunctionReference<
        "query",
        "internal",
        {},
        {
          conversations: number;
          done: boolean;
          histories: number;
          messages: number;
          problem: string | null;
          secrets: number;
        },
        Name
      >;
      workerGatewayMutation: FunctionReference<
        "mutation",
        "internal",
        { args: any; name: string; tokenHash: string },
        any,
        Name
      >;
      workerGatewayQuery: FunctionReference<
        "query",
        "internal",
        { args: any; name: string; tokenHash: string },
        any,
        Name
      >;
      workerRuntimeConfig: FunctionReference<
        "query",
        "internal",
        {},
        {
          env: Record<string, string>;
          pathPrefix: string;
          transport: "gateway" | "direct";
        },
        Name
      >;
      workerStats: FunctionReference<
        "query",
        "internal",
        {},
        {
          activeCount: number;
          idleCount: number;
          workers: Array<{
            appName: null | string;
            heartbeatAt: number;
            load: number;
            machineId: null | string;
            status: "active" | "draining" | "stopping" | "stopped";
            workerId: string;
          }>;
        },
        Name
      >;
    };
  };

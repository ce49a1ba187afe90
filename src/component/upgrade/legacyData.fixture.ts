/** Two deployments as 3.x left them: every table, in the shapes of 3.0.3 and of 3.1, while work was going on. */
import type { Id, MutationCtx } from "../kit/functions.js";

export type Flavour = "3.0.3" | "3.1";
export const BOT = "4242";
/** What the first secret says; stored the way 3.x stored secrets. */
export const LEGACY_SECRET = "an old value";

const xorHex = (text: string) =>
  [...text]
    .map((unit, i) => (unit.charCodeAt(0) ^ (11 + (i % 7))).toString(16).padStart(4, "0"))
    .join("");

export type LegacyOptions = {
  flavour: Flavour;
  now: number;
  conversations: number;
  /** Entries of every history. */
  history: number;
};

/**
 * Inserts the deployment: in each conversation one message waits for its second attempt, one waits, one is done and
 * one is dead; in the first one a worker of the old fleet is at work.
 */
export async function insertLegacyDeployment(
  ctx: MutationCtx,
  { flavour, now, conversations, history }: LegacyOptions,
): Promise<{ held: Id<"messageQueue">; waiting: Id<"messageQueue">[] }> {
  const { db } = ctx;
  const bot = flavour === "3.1" ? { botIdentity: BOT } : {};
  const audit = { createdBy: "u", updatedBy: "u", createdAt: now, updatedAt: now };
  await db.insert("agentProfiles", {
    ...{ agentKey: "a", version: "1", secretsRef: ["telegram.botToken.a"], enabled: true, ...bot },
    bridgeConfig: { enabled: true, baseUrl: "https://x", serviceKeySecretRef: "k" },
  });
  for (const [index, value] of [LEGACY_SECRET, "another value"].entries())
    await db.insert("secrets", {
      ...{ secretRef: `legacy.${index}`, version: 1, encryptedValue: xorHex(value) },
      ...{ keyId: "component-local", algorithm: "xor-hex-v1", active: true },
    });

  const waiting: Id<"messageQueue">[] = [];
  let held: Id<"messageQueue"> | undefined;
  for (let c = 0; c < conversations; c++) {
    const conversationId = flavour === "3.1" ? `telegram:${BOT}:${c}` : `telegram:${c}`;
    const message = (n: number) => ({
      ...{ conversationId, agentKey: "a", priority: 50, scheduledFor: now - 100_000 + n },
      payload: { provider: "telegram", providerUserId: `${c}`, messageText: `old ${n}` },
      ...{ attempts: 0, maxAttempts: 5 },
    });
    await db.insert("messageQueue", { ...message(0), status: "done" });
    await db.insert("messageQueue", {
      ...message(1),
      ...{ status: "dead_letter" as const, attempts: 5 },
      ...{ lastError: "old error", deadLetteredAt: now - 50_000 },
    });
    const lease = { leaseId: "old-lease", leaseExpiresAt: now + 120_000 };
    if (c === 0)
      held = await db.insert("messageQueue", {
        ...message(2),
        ...{ status: "processing" as const, claimedBy: "afw-1-0", attempts: 2, ...lease },
      });
    waiting.push(
      await db.insert("messageQueue", {
        ...message(3),
        ...{ status: "queued" as const, attempts: 3, nextRetryAt: now - 1, lastError: "busy" },
      }),
      await db.insert("messageQueue", { ...message(4), status: "queued" }),
    );
    await db.insert("conversations", {
      ...{ conversationId, agentKey: "a", pendingToolCalls: [] },
      contextHistory: Array.from({ length: history }, (_, n) => ({
        role: n % 2 === 0 ? ("user" as const) : ("assistant" as const),
        ...{ content: `said ${n}`, at: now - 1_000_000 + n },
      })),
      ...(held !== undefined && c === 0
        ? {
            processingLock: {
              ...{ ...lease, workerId: "afw-1-0", heartbeatAt: now, claimedMessageId: held },
            },
          }
        : {}),
    });
    await db.insert("conversationHydrationCache", {
      ...{ conversationId, agentKey: "a", snapshotKey: "default:a", lastHydratedAt: now },
      ...{ deltaContext: [], deltaFingerprint: "f0" },
    });
    await db.insert("identityBindings", {
      ...{ consumerUserId: `user-${c}`, agentKey: "a", conversationId, ...bot },
      ...{ status: "active" as const, source: "telegram_pairing" as const, boundAt: now },
      ...{ telegramUserId: `${c}`, telegramChatId: `${c}` },
    });
    await db.insert("dataSnapshots", {
      ...{ workspaceId: "default", agentKey: "a", workerId: "afw-1-0", conversationId },
      ...{ reason: "signal" as const, formatVersion: 1, createdAt: now, expiresAt: now + 1e9 },
      status: "uploading",
    });
  }
  if (held === undefined) throw new Error("A legacy deployment has at least one conversation.");
  await db.insert("workers", {
    ...{ workerId: "afw-1-0", provider: "fly", volumeId: "vol_1", status: "active" as const },
    machineRef: { appName: "app", machineId: "m1", region: "fra" },
    ...{ load: 1, heartbeatAt: now, lastClaimAt: now, capabilities: [] },
    assignment: {
      ...{ conversationId: flavour === "3.1" ? `telegram:${BOT}:0` : "telegram:0" },
      ...{ agentKey: "a", leaseId: "old-lease", assignedAt: now },
    },
  });
  await db.insert("pairingCodes", {
    ...{ code: "OLDCODE1", consumerUserId: "new-user", agentKey: "a", ...bot },
    ...{ status: "pending" as const, createdAt: now, expiresAt: now + 900_000 },
  });
  await insertLibrary(ctx, audit, now, held);
  return { held, waiting };
}

/** The tables that the migration leaves as they are. */
async function insertLibrary(
  { db }: MutationCtx,
  audit: { createdBy: string; updatedBy: string; createdAt: number; updatedAt: number },
  now: number,
  messageId: Id<"messageQueue">,
): Promise<void> {
  const skillId = await db.insert("globalSkills", {
    ...{ slug: "s", displayName: "S", status: "active" as const, ...audit },
  });
  const versionId = await db.insert("globalSkillVersions", {
    ...{ skillId, version: "1.0.0", moduleFormat: "esm" as const, entryPoint: "default" },
    files: [{ path: "SKILL.md", content: "x", sha256: "0" }],
    ...{ sha256: "0", createdBy: "u", createdAt: now },
  });
  await db.insert("globalSkillReleases", {
    ...{ skillId, versionId, releaseChannel: "stable" as const, isActive: true },
    ...{ activatedBy: "u", activatedAt: now },
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
    ...{ companyId: "co", consumerUserId: "user-0", sourceTemplateId: templateId, title: "t" },
    ...{ text: "x", periodicity: "daily" as const, timezone: "Europe/Rome", enabled: true },
    schedule: { kind: "daily", time: "09:00" },
    ...{ createdAt: now, updatedAt: now, nextRunAt: now + 1e9 },
  });
  await db.insert("messagePushDispatches", {
    ...{ jobId, consumerUserId: "user-0", runKey: "r", scheduledFor: now, createdAt: now },
    ...{ enqueuedMessageId: messageId, status: "enqueued" as const },
  });
}

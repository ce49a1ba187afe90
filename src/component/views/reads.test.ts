/** What the lists and pages of users, pushes and templates read: the same with 10 rows of everything as with many. */
import { expect, test, vi } from "vitest";
import { api } from "../_generated/api.js";
import type { Id, MutationCtx } from "../kit/functions.js";
import { NOW, startWithUser } from "../push/push.fixture.js";
import type { T } from "../setup.test.js";

const WHO = { consumerUserId: "ada", agentKey: "a" };
const CONVERSATION = "user-agent:a:ada";
const LIMIT = 5;
/** Far above every limit of the lists. The test's backend walks all rows for each read: READS_ROWS=10000 takes its time. */
const MANY = Number(process.env.READS_ROWS ?? 1_500);
const AUDIT = { createdBy: "boss", updatedBy: "boss" };

async function seed(
  t: T,
  from: number,
  until: number,
  jobId: Id<"messagePushJobs">,
  broadcastId: Id<"messagePushBroadcasts">,
): Promise<void> {
  await t.run(async ({ db }) => {
    for (let n = from; n < until; n++) {
      const at = NOW - until + n;
      const dates = { createdAt: at, updatedAt: at };
      await db.insert("messagePushTemplates", {
        companyId: "x",
        templateKey: `k${n}`,
        title: "t",
        text: "x",
        periodicity: "manual",
        suggestedTimes: [],
        enabled: true,
        ...AUDIT,
        ...dates,
      });
      await db.insert("messageTemplates", {
        templateKey: `k${n}`,
        ...(n % 2 === 0 ? { companyId: "x" } : {}),
        title: "t",
        text: "x",
        tags: [],
        usageCount: n,
        enabled: true,
        ...AUDIT,
        ...dates,
      });
      await db.insert("messagePushDispatches", {
        jobId,
        ...WHO,
        runKey: `r${n}`,
        scheduledFor: at,
        status: "enqueued",
        createdAt: at,
      });
      await db.insert("messagePushBroadcasts", {
        companyId: "x",
        title: "t",
        text: "x",
        target: "all_active_agents",
        requestedBy: "boss",
        requestedAt: at,
        status: "done",
        totalTargets: 0,
        enqueuedCount: 0,
        failedCount: 0,
      });
      await db.insert("messagePushBroadcastDispatches", {
        broadcastId,
        consumerUserId: `agent:${n}`,
        agentKey: `${n}`,
        runKey: `r${n}`,
        status: "enqueued",
        createdAt: at,
      });
      await db.insert("agentProfiles", {
        agentKey: `x${n}`,
        version: "1",
        secretsRef: [],
        enabled: true,
        companyId: "x",
      });
      await db.insert("dataSnapshots", {
        workspaceId: "default",
        agentKey: "a",
        workerId: "w",
        conversationId: CONVERSATION,
        reason: "drain",
        formatVersion: 1,
        status: "failed",
        createdAt: at,
        expiresAt: at,
      });
      await db.insert("conversationMessages", {
        conversationId: CONVERSATION,
        sequence: n,
        role: "user",
        content: "hello",
        at,
      });
      await db.insert("messageQueue", {
        conversationId: CONVERSATION,
        agentKey: "a",
        payload: { provider: "x", providerUserId: "u", messageText: "hello" },
        status: n % 2 === 0 ? "dead_letter" : "queued",
        priority: 50,
        // Later than the message that is explained.
        scheduledFor: NOW + 1 + n,
        attempts: 0,
        maxAttempts: 5,
        deliveries: 0,
        enqueuedAt: NOW,
      });
    }
    for (let n = Math.min(from, 400); n < Math.min(until, 400); n++)
      await db.insert("messagePushJobs", {
        companyId: "x",
        ...WHO,
        title: "t",
        text: "x",
        periodicity: "manual",
        timezone: "UTC",
        schedule: { kind: "manual" },
        enabled: true,
        createdAt: n,
        updatedAt: n,
      });
  });
}

test(`reads do not grow from 10 to ${MANY} rows`, { timeout: 120_000 }, async () => {
  const t = await startWithUser();
  try {
    const first = await t.mutation(api.lib.sendMessageToUserAgent, { ...WHO, content: "hi" });
    const jobId = await t.mutation(api.lib.createPushJobCustom, {
      companyId: "x",
      consumerUserId: "ada",
      title: "t",
      text: "x",
      periodicity: "manual",
      timezone: "UTC",
      schedule: { kind: "manual" },
    });
    const sent = await t.mutation(api.lib.sendBroadcastToAllActiveAgents, {
      companyId: "nobody's",
      title: "t",
      text: "x",
      requestedBy: "boss",
    });
    const broadcastId = sent.broadcastId as Id<"messagePushBroadcasts">;
    const x = { companyId: "x" };
    const limit = LIMIT;
    const { lib } = api;
    const calls: Record<string, (ctx: MutationCtx) => Promise<unknown>> = {
      explainMessage: (ctx) => ctx.runQuery(lib.explainMessage, { messageId: first }),
      "queue items": (ctx) => ctx.runQuery(lib.listQueueItemsForUserAgent, { ...WHO, limit }),
      "queue items, one status": (ctx) =>
        ctx.runQuery(lib.listQueueItemsForUserAgent, { ...WHO, statuses: ["dead_letter"], limit }),
      "conversation view": (ctx) =>
        ctx.runQuery(lib.getConversationViewForUserAgent, { ...WHO, limit, historyLimit: limit }),
      snapshots: (ctx) => ctx.runQuery(lib.listSnapshotsForUserAgent, { ...WHO, limit }),
      "latest snapshot": (ctx) => ctx.runQuery(lib.getLatestSnapshotForUserAgent, WHO),
      "push stats": (ctx) => ctx.runQuery(lib.getUserAgentPushStats, WHO),
      "dispatches of an agent": (ctx) =>
        ctx.runQuery(lib.listPushDispatchesForAgent, { ...WHO, limit }),
      "dispatches of a job": (ctx) => ctx.runQuery(lib.listPushDispatchesByJob, { jobId, limit }),
      "message templates": (ctx) =>
        ctx.runQuery(lib.listMessageTemplatesByCompany, { ...x, limit }),
      broadcasts: (ctx) => ctx.runQuery(lib.listBroadcasts, { ...x, limit }),
      receipts: (ctx) => ctx.runQuery(lib.listBroadcastReceipts, { broadcastId, limit }),
      preview: (ctx) => ctx.runQuery(lib.previewBroadcast, { ...x, limit }),
    };
    /** These take no limit: they stop at a number of their own. */
    const bounded: Record<string, (ctx: MutationCtx) => Promise<unknown>> = {
      "push templates": (ctx) => ctx.runQuery(lib.listPushTemplatesByCompany, x),
      "jobs of a user": (ctx) =>
        ctx.runQuery(lib.listPushJobsForUser, { consumerUserId: "ada", includeDisabled: false }),
      "jobs of an agent": (ctx) => ctx.runQuery(lib.listPushJobsForAgent, WHO),
      "older history": (ctx) =>
        ctx.runQuery(lib.getConversationViewForUserAgent, {
          ...WHO,
          limit,
          historyLimit: 2,
          historyBefore: 8,
        }),
      "conversation stats": (ctx) => ctx.runQuery(lib.getUserAgentConversationStats, WHO),
    };
    const cost = async (from: typeof calls) => {
      const found: Record<string, number> = {};
      for (const [name, call] of Object.entries(from))
        found[name] = await t.mutation(async (ctx) => {
          await call(ctx);
          return (await ctx.meta.getTransactionMetrics()).documentsRead.used;
        });
      return found;
    };

    await seed(t, 0, 10, jobId, broadcastId);
    const small = await cost(calls);
    await seed(t, 10, MANY, jobId, broadcastId);
    expect(await cost(calls)).toEqual(small);
    for (const [name, reads] of Object.entries(small))
      expect(reads, name).toBeLessThanOrEqual(name === "explainMessage" ? 40 : 20);
    for (const [name, reads] of Object.entries(await cost(bounded)))
      expect(reads, name).toBeLessThanOrEqual(510);
  } finally {
    vi.useRealTimers();
  }
});

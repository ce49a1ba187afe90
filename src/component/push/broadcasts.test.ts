import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { api } from "../_generated/api.js";
import { initTest, type T } from "../setup.test.js";
import { NOW, queued } from "./push.fixture.js";

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(NOW);
});
afterEach(() => vi.useRealTimers());

async function agents(t: T, count: number, companyId?: string, prefix = companyId ?? "shared") {
  await t.run(async (ctx) => {
    for (let i = 0; i < count; i++)
      await ctx.db.insert("agentProfiles", {
        agentKey: `${prefix}-${String(i).padStart(4, "0")}`,
        version: "1",
        secretsRef: [],
        enabled: true,
        ...(companyId === undefined ? {} : { companyId }),
      });
  });
}
const BROADCAST = { companyId: "x", title: "Hello", text: "World", requestedBy: "boss" };

describe("a broadcast", () => {
  test("reaches the company's agents and those of none, never another company's", async () => {
    const t = initTest();
    await agents(t, 2, "x");
    await agents(t, 2, "y");
    await agents(t, 1);
    await t.mutation(api.lib.configureAgent, {
      agentKey: "off",
      version: "1",
      secretsRef: [],
      enabled: false,
      companyId: "x",
    });
    const preview = await t.query(api.lib.previewBroadcast, { companyId: "x" });
    expect(preview).toEqual({
      agents: [
        { agentKey: "x-0000", companyId: "x" },
        { agentKey: "x-0001", companyId: "x" },
        { agentKey: "shared-0000", companyId: null },
      ],
      continueCursor: null,
    });
    const sent = await t.mutation(api.lib.sendBroadcastToAllActiveAgents, BROADCAST);
    expect(sent).toMatchObject({ totalTargets: 3, enqueued: 3, failed: 0 });
    const messages = await queued(t);
    expect(messages.map((m) => m.agentKey).sort()).toEqual(["shared-0000", "x-0000", "x-0001"]);
    expect(messages[0]).toMatchObject({
      conversationId: "broadcast:agent:x-0000",
      payload: {
        provider: "system_push",
        providerUserId: "agent:x-0000",
        messageText: "Hello\n\nWorld",
      },
    });
    expect(messages[0]!.payload.metadata).toMatchObject({
      broadcastId: sent.broadcastId,
      runKey: `broadcast:${sent.broadcastId}:x-0000`,
      adminInitiated: "true",
      companyId: "x",
    });
  });

  test("goes on by itself in bounded transactions, and keeps a receipt per agent", async () => {
    const t = initTest();
    await agents(t, 150, "x");
    await agents(t, 120);
    const first = await t.mutation(api.lib.sendBroadcastToAllActiveAgents, BROADCAST);
    expect(first).toMatchObject({ totalTargets: 100, enqueued: 100 });
    for (let i = 0; i < 3; i++) {
      vi.advanceTimersByTime(1);
      await t.finishInProgressScheduledFunctions();
    }
    const [done] = await t.query(api.lib.listBroadcasts, { companyId: "x" });
    expect(done).toMatchObject({ status: "done", totalTargets: 270, enqueued: 270, failed: 0 });
    expect(new Set((await queued(t)).map((m) => m.agentKey)).size).toBe(270);
    const broadcastId = first.broadcastId as Parameters<typeof receipts>[1];
    expect((await receipts(t, broadcastId)).length).toBe(270);
  });

  test("with the same key is the same one", async () => {
    const t = initTest();
    await agents(t, 2, "x");
    const args = { ...BROADCAST, broadcastKey: "spring" };
    const first = await t.mutation(api.lib.sendBroadcastToAllActiveAgents, args);
    expect(await t.mutation(api.lib.sendBroadcastToAllActiveAgents, args)).toEqual(first);
    expect((await queued(t)).length).toBe(2);
    const other = { ...args, companyId: "y" };
    const second = await t.mutation(api.lib.sendBroadcastToAllActiveAgents, other);
    expect(second.broadcastId).not.toBe(first.broadcastId);
  });

  test("can be cancelled on its way", async () => {
    const t = initTest();
    await agents(t, 250, "x");
    await t.mutation(api.lib.sendBroadcastToAllActiveAgents, BROADCAST);
    const broadcastId = await t.run(
      async (ctx) => (await ctx.db.query("messagePushBroadcasts").first())!._id,
    );
    expect(await t.mutation(api.lib.cancelBroadcast, { broadcastId })).toBe(true);
    vi.advanceTimersByTime(1);
    await t.finishInProgressScheduledFunctions();
    expect((await queued(t)).length).toBe(100);
    expect(await t.mutation(api.lib.cancelBroadcast, { broadcastId })).toBe(false);
    const [row] = await t.query(api.lib.listBroadcasts, { companyId: "x" });
    expect(row).toMatchObject({ status: "cancelled", enqueued: 100 });
    await t.run(async (ctx) => await ctx.db.delete("messagePushBroadcasts", broadcastId));
    await expect(t.mutation(api.lib.cancelBroadcast, { broadcastId })).rejects.toThrow(
      "does not exist",
    );
  });

  test("one unreachable agent fails alone, with a receipt that says why", async () => {
    const t = initTest();
    await agents(t, 2, "x");
    await t.mutation(api.lib.configureAgent, {
      agentKey: "z",
      version: "1",
      secretsRef: [],
      enabled: true,
    });
    await t.mutation(api.lib.enqueue, {
      conversationId: "broadcast:agent:x-0000",
      agentKey: "z",
      payload: { provider: "system_push", providerUserId: "u", messageText: "taken" },
    });
    const sent = await t.mutation(api.lib.sendBroadcastToAllActiveAgents, BROADCAST);
    expect(sent).toMatchObject({ totalTargets: 3, enqueued: 2, failed: 1 });
    const [row] = await t.query(api.lib.listBroadcasts, { companyId: "x" });
    expect(row!.status).toBe("done");
    const all = await receipts(t, sent.broadcastId as Parameters<typeof receipts>[1]);
    expect(all[0]).toMatchObject({ agentKey: "x-0000", status: "failed" });
    expect(all[0]!.error).toContain("already bound to agent 'z'");
  });
});

async function receipts(
  t: T,
  broadcastId: (typeof api.lib.listBroadcastReceipts)["_args"]["broadcastId"],
) {
  const found = [];
  for (let afterAgentKey = ""; ;) {
    const page = await t.query(api.lib.listBroadcastReceipts, {
      broadcastId,
      afterAgentKey,
      limit: 200,
    });
    found.push(...page);
    if (page.length < 200) return found;
    afterAgentKey = page.at(-1)!.agentKey;
  }
}

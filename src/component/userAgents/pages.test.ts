/** A user's page: the conversation's history page by page, and its snapshots. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { DAY_MS } from "../../shared/time.js";
import { api } from "../_generated/api.js";
import { NOW, startWithUser } from "../push/push.fixture.js";
import type { T } from "../setup.test.js";

afterEach(() => vi.useRealTimers());
const WHO = { consumerUserId: "ada", agentKey: "a" };
const CONVERSATION = "user-agent:a:ada";

async function say(t: T, from: number, until: number): Promise<void> {
  for (let n = from; n < until; n++)
    await t.mutation(api.lib.appendConversationMessages, {
      conversationId: CONVERSATION,
      messages: [{ role: n % 2 === 0 ? "user" : "assistant", content: `m${n}`, at: NOW + n }],
    });
}

async function addSnapshot(
  t: T,
  more: { createdAt: number; conversationId?: string; status?: "ready" | "failed" },
): Promise<void> {
  await t.run(async (ctx) => {
    const archiveFileId = await ctx.storage.store(new Blob(["archive"]));
    await ctx.db.insert("dataSnapshots", {
      workspaceId: "default",
      agentKey: "a",
      workerId: "w1",
      conversationId: CONVERSATION,
      reason: "drain",
      formatVersion: 1,
      status: "ready",
      archiveFileId,
      sizeBytes: 7,
      expiresAt: NOW + DAY_MS,
      lineage: "main",
      ...more,
    });
  });
}

describe("the conversation view", () => {
  test("goes back page by page, and new messages move no page", async () => {
    const t = await startWithUser();
    await t.mutation(api.lib.sendMessageToUserAgent, { ...WHO, content: "hi" });
    await say(t, 0, 7);
    const page = async (historyBefore?: number) =>
      await t.query(api.lib.getConversationViewForUserAgent, {
        ...WHO,
        historyLimit: 3,
        ...(historyBefore === undefined ? {} : { historyBefore }),
      });
    const newest = await page();
    expect(newest.contextHistory.map(({ content }) => content)).toEqual(["m4", "m5", "m6"]);
    expect(newest).toMatchObject({ lastUserMessageAt: NOW + 6, lastAssistantMessageAt: NOW + 5 });
    await say(t, 7, 9);
    const older = await page(newest.historyContinueBefore!);
    expect(older.contextHistory.map(({ content }) => content)).toEqual(["m1", "m2", "m3"]);
    // Of the whole conversation, not of the page.
    expect(older).toMatchObject({ lastUserMessageAt: NOW + 8, lastAssistantMessageAt: NOW + 7 });
    const oldest = await page(older.historyContinueBefore!);
    expect(oldest.contextHistory.map(({ content }) => content)).toEqual(["m0"]);
    expect(oldest.historyContinueBefore).toBeNull();
    expect((await page()).contextHistory.map(({ content }) => content)).toEqual(["m6", "m7", "m8"]);
  });
});

describe("a user's snapshots", () => {
  test("are those of the conversation, newest first, whatever their state", async () => {
    const t = await startWithUser();
    expect(await t.query(api.lib.getLatestSnapshotForUserAgent, WHO)).toBeNull();
    await addSnapshot(t, { createdAt: NOW - 3 });
    await addSnapshot(t, { createdAt: NOW - 1, status: "failed" });
    await addSnapshot(t, { createdAt: NOW - 2 });
    await addSnapshot(t, { createdAt: NOW, conversationId: "somebody else's" });
    const listed = await t.query(api.lib.listSnapshotsForUserAgent, WHO);
    expect(listed.map(({ createdAt, status }) => [createdAt, status])).toEqual([
      [NOW - 1, "failed"],
      [NOW - 2, "ready"],
      [NOW - 3, "ready"],
    ]);
    expect(listed.map(({ downloadUrl }) => downloadUrl !== null)).toEqual([false, true, true]);
    expect(listed[1]).toMatchObject({ conversationId: CONVERSATION, sizeBytes: 7 });
    const [only] = await t.query(api.lib.listSnapshotsForUserAgent, { ...WHO, limit: 1 });
    expect(only!.createdAt).toBe(NOW - 1);
    expect(await t.query(api.lib.getLatestSnapshotForUserAgent, WHO)).toMatchObject({
      createdAt: NOW - 1,
      status: "failed",
    });
    const other = { consumerUserId: "eve", agentKey: "a" };
    expect(await t.query(api.lib.listSnapshotsForUserAgent, other)).toEqual([]);
  });
});

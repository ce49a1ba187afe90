import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { loadConversation } from "../conversations/ops.js";
import {
  claim,
  conversationRow,
  legacyConversation,
  queueTest,
  send,
  START,
} from "./setup.test.js";
import { settle, withArrival } from "./store.js";

const NOW = START;

describe("a new arrival", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.setSystemTime(NOW);
  });
  afterEach(() => vi.useRealTimers());

  const offset = fc.integer({ min: -5_000, max: 5_000 });
  const arrival = fc.record({
    scheduledFor: offset,
    priority: fc.integer({ min: 0, max: 100 }),
    /** The clock moves between arrivals. */
    after: fc.integer({ min: 0, max: 3_000 }),
  });
  const start = fc.record({
    paused: fc.boolean(),
    blocked: fc.boolean(),
    first: fc.option(
      fc.record({ scheduledFor: offset, retry: fc.option(offset), priority: fc.nat(100) }),
    ),
  });

  test("gives the row that reading all messages would give", async () => {
    const t = await queueTest();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        start,
        fc.array(arrival, { minLength: 1, maxLength: 8 }),
        async (s, list) => {
          const conversationId = `p${run++}`;
          await t.mutation(async (ctx) => {
            let now = NOW;
            const base = {
              conversationId,
              agentKey: "default",
              payload: { provider: "x", providerUserId: "u", messageText: "t" },
              status: "queued" as const,
              attempts: 0,
              maxAttempts: 5,
              enqueuedAt: now,
            };
            await ctx.db.insert("conversations", {
              conversationId,
              agentKey: "default",
              contextHistory: [],
              pendingToolCalls: [],
              state: "idle",
              queuedCount: 0,
              slot: 0.5,
              ...(s.paused ? { pausedAt: now } : {}),
            });
            const load = async () => {
              const row = await loadConversation(ctx, conversationId);
              if (row === null) throw new Error("gone");
              return row;
            };
            if (s.first !== null) {
              await ctx.db.insert("messageQueue", {
                ...base,
                priority: s.first.priority,
                scheduledFor: now + s.first.scheduledFor,
                ...(s.first.retry === null ? {} : { nextRetryAt: now + s.first.retry }),
              });
              const blocked = s.blocked ? { blockedReason: "agent_paused" as const } : {};
              await settle(ctx, await load(), 1, blocked, now);
            }
            for (const { scheduledFor, priority, after } of list) {
              now += after;
              const row = await load();
              const at = now + scheduledFor;
              const _id = await ctx.db.insert("messageQueue", {
                ...base,
                priority,
                scheduledFor: at,
              });
              await ctx.db.patch(
                "conversations",
                row._id,
                withArrival(row, { _id, scheduledFor: at, priority }, now),
              );
              const cheap = await load();
              await settle(ctx, cheap, 0, {}, now);
              expect(cheap).toEqual(await load());
            }
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  test("while a message is leased changes nothing that the worker depends on", async () => {
    const t = await queueTest();
    await send(t, "c1");
    await claim(t, "w1");
    const before = await conversationRow(t, "c1");
    await send(t, "c1", "next", { priority: 99 });
    const after = await conversationRow(t, "c1");
    expect(after).toMatchObject({
      state: "leased",
      readyAt: before.readyAt,
      headMessageId: before.headMessageId,
      processingLock: before.processingLock,
      queuedCount: 1,
    });
    expect(after.rankAt).toBeUndefined();
  });
});

test("a backlog of 3.x above what is counted keeps its order", async () => {
  vi.useFakeTimers();
  vi.setSystemTime(NOW);
  const t = await queueTest();
  const { queued } = await legacyConversation(t, "c1", { queued: 502 });
  await send(t, "c1", "newest");
  // The count is a lower bound now: work it off and see that the oldest stays first.
  await t.mutation(async (ctx) => {
    for (const id of queued.slice(0, 501)) {
      await ctx.db.patch("messageQueue", id, { status: "done" });
      const row = await loadConversation(ctx, "c1");
      if (row !== null) await settle(ctx, row, -1, {}, NOW);
    }
  });
  expect(await conversationRow(t, "c1")).toMatchObject({ headMessageId: queued[501] });
  await send(t, "c1", "even newer");
  const row = await conversationRow(t, "c1");
  expect(row.headMessageId).toBe(queued[501]);
  expect(row.queuedCount).toBeGreaterThanOrEqual(1);
  vi.useRealTimers();
});

test("settling an idle conversation leaves nothing behind", async () => {
  const t = await queueTest();
  await send(t, "c1");
  await t.mutation(async (ctx) => {
    const row = await loadConversation(ctx, "c1");
    if (row?.headMessageId === undefined) throw new Error("no head");
    await ctx.db.patch("messageQueue", row.headMessageId, { status: "done" });
    await settle(ctx, row, -1, {}, Date.now());
  });
  const row = await conversationRow(t, "c1");
  expect(row).toMatchObject({ state: "idle", queuedCount: 0, priority: 0 });
  expect([row.readyAt, row.rankAt, row.headMessageId, row.headScheduledFor]).toEqual(
    Array(4).fill(undefined),
  );
});

/**
 * What each operation reads and writes, in documents, measured by the transaction itself: the same with fifty
 * messages as with a hundred thousand, with ten workers as with a thousand, with a long history as with a short one.
 */
import { beforeAll, describe, expect, test, vi, afterAll } from "vitest";
import { api } from "../_generated/api.js";
import type { Doc, Id, MutationCtx } from "../kit/functions.js";
import { expireLeases } from "./leases.js";
import { rankAt, slotOf } from "./order.js";
import { handBackMessage } from "./outcomes.js";
import { recordDelivery, storeAnswer } from "./answers.js";
import { pass, queueTest, START, type T } from "./setup.test.js";

type Size = { messages: number; conversations: number; workers: number; history: number };
const SMALL: Size = { messages: 50, conversations: 10, workers: 10, history: 300 };
const LARGE: Size = { messages: 100_000, conversations: 1_000, workers: 1_000, history: 10_000 };

/** Documents read and written at most, whatever the size. */
const BUDGETS: Record<string, { reads: number; writes: number }> = {
  "enqueue, new conversation": { reads: 6, writes: 6 },
  "enqueue, known conversation": { reads: 6, writes: 5 },
  "enqueue, known key": { reads: 1, writes: 0 },
  "claim by its reserved worker": { reads: 12, writes: 6 },
  "claim by a worker that names it": { reads: 12, writes: 6 },
  "claim by a free worker": { reads: 40, writes: 6 },
  "claim by the holder": { reads: 4, writes: 0 },
  "claim of nothing, named": { reads: 4, writes: 1 },
  heartbeat: { reads: 6, writes: 4 },
  hydrate: { reads: 22, writes: 0 },
  "hydrate, short entries": { reads: 206, writes: 0 },
  "history page": { reads: 52, writes: 0 },
  "store answer": { reads: 4, writes: 6 },
  "record delivery": { reads: 6, writes: 1 },
  append: { reads: 3, writes: 4 },
  complete: { reads: 12, writes: 5 },
  fail: { reads: 14, writes: 5 },
  "hand back": { reads: 14, writes: 5 },
  "fail for good": { reads: 14, writes: 6 },
  "redrive a dead letter": { reads: 11, writes: 5 },
  "skip a waiting message": { reads: 9, writes: 4 },
  "pause and resume": { reads: 11, writes: 2 },
  "lose a lease": { reads: 21, writes: 11 },
  "control state": { reads: 4, writes: 0 },
  queueStats: { reads: 3, writes: 0 },
  "list queue items, 5": { reads: 6, writes: 0 },
  "is anything queued": { reads: 1, writes: 0 },
};

type Cost = { reads: number; writes: number };

async function cost<R>(
  t: T,
  run: (ctx: MutationCtx) => Promise<R>,
): Promise<{ result: R; cost: Cost }> {
  return await t.mutation(async (ctx) => {
    const result = await run(ctx);
    const { documentsRead, documentsWritten } = await ctx.meta.getTransactionMetrics();
    return { result, cost: { reads: documentsRead.used, writes: documentsWritten.used } };
  });
}

/** Rows as enqueue and the scheduler would have written them; 10,000 per transaction. */
async function fill(t: T, size: Size): Promise<void> {
  const perConversation = size.messages / size.conversations;
  const heads = new Map<string, Id<"messageQueue">>();
  for (let first = 0; first < size.messages; first += 10_000)
    await t.run(async (ctx) => {
      for (let n = first; n < Math.min(size.messages, first + 10_000); n++) {
        const conversationId = `c${Math.floor(n / perConversation)}`;
        const id = await ctx.db.insert(
          "messageQueue",
          message(conversationId, START - 1_000 + n / 1e3),
        );
        if (!heads.has(conversationId)) heads.set(conversationId, id);
      }
    });
  await t.run(async (ctx) => {
    for (const [conversationId, head] of heads) {
      const row = await ctx.db.get("messageQueue", head);
      if (row === null) throw new Error("gone");
      await ctx.db.insert("conversations", conversation(conversationId, row, perConversation));
    }
    for (let n = 0; n < size.workers; n++) await ctx.db.insert("workers", worker(`w${n}`));
    for (const [conversationId, text] of [
      ["c0", "x".repeat(4_000)],
      ["c1", "x"],
    ] as const) {
      for (let sequence = 0; sequence < size.history; sequence++)
        await ctx.db.insert("conversationMessages", {
          conversationId,
          sequence,
          role: "user",
          content: text,
          at: START,
        });
      const row = await ctx.db
        .query("conversations")
        .withIndex("by_conversationId", (q) => q.eq("conversationId", conversationId))
        .unique();
      if (row !== null)
        await ctx.db.patch("conversations", row._id, { nextSequence: size.history });
    }
    await ctx.db.insert("queueCounters", { status: "queued", count: size.messages });
  });
}

type New<N extends "messageQueue" | "conversations" | "workers"> = Omit<
  Doc<N>,
  "_id" | "_creationTime"
>;
const message = (conversationId: string, scheduledFor: number): New<"messageQueue"> => ({
  conversationId,
  agentKey: "default",
  payload: { provider: "x", providerUserId: "u", messageText: "hello" },
  status: "queued",
  priority: 50,
  scheduledFor,
  attempts: 0,
  maxAttempts: 5,
  deliveries: 0,
  enqueuedAt: START - 1_000,
});
const conversation = (
  conversationId: string,
  head: Doc<"messageQueue">,
  queuedCount: number,
): New<"conversations"> => ({
  conversationId,
  agentKey: "default",
  contextHistory: [],
  pendingToolCalls: [],
  state: "ready",
  readyAt: head.scheduledFor,
  rankAt: rankAt(head.scheduledFor, 50),
  slot: slotOf(conversationId),
  priority: 50,
  headMessageId: head._id,
  headScheduledFor: head.scheduledFor,
  queuedCount,
  generation: 0,
  nextSequence: 0,
});
const worker = (workerId: string): New<"workers"> => ({
  workerId,
  provider: "fly",
  status: "active",
  load: 0,
  heartbeatAt: START,
  capabilities: [],
});

/** Each operation once, in an order in which each has something to do. */
async function measure(t: T): Promise<Map<string, Cost>> {
  const costs = new Map<string, Cost>();
  const take = async <R>(name: string, run: (ctx: MutationCtx) => Promise<R>): Promise<R> => {
    pass(1);
    const measured = await cost(t, run);
    costs.set(name, measured.cost);
    return measured.result;
  };
  const enqueue = async (ctx: MutationCtx, conversationId: string, key?: string) =>
    await ctx.runMutation(api.lib.enqueue, {
      conversationId,
      agentKey: "default",
      payload: { provider: "x", providerUserId: "u", messageText: "new" },
      ...(key === undefined ? {} : { idempotencyKey: key }),
    });
  const claim = async (ctx: MutationCtx, workerId: string, conversationId?: string) => {
    const named = conversationId === undefined ? {} : { conversationId };
    const job = await ctx.runMutation(api.lib.claim, { workerId, ...named });
    if (job === null) throw new Error(`nothing for ${workerId}`);
    return { workerId, messageId: job.messageId as Id<"messageQueue">, leaseId: job.leaseId };
  };
  const row = async (id: Id<"messageQueue">) =>
    await t.run(async (ctx) => await ctx.db.get("messageQueue", id));
  const reserve = async (n: number) =>
    await t.run(async (ctx) => {
      const [conversationId, workerId] = [`c${n}`, `w${n}`];
      const row = await ctx.db
        .query("workers")
        .withIndex("by_workerId", (q) => q.eq("workerId", workerId))
        .unique();
      if (row === null) throw new Error("gone");
      const assignment = { conversationId, agentKey: "default", leaseId: "", assignedAt: START };
      await ctx.db.patch("workers", row._id, { assignment });
    });

  await take("enqueue, new conversation", async (ctx) => await enqueue(ctx, "new", "k"));
  await take("enqueue, known conversation", async (ctx) => await enqueue(ctx, "c3", "k2"));
  await take("enqueue, known key", async (ctx) => await enqueue(ctx, "c3", "k2"));
  await reserve(0);
  const held = await take("claim by its reserved worker", async (ctx) => await claim(ctx, "w0"));
  const named = await take(
    "claim by a worker that names it",
    async (ctx) => await claim(ctx, "w1", "c1"),
  );
  // Its pick is random: it must not be one of those that are used below.
  const random = vi.spyOn(Math, "random").mockReturnValue(0);
  const free = await take("claim by a free worker", async (ctx) => await claim(ctx, "w2"));
  random.mockRestore();
  expect((await row(free.messageId))?.conversationId).toBe("c2");
  await take("claim by the holder", async (ctx) => await claim(ctx, "w0"));
  await take(
    "claim of nothing, named",
    async (ctx) => await ctx.runMutation(api.lib.claim, { workerId: "w3", conversationId: "c0" }),
  );
  pass(60_000);
  await take("heartbeat", async (ctx) => await ctx.runMutation(api.lib.heartbeat, held));
  const bundle = async (ctx: MutationCtx, messageId: Id<"messageQueue">) =>
    await ctx.runQuery(api.lib.getHydrationBundle, { messageId, workspaceId: "default" });
  const hydrated = await take("hydrate", async (ctx) => await bundle(ctx, held.messageId));
  expect(hydrated?.conversationState.contextHistory).toHaveLength(15);
  await take("hydrate, short entries", async (ctx) => await bundle(ctx, named.messageId));
  await take(
    "history page",
    async (ctx) => await ctx.runQuery(api.lib.listConversationMessages, { conversationId: "c0" }),
  );
  await take("store answer", async (ctx) => {
    await storeAnswer(ctx, held, { text: "a", parts: ["a"] }, Date.now());
  });
  await take("record delivery", async (ctx) => {
    await recordDelivery(ctx, held, { part: 0, state: "sending" }, Date.now());
  });
  await take(
    "append",
    async (ctx) =>
      await ctx.runMutation(api.lib.appendConversationMessages, {
        conversationId: "c1",
        messages: [
          { role: "user", content: "q" },
          { role: "assistant", content: "a" },
        ],
      }),
  );
  await take("complete", async (ctx) => await ctx.runMutation(api.lib.complete, held));
  await take(
    "fail",
    async (ctx) => await ctx.runMutation(api.lib.fail, { ...named, errorMessage: "boom" }),
  );
  await take("hand back", async (ctx) => await handBackMessage(ctx, free, "draining", Date.now()));
  const dying = await cost(t, async (ctx) => await claim(ctx, "w0"));
  await take(
    "fail for good",
    async (ctx) =>
      await ctx.runMutation(api.lib.fail, {
        ...dying.result,
        errorMessage: "boom",
        retryable: false,
      }),
  );
  await take(
    "redrive a dead letter",
    async (ctx) =>
      await ctx.runMutation(api.lib.redriveDeadLetters, { messageId: dying.result.messageId }),
  );
  await take(
    "skip a waiting message",
    async (ctx) =>
      await ctx.runMutation(api.lib.skipMessage, { messageId: dying.result.messageId }),
  );
  await take("pause and resume", async (ctx) => {
    await ctx.runMutation(api.lib.pauseConversation, { conversationId: "c5" });
    await ctx.runMutation(api.lib.resumeConversation, { conversationId: "c5" });
  });
  await cost(t, async (ctx) => await claim(ctx, "w4", "c4"));
  pass(400_000);
  await take("lose a lease", async (ctx) => {
    expect(await expireLeases(ctx, Date.now())).toMatchObject({ requeued: 1 });
  });
  await take(
    "control state",
    async (ctx) => await ctx.runQuery(api.lib.getWorkerControlState, { workerId: "w0" }),
  );
  await t.mutation(async (ctx) => {
    for (const event of await ctx.db.query("messageEvents").take(1_000))
      await ctx.db.patch("messageEvents", event._id, { folded: true });
  });
  await take("queueStats", async (ctx) => await ctx.runQuery(api.lib.queueStats, {}));
  await take(
    "list queue items, 5",
    async (ctx) =>
      await ctx.runQuery(api.lib.listQueueItemsForConversation, { conversationId: "c3", limit: 5 }),
  );
  await take(
    "is anything queued",
    async (ctx) =>
      await ctx.runQuery(api.lib.hasQueuedJobsForConversation, { conversationId: "c3" }),
  );
  return costs;
}

describe("the cost of an operation", () => {
  const measured: Record<"small" | "large", Map<string, Cost>> = {
    small: new Map(),
    large: new Map(),
  };
  beforeAll(async () => {
    vi.useFakeTimers();
    for (const [name, size] of [
      ["small", SMALL],
      ["large", LARGE],
    ] as const) {
      vi.setSystemTime(START);
      const t = await queueTest();
      // A stored policy is one more row for nearly every operation.
      await t.mutation(api.lib.setPolicyConfig, { policy: { scaling: { maxWorkers: 5 } } });
      await fill(t, size);
      measured[name] = await measure(t);
    }
  }, 300_000);
  afterAll(() => vi.useRealTimers());

  test.each(Object.entries(BUDGETS))("%s: within %j", (name, budget) => {
    const [small, large] = [measured.small.get(name), measured.large.get(name)];
    expect(small).toEqual(large);
    expect(large?.reads).toBeLessThanOrEqual(budget.reads);
    expect(large?.writes).toBeLessThanOrEqual(budget.writes);
  });

  test("every operation that is measured has a budget", () => {
    expect([...measured.large.keys()].sort()).toEqual(Object.keys(BUDGETS).sort());
  });
});

/** What the queue's tests share: a clock that only moves when told, workers, rows, and the invariants. */
import { afterEach, beforeEach, expect, vi } from "vitest";
import { api } from "../_generated/api.js";
import type { Doc, Id } from "../kit/functions.js";
import { initTest, newAgent, type T } from "../setup.test.js";
import { findViolations, type QueueRows } from "./invariants.js";
import { handBackMessage } from "./outcomes.js";
import { recordDelivery, storeAnswer, type DeliveryReport } from "./answers.js";

export { newAgent, send, type T } from "../setup.test.js";

export const START = 1_800_000_000_000;
const ALL = 100_000;

/** Fake timers for every test of the file; scheduled functions run only when a test runs them. */
export function useTestClock(): void {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.setSystemTime(START);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
}

/** Moves the clock without running what was scheduled. */
export function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** mulberry32: a seeded stand-in for Math.random. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export async function queueTest(): Promise<T> {
  const t = initTest();
  await newAgent(t);
  return t;
}

export async function claim(t: T, workerId: string, conversationId?: string) {
  return await t.mutation(api.lib.claim, {
    workerId,
    ...(conversationId === undefined ? {} : { conversationId }),
  });
}

/** Claims and fails the test when there is nothing to claim. */
export async function mustClaim(t: T, workerId: string, conversationId?: string) {
  const job = await claim(t, workerId, conversationId);
  if (job === null) throw new Error(`nothing to claim for ${workerId}`);
  return {
    ...job,
    ref: {
      workerId,
      messageId: job.messageId as Id<"messageQueue">,
      leaseId: job.leaseId,
    },
  };
}

type Ref = { workerId: string; messageId: Id<"messageQueue">; leaseId: string };

export const complete = async (t: T, ref: Ref) => await t.mutation(api.lib.complete, ref);
export const heartbeat = async (t: T, ref: Ref) => await t.mutation(api.lib.heartbeat, ref);
export const fail = async (
  t: T,
  ref: Ref,
  more: { errorMessage?: string; retryable?: boolean; retryAfterMs?: number } = {},
) => await t.mutation(api.lib.fail, { ...ref, errorMessage: "boom", ...more });
export const handBack = async (t: T, ref: Ref, reason = "draining") =>
  await t.mutation(async (ctx) => await handBackMessage(ctx, ref, reason, Date.now()));
export const store = async (t: T, ref: Ref, text = "answer", parts: string[] = [text]) =>
  await t.mutation(async (ctx) => await storeAnswer(ctx, ref, { text, parts }, Date.now()));
export const deliver = async (
  t: T,
  ref: Ref,
  part: number,
  state: DeliveryReport,
  externalMessageId?: string,
  sequence?: number,
) =>
  await t.mutation(
    async (ctx) =>
      await recordDelivery(ctx, ref, { part, state, externalMessageId, sequence }, Date.now()),
  );

/** A worker of the fleet, reserved for a conversation or free. */
export async function newWorker(
  t: T,
  workerId: string,
  more: Partial<Omit<Doc<"workers">, "_id" | "_creationTime">> = {},
): Promise<void> {
  await t.run(
    async (ctx) =>
      await ctx.db.insert("workers", {
        workerId,
        provider: "fly",
        status: "active",
        load: 0,
        heartbeatAt: Date.now(),
        capabilities: [],
        ...more,
      }),
  );
}

export async function messageRow(t: T, id: Id<"messageQueue">): Promise<Doc<"messageQueue">> {
  const row = await t.run(async (ctx) => await ctx.db.get("messageQueue", id));
  if (row === null) throw new Error(`message ${id} is gone`);
  return row;
}

export async function conversationRow(t: T, conversationId: string): Promise<Doc<"conversations">> {
  const row = await t.run(
    async (ctx) =>
      await ctx.db
        .query("conversations")
        .withIndex("by_conversationId", (q) => q.eq("conversationId", conversationId))
        .unique(),
  );
  if (row === null) throw new Error(`conversation ${conversationId} is gone`);
  return row;
}

export async function workerRow(t: T, workerId: string): Promise<Doc<"workers">> {
  const row = await t.run(
    async (ctx) =>
      await ctx.db
        .query("workers")
        .withIndex("by_workerId", (q) => q.eq("workerId", workerId))
        .unique(),
  );
  if (row === null) throw new Error(`worker ${workerId} is gone`);
  return row;
}

export async function readRows(t: T): Promise<QueueRows> {
  return await t.run(async (ctx) => ({
    messages: await ctx.db.query("messageQueue").take(ALL),
    conversations: await ctx.db.query("conversations").take(ALL),
    workers: await ctx.db.query("workers").take(ALL),
    answers: await ctx.db.query("messageAnswers").take(ALL),
  }));
}

/** Every room test ends here: whatever it did, the rows must agree with each other. */
export async function expectConsistent(t: T, enqueued?: number): Promise<void> {
  expect(
    findViolations(await readRows(t), {
      now: Date.now(),
      ...(enqueued === undefined ? {} : { enqueued }),
    }),
  ).toEqual([]);
}

/** The code of the refusal that `call` ends in, with its message. */
export async function refusal(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error && "data" in error) {
      const data: unknown = typeof error.data === "string" ? JSON.parse(error.data) : error.data;
      return data as { code: string; message: string };
    }
    throw error;
  }
  throw new Error("the call was not refused");
}

/** A conversation as 3.x left it: no state, and messages without our fields. */
export async function legacyConversation(
  t: T,
  conversationId: string,
  options: {
    queued?: number;
    dead?: number;
    processing?: { workerId: string; leaseId: string; leaseExpiresAt: number };
    history?: { role: "user" | "assistant"; content: string; at: number }[];
    agentKey?: string;
  } = {},
): Promise<{
  queued: Id<"messageQueue">[];
  dead: Id<"messageQueue">[];
  held?: Id<"messageQueue">;
}> {
  const { queued = 0, dead = 0, processing, history = [], agentKey = "default" } = options;
  return await t.run(async (ctx) => {
    const base = (n: number) => ({
      conversationId,
      agentKey,
      payload: { provider: "telegram", providerUserId: "u", messageText: `old ${n}` },
      priority: 50,
      scheduledFor: START - 100_000 + n,
      attempts: 0,
      maxAttempts: 5,
    });
    let held: Id<"messageQueue"> | undefined;
    if (processing !== undefined)
      held = await ctx.db.insert("messageQueue", {
        ...base(0),
        status: "processing",
        claimedBy: processing.workerId,
        leaseId: processing.leaseId,
        leaseExpiresAt: processing.leaseExpiresAt,
      });
    const ids = { queued: [] as Id<"messageQueue">[], dead: [] as Id<"messageQueue">[] };
    for (let n = 1; n <= queued; n++)
      ids.queued.push(await ctx.db.insert("messageQueue", { ...base(n), status: "queued" }));
    for (let n = 1; n <= dead; n++)
      ids.dead.push(
        await ctx.db.insert("messageQueue", {
          ...base(-n),
          status: "dead_letter",
          attempts: 5,
          lastError: "old error",
          deadLetteredAt: START - 50_000,
        }),
      );
    await ctx.db.insert("conversations", {
      conversationId,
      agentKey,
      contextHistory: history,
      pendingToolCalls: [],
      ...(processing === undefined || held === undefined
        ? {}
        : { processingLock: { ...processing, heartbeatAt: START, claimedMessageId: held } }),
    });
    return { ...ids, ...(held === undefined ? {} : { held }) };
  });
}

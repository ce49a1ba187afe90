/** What one call of each operation reads, writes and schedules, whatever the number of rows. */
import type { Value } from "convex/values";
import type { Engine, Outcome } from "./engine/index.js";
import { measured } from "./measured.js";
import { agentRow, conversationRow, messageRow, schedulerRow, slotsOf, workerRow } from "./rows.js";

export type Cost = {
  operation: string;
  rows: number;
  reads: number;
  writes: number;
  scheduled: number;
};

/** Messages, and with them a tenth as many conversations and history entries of one of them. */
export const SIZES = [10, 1_000, 100_000] as const;
const FEWEST_CONVERSATIONS = 10;
const WORKERS = 8;

type Job = { messageId: string; leaseId: string };

async function fill(engine: Engine, messages: number): Promise<void> {
  const now = Date.now();
  const conversations = Math.max(FEWEST_CONVERSATIONS, messages / 10);
  engine.load("agentProfiles", [agentRow]);
  engine.load("schedulerState", [schedulerRow(now)]);
  const slots = await slotsOf(conversations);
  const perConversation = Math.max(1, messages / conversations);
  const heads = new Map<number, string>();
  const rows = slots.flatMap(({ conversationId }, c) =>
    Array.from({ length: perConversation }, (_, n) =>
      messageRow(conversationId, now - 9_000 + c / 1e4 + n),
    ),
  );
  engine.load("messageQueue", rows).forEach((id, n) => {
    if (n % perConversation === 0) heads.set(n / perConversation, id);
  });
  engine.load(
    "conversations",
    slots.map((slot, c) => ({
      ...conversationRow({ ...slot, headMessageId: heads.get(c) ?? "", at: now - 9_000 + c / 1e4 }),
      queuedCount: perConversation,
    })),
  );
  engine.load(
    "workers",
    Array.from({ length: WORKERS }, (_, n) =>
      workerRow(`w${n}`, now, n === 0 ? slots[0]?.conversationId : undefined),
    ),
  );
  engine.load(
    "conversationMessages",
    Array.from({ length: Math.max(20, messages / 10) }, (_, sequence) => ({
      ...{ conversationId: "c0", sequence, role: "user", content: "x".repeat(4_000), at: now },
    })),
  );
}

async function measureAt(rows: number): Promise<Cost[]> {
  return await measured(1, async (engine) => {
    await fill(engine, rows);
    const costs: Cost[] = [];
    const note = (operation: string, { metrics, value }: Outcome): Value => {
      const { documentsRead: reads, documentsWritten: writes, functionsScheduled } = metrics;
      costs.push({ ...{ operation, rows, reads, writes }, scheduled: functionsScheduled });
      return value;
    };
    const mutate = async (operation: string, name: string, args: Record<string, Value>) =>
      note(operation, await engine.mutation(`lib:${name}`, args));
    const ask = async (operation: string, name: string, args: Record<string, Value>) =>
      note(operation, await engine.query(`lib:${name}`, args));
    const message = (conversationId: string, idempotencyKey: string) => ({
      ...{ conversationId, agentKey: "default", idempotencyKey },
      payload: { provider: "x", providerUserId: "u", messageText: "hello" },
    });
    const refOf = (workerId: string, job: Value) => {
      const { messageId, leaseId } = job as Job;
      return { workerId, messageId, leaseId };
    };

    await mutate("enqueue, new conversation", "enqueue", message("new", "k1"));
    const sent = await mutate("enqueue, known conversation", "enqueue", message("c3", "k2"));
    await mutate("enqueue, same idempotency key", "enqueue", message("c3", "k2"));
    const own = await mutate("claim, conversation assigned", "claim", { workerId: "w0" });
    const free = await mutate("claim, free worker", "claim", { workerId: "w1" });
    await mutate("claim, nothing there", "claim", { workerId: "w2", conversationId: "none" });
    await ask("hydrate", "getHydrationBundle", {
      ...{ messageId: refOf("w0", own).messageId, workspaceId: "default" },
    });
    await mutate("heartbeat", "heartbeat", refOf("w0", own));
    await mutate("complete", "complete", refOf("w0", own));
    await mutate("fail", "fail", { ...refOf("w1", free), errorMessage: "boom" });
    await ask("a page of the history", "listConversationMessages", { conversationId: "c0" });
    await ask("a page of the queue, 5", "listQueueItemsForConversation", {
      ...{ conversationId: "c3", limit: 5 },
    });
    await ask("queue statistics", "queueStats", {});
    await ask("explain a message", "explainMessage", { messageId: sent });
    return costs;
  });
}

export async function measureCosts(): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (const rows of SIZES) costs.push(...(await measureAt(rows)));
  return costs;
}

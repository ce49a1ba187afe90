/** Rows as enqueue and the scheduler would have written them. */
import type { Value } from "convex/values";

type Row = Record<string, Value | undefined>;
type Order = {
  slotOf(conversationId: string): number;
  rankAt(readyAt: number, priority: number): number;
};
const order = async () =>
  (await import(new URL("../../dist/component/queue/order.js", import.meta.url).href)) as Order;

export type Slot = { conversationId: string; slot: number };

export async function slotsOf(count: number): Promise<Slot[]> {
  const { slotOf } = await order();
  return Array.from({ length: count }, (_, n) => ({
    ...{ conversationId: `c${n}`, slot: slotOf(`c${n}`) },
  }));
}

export const agentRow: Row = { agentKey: "default", version: "1", secretsRef: [], enabled: true };

/** A pass is due in a second, as behind a burst, or under way, as when new workers make their first calls. */
export const schedulerRow = (now: number, pass: "due" | "under way" = "due"): Row => ({
  ...{ key: "main", deploymentId: "bench", passCount: 1 },
  ...(pass === "due" ? { wakeAt: now + 1_000 } : { passId: "p1", passStartedAt: now }),
});

export const messageRow = (conversationId: string, at: number): Row => ({
  ...{ conversationId, agentKey: "default", status: "queued", priority: 50, scheduledFor: at },
  payload: { provider: "x", providerUserId: "u", messageText: "hello" },
  ...{ attempts: 0, maxAttempts: 5, deliveries: 0, enqueuedAt: at },
});

/** `ageing`: see AGING_MS_PER_PRIORITY_POINT in queue/order. */
const ageingMsPerPoint = 6_000;
export const conversationRow = (
  row: Slot & { headMessageId: string; at: number; ownerWorkerId?: string | undefined },
): Row => ({
  ...{ conversationId: row.conversationId, agentKey: "default", slot: row.slot },
  ...{ contextHistory: [], pendingToolCalls: [], state: "ready", readyAt: row.at, priority: 50 },
  ...{ rankAt: row.at - 50 * ageingMsPerPoint, headMessageId: row.headMessageId },
  ...{ headScheduledFor: row.at, queuedCount: 1, generation: 0, nextSequence: 0, firstSequence: 0 },
  ownerWorkerId: row.ownerWorkerId,
});

export const workerRow = (workerId: string, now: number, conversationId?: string): Row => ({
  ...{ workerId, provider: "fly", status: "active", load: 0, heartbeatAt: now, capabilities: [] },
  ...(conversationId === undefined
    ? {}
    : { assignment: { conversationId, agentKey: "default", leaseId: "", assignedAt: now } }),
});

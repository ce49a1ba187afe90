/** How often claims and enqueues of many workers meet, on the engine with optimistic concurrency. */
import type { Value } from "convex/values";
import { OccError, type Engine } from "./engine/index.js";
import { measured } from "./measured.js";
import { agentRow, conversationRow, messageRow, schedulerRow, slotsOf, workerRow } from "./rows.js";

export type Contention = {
  operation:
    | "claim, conversation assigned"
    | "claim, free worker"
    | "claim, free worker, few messages"
    | "enqueue";
  concurrent: number;
  done: number;
  conflictsPerCall: number;
  gaveUp: number;
  readsPerCall: number;
  /** Where the conflicts were. */
  ranges: Record<string, number>;
};

const CONVERSATIONS = 1_000;
const CLAIMS = 600;

type Tally = { done: number; conflicts: number; gaveUp: number; reads: number };

/** Calls until `calls` are done, `concurrent` at a time; a call that gave up counts, and is made again. */
async function hammer(
  concurrent: number,
  calls: number,
  call: (caller: number) => Promise<{ metrics: { documentsRead: number }; conflicts: number }>,
): Promise<Tally> {
  const tally: Tally = { done: 0, conflicts: 0, gaveUp: 0, reads: 0 };
  let begun = 0;
  const caller = async (index: number) => {
    while (begun < calls) {
      begun++;
      try {
        const outcome = await call(index);
        tally.done++;
        tally.conflicts += outcome.conflicts;
        tally.reads += outcome.metrics.documentsRead;
      } catch (error) {
        if (!(error instanceof OccError)) throw error;
        tally.gaveUp++;
        begun--;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrent }, async (_, index) => await caller(index)));
  return tally;
}

const summary = (
  operation: Contention["operation"],
  concurrent: number,
  tally: Tally,
  engine: Engine,
): Contention => ({
  ...{ operation, concurrent, done: tally.done, gaveUp: tally.gaveUp },
  conflictsPerCall: tally.conflicts / Math.max(1, tally.done),
  readsPerCall: tally.reads / Math.max(1, tally.done),
  ranges: Object.fromEntries(engine.conflictsBy),
});

/** A backlog of one message in each of a thousand conversations, and as many workers as claims will be made. */
async function backlog(
  engine: Engine,
  options: { assigned: boolean; pass?: "due" | "under way"; waiting?: number },
): Promise<void> {
  const now = Date.now();
  engine.load("agentProfiles", [agentRow]);
  engine.load("schedulerState", [schedulerRow(now, options.pass)]);
  const slots = await slotsOf(options.waiting ?? CONVERSATIONS);
  const ids = engine.load(
    "messageQueue",
    slots.map(({ conversationId }, n) => messageRow(conversationId, now - 10_000 + n)),
  );
  engine.load(
    "conversations",
    slots.map(({ conversationId, slot }, n) =>
      conversationRow({
        ...{ conversationId, slot, headMessageId: ids[n] ?? "", at: now - 10_000 + n },
        ownerWorkerId: options.assigned ? `w${n}` : undefined,
      }),
    ),
  );
  engine.load(
    "workers",
    Array.from({ length: CLAIMS * 2 }, (_, n) =>
      workerRow(`w${n}`, now, options.assigned ? slots[n]?.conversationId : undefined),
    ),
  );
}

export async function measureClaims(
  concurrent: number,
  assigned: boolean,
  seed: number,
  { pass = "under way", waiting }: { pass?: "due" | "under way"; waiting?: number } = {},
): Promise<Contention> {
  return await measured(seed, async (engine) => {
    await backlog(engine, { assigned, pass, ...(waiting !== undefined && { waiting }) });
    let workers = 0;
    const claimed: string[] = [];
    const tally = await hammer(concurrent, Math.min(CLAIMS, waiting ?? CLAIMS), async () => {
      const outcome = await engine.mutation("lib:claim", { workerId: `w${workers++}` });
      const job = outcome.value as { messageId: string } | null;
      if (job === null) throw new Error("A worker found nothing although messages wait.");
      claimed.push(job.messageId);
      return outcome;
    });
    if (new Set(claimed).size !== claimed.length) throw new Error("A message was claimed twice.");
    const free = waiting === undefined ? "claim, free worker" : "claim, free worker, few messages";
    const operation = assigned ? "claim, conversation assigned" : free;
    return summary(operation, concurrent, tally, engine);
  });
}

/** Users who write at the same time, each in a conversation of their own. */
export async function measureEnqueues(concurrent: number, seed: number): Promise<Contention> {
  return await measured(seed, async (engine) => {
    await backlog(engine, { assigned: false });
    let n = 0;
    const tally = await hammer(concurrent, CLAIMS, async () => {
      const payload = { provider: "x", providerUserId: "u", messageText: "hello" };
      const args: Value = {
        conversationId: `c${n++ % CONVERSATIONS}`,
        agentKey: "default",
        payload,
      };
      return await engine.mutation("lib:enqueue", args);
    });
    return summary("enqueue", concurrent, tally, engine);
  });
}

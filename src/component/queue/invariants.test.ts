import { describe, expect, test } from "vitest";
import { findViolations, type QueueRows } from "./invariants.js";
import {
  fail,
  mustClaim,
  pass,
  queueTest,
  readRows,
  send,
  START,
  store,
  useTestClock,
} from "./setup.test.js";

useTestClock();

/** One leased, one waiting behind it, one in back-off, one dead, one done: rows that are all well. */
async function wellRows(): Promise<QueueRows> {
  const t = await queueTest();
  await send(t, "leased");
  await send(t, "leased");
  const { ref } = await mustClaim(t, "w1", "leased");
  await store(t, ref);
  await send(t, "backoff", "x", { idempotencyKey: "k" });
  await fail(t, (await mustClaim(t, "w2", "backoff")).ref);
  await send(t, "dead");
  await fail(t, (await mustClaim(t, "w3", "dead")).ref, { retryable: false });
  await send(t, "ready");
  await send(t, "ready", "x", { priority: 80 });
  pass(10);
  return await readRows(t);
}

const check = (rows: QueueRows, enqueued?: number) =>
  findViolations(rows, { now: START + 10, ...(enqueued === undefined ? {} : { enqueued }) });

test("rows that agree have no violations", async () => {
  expect(check(await wellRows(), 6)).toEqual([]);
});

describe("the checker sees", () => {
  type Break = (rows: {
    messages: QueueRows["messages"][number][];
    conversations: QueueRows["conversations"][number][];
    workers: { workerId: string; status: "active"; load: number }[];
    answers: NonNullable<QueueRows["answers"]>[number][];
  }) => void;
  const cases: [string, Break, RegExp][] = [
    ["a message that disappeared", (r) => r.messages.pop(), /^6 messages were enqueued, but/],
    [
      "a message without its conversation",
      (r) => r.conversations.splice(3, 1),
      /have no conversation/,
    ],
    [
      "a lease field that is missing",
      (r) => delete r.messages.find((m) => m.status === "processing")!.leaseId,
      /has 2 of 3 lease fields/,
    ],
    [
      "a lease that was left behind",
      (r) => (r.messages.find((m) => m.status === "queued")!.claimedBy = "w"),
      /has 1 of 3 lease fields/,
    ],
    [
      "two leases in one conversation",
      (r) => {
        const [held, other] = r.messages.filter((m) => m.conversationId === "leased");
        const { claimedBy, leaseId, leaseExpiresAt } = held!;
        Object.assign(other!, { status: "processing", claimedBy, leaseId, leaseExpiresAt });
      },
      /leased has 2 leases/,
    ],
    [
      "a lock for another lease",
      (r) => (r.conversations[0]!.processingLock!.leaseId = "other"),
      /is locked for .* \(other\)/,
    ],
    [
      "a lock without a lease",
      (r) => (r.conversations[3]!.processingLock = r.conversations[0]!.processingLock!),
      /ready is locked for/,
    ],
    ["too many attempts", (r) => (r.messages[5]!.attempts = 6), /6 attempts, at most 5/],
    ["a message that outlived its attempts", (r) => (r.messages[5]!.attempts = 5), /still alive/],
    ["endless deliveries", (r) => (r.messages[5]!.deliveries = 21), /21 deliveries/],
    ["a time that is none", (r) => (r.messages[5]!.scheduledFor = Number.NaN), /is NaN/],
    [
      "a dead letter without a date",
      (r) => delete r.messages[3]!.deadLetteredAt,
      /no deadLettered/,
    ],
    ["a living message with one", (r) => (r.messages[5]!.deadLetteredAt = 1), /has a deadLettered/],
    ["a dead message that waits", (r) => (r.messages[3]!.nextRetryAt = 5), /waits for a retry/],
    [
      "a key that came twice",
      (r) => (r.messages[4]!.idempotencyKey = "k"),
      /key k enqueued 2 messages/,
    ],
    [
      "a message that was overtaken",
      (r) =>
        (r.messages[1]!.scheduledFor = START - 1_000) && (r.messages[1]!.enqueuedAt = START - 5),
      /overtook/,
    ],
    ["a wrong state", (r) => (r.conversations[3]!.state = "idle"), /state is idle, not ready/],
    [
      "a wrong head",
      (r) => (r.conversations[3]!.headMessageId = r.messages[5]!._id),
      /headMessageId/,
    ],
    ["a wrong count", (r) => (r.conversations[3]!.queuedCount = 1), /queuedCount is 1, not 2/],
    ["a wrong priority", (r) => (r.conversations[3]!.priority = 50), /priority is 50, not 80/],
    ["a wrong rank", (r) => (r.conversations[3]!.rankAt = 5), /rankAt is 5/],
    ["a wrong due time", (r) => (r.conversations[1]!.readyAt = 5), /readyAt is 5/],
    [
      "a block that nothing will lift",
      (r) => Object.assign(r.conversations[2]!, { blockedReason: "agent_paused" }),
      /blocked for ever/,
    ],
    ["a wrong load", (r) => (r.workers[0]!.load = 0), /has load 0 and 1 leases/],
    ["two answers of one message", (r) => r.answers.push(r.answers[0]!), /has 2 answers/],
    [
      "an answer in another conversation",
      (r) => (r.answers[0]!.conversationId = "ready"),
      /belongs to another conversation/,
    ],
  ];
  test.each(cases)("%s", async (_name, damage, violation) => {
    const rows = structuredClone(await wellRows());
    damage(rows as unknown as Parameters<Break>[0]);
    expect(check(rows, 6).join("\n")).toMatch(violation);
  });
});

/**
 * What must be true of the queue's rows after every transaction. Pure: a test or a simulation reads the rows and
 * gets sentences about what is wrong with them, none when all is well.
 */
import type { Doc } from "../kit/functions.js";
import { dueAt, outlook, type Head } from "./machine.js";
import { inOrder } from "./order.js";
import { MESSAGE_STATUSES } from "./validators.js";

type Message = Doc<"messageQueue">;
type Conversation = Doc<"conversations">;
type Worker = Pick<Doc<"workers">, "workerId" | "status" | "load">;
type Answer = Pick<Doc<"messageAnswers">, "messageId" | "conversationId" | "parts">;

export type QueueRows = {
  messages: readonly Message[];
  conversations: readonly Conversation[];
  /** Left out: nothing is said about workers. */
  workers?: readonly Worker[];
  answers?: readonly Answer[];
};

export type Expectation = {
  now: number;
  /** Messages that were enqueued and not deleted by retention; left out: not counted. */
  enqueued?: number;
};

/** A key may come again once it is forgotten. */
const KEY_MEMORY_MS = 48 * 60 * 60 * 1000;
/** A message that is only ever handed back is charged from its third round on, see decideHandBack. */
const DELIVERIES_PER_ATTEMPT = 4;

export function findViolations(rows: QueueRows, expected: Expectation): string[] {
  const byConversation = groupBy(rows.messages, (message) => message.conversationId);
  const known = new Set(rows.conversations.map((row) => row.conversationId));
  return [
    ...checkCount(rows, expected),
    ...rows.messages.flatMap(checkMessage),
    ...checkKeys(rows.messages),
    ...[...byConversation.keys()]
      .filter((id) => !known.has(id))
      .map((id) => `messages of ${id} have no conversation`),
    ...rows.conversations.flatMap((row) => {
      const messages = byConversation.get(row.conversationId) ?? [];
      return [
        ...checkLease(row, messages),
        ...checkOrder(messages),
        ...(row.state === undefined ? [] : checkOutlook(row, messages, expected.now)),
      ];
    }),
    ...checkWorkers(rows),
    ...checkAnswers(rows),
  ];
}

/** 1: every message is in exactly one state, and none disappears. */
function checkCount(rows: QueueRows, { enqueued }: Expectation): string[] {
  if (enqueued === undefined || rows.messages.length === enqueued) return [];
  const counts = MESSAGE_STATUSES.map(
    (status) => `${rows.messages.filter((message) => message.status === status).length} ${status}`,
  );
  return [`${enqueued} messages were enqueued, but there are ${counts.join(" + ")}`];
}

function checkMessage(message: Message): string[] {
  const wrong: string[] = [];
  const say = (text: string) => wrong.push(`message ${message._id} (${message.status}): ${text}`);
  const lease = [message.claimedBy, message.leaseId, message.leaseExpiresAt];
  const held = lease.filter((field) => field !== undefined).length;
  if (held !== (message.status === "processing" ? lease.length : 0))
    say(`has ${held} of ${lease.length} lease fields`);
  if (message.attempts > message.maxAttempts)
    say(`${message.attempts} attempts, at most ${message.maxAttempts}`);
  const waits = message.status === "queued" || message.status === "processing";
  if (waits && message.attempts >= message.maxAttempts)
    say(`still alive after ${message.attempts} of ${message.maxAttempts} attempts`);
  // Rows of 3.x count no deliveries.
  if (message.deliveries !== undefined && message.enqueuedAt !== undefined) {
    if (message.deliveries > message.maxAttempts * DELIVERIES_PER_ATTEMPT)
      say(`${message.deliveries} deliveries for ${message.maxAttempts} attempts`);
  }
  for (const field of ["scheduledFor", "nextRetryAt", "priority", "leaseExpiresAt"] as const)
    if (message[field] !== undefined && !Number.isFinite(message[field]))
      say(`${field} is ${message[field]}`);
  if (message.status === "dead_letter" && message.deadLetteredAt === undefined)
    say("has no deadLetteredAt");
  if ((waits || message.status === "done") && message.deadLetteredAt !== undefined)
    say("has a deadLetteredAt");
  if (message.status !== "queued" && message.status !== "processing" && message.nextRetryAt)
    say("has ended, but waits for a retry");
  return wrong;
}

/** 8: the same idempotency key enqueues once. */
function checkKeys(messages: readonly Message[]): string[] {
  const keyed = messages.filter((message) => message.idempotencyKey !== undefined);
  return [...groupBy(keyed, (message) => message.idempotencyKey)].flatMap(([key, same]) => {
    const times = same.map((message) => message.enqueuedAt ?? message._creationTime).sort();
    const again = times.some((at, i) => i > 0 && at - (times[i - 1] ?? 0) < KEY_MEMORY_MS);
    return again ? [`key ${key} enqueued ${same.length} messages`] : [];
  });
}

/** 2: at most one live lease per conversation, and the lock names exactly it. */
function checkLease(row: Conversation, messages: readonly Message[]): string[] {
  const leased = messages.filter((message) => message.status === "processing");
  if (leased.length > 1) return [`conversation ${row.conversationId} has ${leased.length} leases`];
  const [message] = leased;
  const lock = row.processingLock;
  const matches =
    lock?.claimedMessageId === message?._id &&
    lock?.leaseId === message?.leaseId &&
    lock?.workerId === message?.claimedBy &&
    lock?.leaseExpiresAt === message?.leaseExpiresAt;
  return matches
    ? []
    : [
        `conversation ${row.conversationId} is locked for ${lock?.claimedMessageId ?? "nothing"} (${lock?.leaseId ?? "-"}), leased is ${message?._id ?? "nothing"} (${message?.leaseId ?? "-"})`,
      ];
}

/** 3: what was leased had nothing before it. */
function checkOrder(messages: readonly Message[]): string[] {
  const waiting = messages.filter((message) => message.status === "queued");
  return messages.flatMap((later) =>
    waiting
      .filter(
        (earlier) =>
          later.leasedAt !== undefined &&
          (later.status === "processing" || later.status === "done") &&
          (earlier.enqueuedAt ?? 0) < later.leasedAt &&
          inOrder(earlier, later) < 0,
      )
      .map((earlier) => `message ${later._id} overtook ${earlier._id}, which waits`),
  );
}

/** 3, 4: the row says what its messages say. */
function checkOutlook(row: Conversation, messages: readonly Message[], now: number): string[] {
  const wrong: string[] = [];
  const same = (field: string, found: unknown, wanted: unknown) => {
    if (found !== wanted)
      wrong.push(
        `conversation ${row.conversationId} (${row.state}): ${field} is ${String(found)}, not ${String(wanted)}`,
      );
  };
  const waiting = messages.filter((message) => message.status === "queued").sort(inOrder);
  const [head] = waiting;
  const lock = row.processingLock;
  const priority = Math.max(0, ...waiting.map((message) => message.priority));
  const view = outlook(
    {
      head: head === undefined ? null : toHead(head),
      priority,
      leaseExpiresAt: lock?.leaseExpiresAt ?? null,
      paused: row.pausedAt !== undefined,
      blocked: row.blockedReason !== undefined,
    },
    now,
  );
  // Time alone changes no row: a head that became due is promoted by the next one who looks.
  const due = head !== undefined && dueAt(toHead(head)) <= now;
  if (!(row.state === "waiting" && view.state === "ready" && due))
    same("state", row.state, view.state);
  same("readyAt", row.readyAt, view.readyAt);
  same("rankAt", row.rankAt, view.rankAt);
  same("queuedCount", row.queuedCount, waiting.length);
  same("headMessageId", row.headMessageId, lock?.claimedMessageId ?? head?._id);
  // Both are worked out anew when the lease ends.
  if (lock === undefined) {
    same("headScheduledFor", row.headScheduledFor, head?.scheduledFor);
    same("priority", row.priority, priority);
  }
  if (row.blockedReason !== undefined && row.state !== "blocked")
    wrong.push(`conversation ${row.conversationId} (${row.state}): blocked for ever`);
  return wrong;
}

function toHead({ _id, scheduledFor, nextRetryAt }: Message): Head {
  return { messageId: _id, scheduledFor, nextRetryAt };
}

/** A worker's load is its leases, and it has one at most. */
function checkWorkers({ workers = [], messages }: QueueRows): string[] {
  const leases = groupBy(
    messages.filter((message) => message.status === "processing"),
    (message) => message.claimedBy,
  );
  return workers.flatMap(({ workerId, status, load }) => {
    const held = leases.get(workerId)?.length ?? 0;
    if (held > 1) return [`worker ${workerId} holds ${held} leases`];
    return status !== "stopped" && load !== held
      ? [`worker ${workerId} has load ${load} and ${held} leases`]
      : [];
  });
}

/** 9: one answer per message. */
function checkAnswers({ answers = [], messages }: QueueRows): string[] {
  const byId = new Map(messages.map((message) => [message._id, message]));
  return [...groupBy(answers, (answer) => answer.messageId)].flatMap(([messageId, stored]) => {
    const wrong = stored.length > 1 ? [`message ${messageId} has ${stored.length} answers`] : [];
    if (byId.get(messageId)?.conversationId !== stored[0]?.conversationId)
      wrong.push(`the answer of ${messageId} belongs to another conversation`);
    return wrong;
  });
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

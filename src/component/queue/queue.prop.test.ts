/**
 * Random programs against a naive model of the queue: arrays and loops, no indexes, no cached columns. After every
 * step the answer is the model's, the rows agree with each other, and the counters are exact.
 */
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { api } from "../_generated/api.js";
import type { Id } from "../kit/functions.js";
import {
  claim,
  complete,
  deliver,
  fail,
  handBack,
  heartbeat,
  newWorker,
  queueTest,
  readRows,
  seeded,
  START,
  store,
  useTestClock,
  type T,
} from "./setup.test.js";
import { findViolations } from "./invariants.js";
import { retryDelayMs } from "./retry.js";
import { DEFAULT_CONFIG } from "../config.js";

useTestClock();

const LEASE_MS = DEFAULT_CONFIG.lease.leaseMs;
const CONVERSATIONS = ["c0", "c1", "c2"];
/** Reserved for a conversation, free, or free and naming one at each claim. */
const WORKERS = ["for-c0", "for-c1", "free-1", "free-2", "free-3"];

type Status = "queued" | "processing" | "done" | "failed" | "dead_letter";
type ModelMessage = {
  id: Id<"messageQueue">;
  conversationId: string;
  /** Place: (scheduledFor, arrival). */
  scheduledFor: number;
  arrival: number;
  status: Status;
  attempts: number;
  deliveries: number;
  maxAttempts: number;
  retryAt: number;
  lease: { workerId: string; leaseId: string; expiresAt: number } | null;
  answer: string | null;
  part: "pending" | "sending" | "sent" | "unknown";
};
type Lease = { workerId: string; messageId: Id<"messageQueue">; leaseId: string };

class Model {
  messages: ModelMessage[] = [];
  keys = new Map<string, Id<"messageQueue">>();
  paused = new Set<string>();
  lastArrival = new Map<string, number>();
  /** Every lease ever given, most of them stale. */
  leases: Lease[] = [];
  stopped = new Set<string>();
  owner = new Map<string, string>();
  home = new Map<string, string>([
    ["for-c0", "c0"],
    ["for-c1", "c1"],
  ]);
  alive = new Map<string, number>();
  arrivals = 0;

  find(id: string): ModelMessage | undefined {
    return this.messages.find((message) => message.id === id);
  }
  held(lease: Lease): ModelMessage | null {
    const message = this.find(lease.messageId);
    return message?.lease?.leaseId === lease.leaseId && message.lease.workerId === lease.workerId
      ? message
      : null;
  }
  of(conversationId: string, status: Status): ModelMessage[] {
    return this.messages
      .filter((message) => message.conversationId === conversationId && message.status === status)
      .sort((a, b) => a.scheduledFor - b.scheduledFor || a.arrival - b.arrival);
  }
  /** What the next claim of this conversation gives, whoever may make it. */
  next(conversationId: string, now: number): ModelMessage | null {
    if (this.paused.has(conversationId)) return null;
    if (this.of(conversationId, "processing").length > 0) return null;
    const [head] = this.of(conversationId, "queued");
    return head !== undefined && head.scheduledFor <= now && head.retryAt <= now ? head : null;
  }
  mayServe(conversationId: string, workerId: string, now: number): boolean {
    const owner = this.owner.get(conversationId);
    if (owner === undefined || owner === workerId) return true;
    return (this.alive.get(owner) ?? 0) <= now - DEFAULT_CONFIG.lease.staleAfterMs;
  }
  charge(message: ModelMessage, now: number, retryable: boolean, pause = 0): void {
    message.lease = null;
    message.attempts += 1;
    if (!retryable || message.attempts >= message.maxAttempts) message.status = "dead_letter";
    else {
      message.status = "queued";
      const delay = retryDelayMs(DEFAULT_CONFIG.retry, message.attempts, now);
      message.retryAt = now + Math.max(delay, pause);
    }
  }
  /** The worker was not heard of: it stops, and its conversation is free. */
  lose(message: ModelMessage, now: number): void {
    const workerId = message.lease?.workerId;
    this.charge(message, now, true);
    if (workerId === undefined) return;
    this.stopped.add(workerId);
    if (this.owner.get(message.conversationId) === workerId)
      this.owner.delete(message.conversationId);
  }
  expired(now: number): ModelMessage[] {
    return this.messages.filter(
      (message) => message.lease !== null && message.lease.expiresAt <= now,
    );
  }
}

type Real = { t: T };
type Command = fc.AsyncCommand<Model, Real>;

/** The steps; each changes the model and expects the component to answer the same. */
function command(
  name: string,
  run: (model: Model, t: T, now: number) => Promise<void>,
  check: (model: Model) => boolean = () => true,
): Command {
  return {
    check: (model) => check(model),
    run: async (model, { t }) => {
      await run(model, t, Date.now());
      await expectAgreement(model, t);
    },
    toString: () => name,
  };
}

async function expectAgreement(model: Model, t: T): Promise<void> {
  const now = Date.now();
  const rows = await readRows(t);
  expect(findViolations(rows, { now, enqueued: model.messages.length })).toEqual([]);
  const real = new Map(rows.messages.map((message) => [message._id, message]));
  for (const message of model.messages) {
    const row = real.get(message.id);
    expect({
      status: row?.status,
      attempts: row?.attempts,
      deliveries: row?.deliveries,
      scheduledFor: row?.scheduledFor,
      leaseId: row?.leaseId,
      claimedBy: row?.claimedBy,
      leaseExpiresAt: row?.leaseExpiresAt,
    }).toEqual({
      status: message.status,
      attempts: message.attempts,
      deliveries: message.deliveries,
      scheduledFor: message.scheduledFor,
      leaseId: message.lease?.leaseId,
      claimedBy: message.lease?.workerId,
      leaseExpiresAt: message.lease?.expiresAt,
    });
  }
  const count = (wanted: (message: ModelMessage) => boolean) =>
    model.messages.filter(wanted).length;
  expect(await t.query(api.lib.queueStats, {})).toEqual({
    queuedReady: count((m) => m.status === "queued" && m.scheduledFor <= now && m.retryAt <= now),
    processing: count((m) => m.status === "processing"),
    deadLetter: count((m) => m.status === "dead_letter"),
  });
  const answers = new Map(rows.answers?.map((answer) => [answer.messageId, answer]));
  for (const message of model.messages) {
    const answer = answers.get(message.id);
    const found = answer === undefined ? null : await textOf(t, message.id);
    expect(found).toBe(message.answer);
    expect(answer?.parts[0]?.state ?? "pending").toBe(message.part);
  }
}

async function textOf(t: T, messageId: Id<"messageQueue">): Promise<string | null> {
  const row = await t.run(
    async (ctx) =>
      await ctx.db
        .query("messageAnswers")
        .withIndex("by_messageId", (q) => q.eq("messageId", messageId))
        .unique(),
  );
  return row?.text ?? null;
}

// ── Steps ───────────────────────────────────────────────────────────────────

const index = fc.nat(20);
const conversation = fc.constantFrom(...CONVERSATIONS);
const worker = fc.constantFrom(...WORKERS);
const pick = <X>(items: readonly X[], i: number): X | undefined => items[i % items.length];

const enqueue = fc
  .record({
    conversationId: conversation,
    key: fc.option(fc.constantFrom("k1", "k2", "k3")),
    priority: fc.constantFrom(0, 50, 100),
    ahead: fc.constantFrom(-1_000, 0, 0, 0, 5_000, 400_000),
    maxAttempts: fc.constantFrom(1, 2, 3),
  })
  .map(({ conversationId, key, priority, ahead, maxAttempts }) =>
    command(
      `enqueue(${conversationId}, ${ahead}, ${maxAttempts}, ${key ?? "-"})`,
      async (m, t, now) => {
        const id = await t.mutation(api.lib.enqueue, {
          conversationId,
          agentKey: "default",
          payload: { provider: "x", providerUserId: "u", messageText: "t" },
          priority,
          scheduledFor: now + ahead,
          maxAttempts,
          ...(key === null ? {} : { idempotencyKey: key }),
        });
        const known = key === null ? undefined : m.keys.get(key);
        if (known !== undefined) {
          expect(id).toBe(known);
          return;
        }
        expect(m.find(id)).toBeUndefined();
        if (key !== null) m.keys.set(key, id);
        const immediate = Math.max(now, m.lastArrival.get(conversationId) ?? 0);
        const scheduledFor = Math.max(immediate, now + ahead);
        if (scheduledFor === immediate) m.lastArrival.set(conversationId, immediate);
        m.messages.push({
          id,
          conversationId,
          scheduledFor,
          arrival: m.arrivals++,
          status: "queued",
          attempts: 0,
          deliveries: 0,
          maxAttempts,
          retryAt: 0,
          lease: null,
          answer: null,
          part: "pending",
        });
      },
    ),
  );

const claims = fc
  .record({ workerId: worker, names: fc.option(conversation) })
  .map(({ workerId, names }) =>
    command(`claim(${workerId}, ${names ?? "any"})`, async (m, t, now) => {
      const home = m.home.get(workerId);
      const job = await claim(t, workerId, names ?? undefined);
      const wanted = home ?? names ?? undefined;
      if (m.stopped.has(workerId) || (home !== undefined && names !== null && names !== home)) {
        expect(job).toBeNull();
        return;
      }
      m.alive.set(workerId, Math.max(m.alive.get(workerId) ?? 0, touched(m, workerId, now)));
      const candidates = wanted === undefined ? CONVERSATIONS : [wanted];
      // A claim that names a conversation ends its expired lease first.
      if (wanted !== undefined)
        for (const message of m.of(wanted, "processing")) {
          if (message.lease === null || message.lease.expiresAt > now) continue;
          m.lose(message, now);
          if (m.stopped.has(workerId)) {
            expect(job).toBeNull();
            return;
          }
        }
      const own = m.messages.find(
        (message) =>
          message.lease?.workerId === workerId &&
          (wanted === undefined || message.conversationId === wanted),
      );
      if (own !== undefined) {
        expect(job).toMatchObject({
          messageId: own.id,
          leaseId: own.lease?.leaseId,
          leaseExpiresAt: own.lease?.expiresAt,
        });
        return;
      }
      const possible = candidates
        .filter((id) =>
          wanted === undefined ? m.owner.get(id) === undefined : m.mayServe(id, workerId, now),
        )
        .flatMap((id) => m.next(id, now) ?? []);
      if (possible.length === 0) {
        expect(job).toBeNull();
        return;
      }
      // A free worker may take any conversation, but of each only its head.
      const message = possible.find((one) => one.id === job?.messageId);
      if (job === null || message === undefined)
        throw new Error(
          `claimed ${job?.messageId ?? "nothing"}, possible ${possible.map((p) => p.id).join()}`,
        );
      expect(job.leaseExpiresAt).toBe(now + LEASE_MS);
      message.status = "processing";
      message.deliveries += 1;
      message.lease = { workerId, leaseId: job.leaseId, expiresAt: now + LEASE_MS };
      m.owner.set(message.conversationId, workerId);
      m.home.set(workerId, message.conversationId);
      m.alive.set(workerId, now);
      m.leases.push({ workerId, messageId: message.id, leaseId: job.leaseId });
    }),
  );

/** An idle claim leaves a sign of life once a minute. */
function touched(m: Model, workerId: string, now: number): number {
  const last = m.alive.get(workerId);
  return last === undefined || last + 60_000 <= now ? now : last;
}

const withLease = (
  name: string,
  run: (m: Model, t: T, lease: Lease, message: ModelMessage | null, now: number) => Promise<void>,
) =>
  index.map((i) =>
    command(
      `${name}(${i})`,
      async (m, t, now) => {
        // Newest first: live leases are tried more often than stale ones.
        const lease = pick([...m.leases].reverse(), i % 3);
        if (lease !== undefined) await run(m, t, lease, m.held(lease), now);
      },
      (m) => m.leases.length > 0,
    ),
  );

const heartbeats = withLease("heartbeat", async (m, t, lease, message, now) => {
  expect(await heartbeat(t, lease)).toBe(message !== null);
  if (message === null || message.lease === null) return;
  message.lease.expiresAt = now + LEASE_MS;
  m.alive.set(lease.workerId, now);
});

const completes = withLease("complete", async (m, t, lease, message, now) => {
  expect(await complete(t, lease)).toBe(message !== null);
  if (message === null) return;
  message.status = "done";
  message.lease = null;
  message.retryAt = 0;
  m.alive.set(lease.workerId, now);
});

const fails = fc
  .record({ retryable: fc.boolean(), pause: fc.constantFrom(0, 20_000) })
  .chain(({ retryable, pause }) =>
    withLease(`fail ${retryable} ${pause}`, async (m, t, lease, message, now) => {
      const result = await fail(t, lease, { retryable, retryAfterMs: pause });
      if (message === null) {
        expect(result).toEqual({ requeued: false, deadLettered: false, nextScheduledFor: null });
        return;
      }
      m.charge(message, now, retryable, pause);
      m.alive.set(lease.workerId, now);
      const requeued = message.status === "queued";
      expect(result).toEqual({
        requeued,
        deadLettered: !requeued,
        nextScheduledFor: requeued ? message.retryAt : null,
      });
    }),
  );

const handBacks = withLease("handBack", async (m, t, lease, message, now) => {
  expect(await handBack(t, lease)).toBe(message !== null);
  if (message === null) return;
  m.alive.set(lease.workerId, now);
  if (message.deliveries >= message.maxAttempts * 3) m.charge(message, now, true);
  else {
    message.status = "queued";
    message.lease = null;
    message.retryAt = now;
  }
});

const stores = index.chain((n) =>
  withLease("store", async (_m, t, lease, message) => {
    const view = await store(t, lease, `answer ${n}`);
    if (message === null) expect(view).toBeNull();
    else expect(view?.text).toBe((message.answer ??= `answer ${n}`));
  }),
);

const deliveries = fc
  .constantFrom("sending" as const, "sent" as const, "failed" as const)
  .chain((state) =>
    withLease(`deliver ${state}`, async (_m, t, lease, message) => {
      const result = await deliver(t, lease, 0, state);
      if (message === null || message.answer === null) {
        expect(result).toBeNull();
        return;
      }
      const settled = message.part === "sent" || message.part === "unknown";
      const interrupted = state === "sending" && message.part === "sending";
      expect(result?.proceed).toBe(!settled && !interrupted && state !== "sent");
      if (settled) return;
      message.part = interrupted ? "unknown" : state === "failed" ? "pending" : state;
    }),
  );

const sweeps = fc.constant(
  command("sweep", async (m, t, now) => {
    const expired = m.expired(now);
    for (const message of expired) m.lose(message, now);
    const dead = expired.filter((message) => message.status === "dead_letter").length;
    expect(await t.mutation(api.lib.releaseStuckJobs, {})).toEqual({
      requeued: expired.length - dead,
      deadLettered: dead,
      unlocked: expired.length,
    });
  }),
);

const waits = fc
  .constantFrom(1, 500, 2_500, 70_000, LEASE_MS + 1, 430_000)
  .map((ms) => command(`wait(${ms})`, async () => void vi.setSystemTime(Date.now() + ms)));

const pauses = conversation.map((conversationId) =>
  command(
    `pause(${conversationId})`,
    async (m, t) => {
      const paused = await t.mutation(api.lib.pauseConversation, { conversationId });
      expect(paused).toBe(!m.paused.has(conversationId));
      m.paused.add(conversationId);
    },
    (m) => m.messages.some((message) => message.conversationId === conversationId),
  ),
);

const resumes = conversation.map((conversationId) =>
  command(
    `resume(${conversationId})`,
    async (m, t) => {
      const resumed = await t.mutation(api.lib.resumeConversation, { conversationId });
      expect(resumed).toBe(m.paused.has(conversationId));
      m.paused.delete(conversationId);
    },
    (m) => m.messages.some((message) => message.conversationId === conversationId),
  ),
);

const skips = index.map((i) =>
  command(
    `skip(${i})`,
    async (m, t) => {
      const message = pick(m.messages, i);
      if (message === undefined) return;
      const may = message.status === "queued" || message.status === "dead_letter";
      expect(await t.mutation(api.lib.skipMessage, { messageId: message.id })).toBe(may);
      if (may) message.status = "failed";
    },
    (m) => m.messages.length > 0,
  ),
);

const redrives = fc.option(index).map((i) =>
  command(`redrive(${i ?? "all"})`, async (m, t, now) => {
    const chosen = i === null ? undefined : pick(m.messages, i);
    if (i !== null && chosen === undefined) return;
    const dead =
      chosen === undefined
        ? m.messages.filter((message) => message.status === "dead_letter")
        : [chosen].filter(({ status }) => status === "dead_letter" || status === "failed");
    dead.sort((a, b) => a.scheduledFor - b.scheduledFor || a.arrival - b.arrival);
    expect(
      await t.mutation(
        api.lib.redriveDeadLetters,
        chosen === undefined ? {} : { messageId: chosen.id },
      ),
    ).toEqual({ redriven: dead.length, more: false });
    for (const message of dead) {
      const { conversationId } = message;
      const due = m.messages.filter(
        (one) => one.conversationId === conversationId && one.scheduledFor <= now,
      );
      const last = Math.max(...due.map((one) => one.scheduledFor), 0);
      const arrival = m.lastArrival.get(conversationId) ?? 0;
      message.scheduledFor = Math.max(now, arrival + 1, last + 1);
      m.lastArrival.set(message.conversationId, message.scheduledFor);
      Object.assign(message, { status: "queued", attempts: 0, deliveries: 0, retryAt: 0 });
    }
  }),
);

/** A step as often as its weight. */
const weighted: [fc.Arbitrary<Command>, number][] = [
  [enqueue, 4],
  [claims, 8],
  [completes, 2],
  [fails, 3],
  [heartbeats, 1],
  [handBacks, 2],
  [stores, 3],
  [deliveries, 3],
  [waits, 4],
  [sweeps, 1],
  [pauses, 1],
  [resumes, 3],
  [skips, 1],
  [redrives, 1],
];
const steps = weighted.flatMap(([step, weight]) => Array<typeof step>(weight).fill(step));

test("every program keeps the promises of the queue", { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 150, size: "max" }), async (program) => {
      vi.setSystemTime(START);
      // A failing program fails again when it is replayed.
      vi.spyOn(Math, "random").mockImplementation(seeded(1));
      const t = await queueTest();
      const model = new Model();
      for (const workerId of WORKERS) {
        const home = model.home.get(workerId);
        model.alive.set(workerId, START);
        await newWorker(
          t,
          workerId,
          home === undefined
            ? {}
            : {
                assignment: {
                  conversationId: home,
                  agentKey: "default",
                  leaseId: "",
                  assignedAt: START,
                },
              },
        );
      }
      await fc.asyncModelRun(() => ({ model, real: { t } }), program);
    }),
    { numRuns: Number(process.env.QUEUE_PROPERTY_RUNS ?? 100) },
  );
});

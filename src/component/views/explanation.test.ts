import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { explain, type MessageFacts, type Reason } from "./explanation.js";
import { WAIT_KINDS } from "./validators.js";

const NOW = 1_000_000;
type Some<T> = { [K in keyof T]?: T[K] };
type Changes = {
  message?: Some<MessageFacts["message"]>;
  answer?: MessageFacts["answer"];
  conversation?: MessageFacts["conversation"];
  agent?: MessageFacts["agent"];
  before?: MessageFacts["before"];
  worker?: Some<NonNullable<MessageFacts["worker"]>>;
  missingSecrets?: readonly string[];
  spawn?: Some<MessageFacts["spawn"]>;
};

/** A message that only waits for the scheduler, unless told otherwise. */
function facts(changes: Changes = {}): MessageFacts {
  const { message, worker, spawn, ...rest } = changes;
  return {
    now: NOW,
    answer: null,
    conversation: { pausedAt: null, pauseReason: null },
    agent: { enabled: true, pausedAt: null },
    before: null,
    missingSecrets: [],
    ...rest,
    message: {
      id: "m1",
      status: "queued",
      enqueuedAt: NOW - 500,
      scheduledFor: NOW - 500,
      nextRetryAt: null,
      attempts: 0,
      deliveries: 0,
      maxAttempts: 5,
      leasedAt: null,
      leaseExpiresAt: null,
      endedAt: null,
      lastError: null,
      lastEventAt: NOW - 400,
      ...message,
    },
    worker:
      worker === undefined
        ? null
        : {
            workerId: "w1",
            status: "active",
            hasMachine: true,
            firstSeenAt: NOW - 100,
            reservedAt: NOW - 300,
            machineCreatedAt: NOW - 200,
            nextCreateAt: null,
            drainingSince: null,
            drainDeadlineAt: null,
            lastProviderError: null,
            ...worker,
          },
    spawn: {
      decision: null,
      configured: true,
      full: false,
      block: null,
      passRunning: false,
      nextPassAt: NOW + 10,
      ...spawn,
    },
  };
}

const leased = { status: "processing", leasedAt: NOW - 50, leaseExpiresAt: NOW + 50 } as const;
const failedOnce = { attempts: 1, deliveries: 1, lastError: "model is down" };
const booting = { firstSeenAt: null } as const;
const block = { message: "no capacity in fra", since: NOW - 30, until: NOW + 30 };

type Row = [string, Changes, Partial<Reason>];
const TABLE: Row[] = [
  // Over, or given up.
  [
    "done",
    { message: { status: "done", endedAt: NOW - 1 } },
    { waitsFor: "nothing", since: NOW - 1 },
  ],
  [
    "done, the answer not known to have arrived",
    { message: { status: "done" }, answer: { createdAt: 1, delivered: false } },
    {
      waitsFor: "nothing",
      detail: "It is done; its answer is not known to have reached the user.",
    },
  ],
  [
    "skipped",
    { message: { status: "failed" } },
    { waitsFor: "nothing", detail: "An operator skipped it." },
  ],
  [
    "dead-lettered",
    { message: { status: "dead_letter", ...failedOnce, endedAt: NOW - 2 } },
    {
      waitsFor: "operator",
      since: NOW - 2,
      detail: "Given up after 1 attempts: model is down. Redrive or skip it.",
    },
  ],
  // Leased.
  [
    "leased",
    { message: leased, worker: {} },
    { waitsFor: "answer", since: NOW - 50, until: NOW + 50, workerId: "w1" },
  ],
  [
    "answered, being sent",
    { message: leased, worker: {}, answer: { createdAt: NOW - 5, delivered: false } },
    { waitsFor: "delivery", since: NOW - 5, workerId: "w1" },
  ],
  [
    "leased by a silent worker",
    { message: { ...leased, leaseExpiresAt: NOW } },
    { waitsFor: "lease", until: null, workerId: null },
  ],
  // Held by people, time or order.
  [
    "of a paused conversation",
    { conversation: { pausedAt: NOW - 9, pauseReason: "holiday" } },
    { waitsFor: "pause", since: NOW - 9, detail: "An operator paused the conversation: holiday." },
  ],
  [
    "of no agent",
    { agent: null },
    { waitsFor: "agent", detail: "Its agent does not exist any more." },
  ],
  ["of a disabled agent", { agent: { enabled: false, pausedAt: null } }, { waitsFor: "agent" }],
  [
    "of a paused agent",
    { agent: { enabled: true, pausedAt: NOW - 8 } },
    { waitsFor: "agent", since: NOW - 8 },
  ],
  [
    "scheduled for later",
    { message: { scheduledFor: NOW + 99 } },
    { waitsFor: "schedule", until: NOW + 99 },
  ],
  [
    "behind one that is being answered",
    { before: { messageId: "m0", leased: true } },
    {
      waitsFor: "order",
      behindMessageId: "m0",
      detail: "The message before it is being answered.",
    },
  ],
  [
    "behind one that waits",
    { before: { messageId: "m0", leased: false } },
    { waitsFor: "order", behindMessageId: "m0" },
  ],
  [
    "backing off",
    { message: { ...failedOnce, nextRetryAt: NOW + 4 } },
    { waitsFor: "retry", until: NOW + 4, detail: "Attempt 1 of 5 failed: model is down." },
  ],
  [
    "held until its files are there",
    { message: { nextRetryAt: NOW + 4 } },
    { waitsFor: "attachment", since: NOW - 500, until: NOW + 4 },
  ],
  // With a worker.
  [
    "whose machine is being created",
    { worker: { ...booting, hasMachine: false, machineCreatedAt: null } },
    { waitsFor: "machine", since: NOW - 300, detail: "Its machine is being created." },
  ],
  [
    "whose machine cannot be created",
    {
      worker: {
        ...booting,
        hasMachine: false,
        lastProviderError: "422 image",
        nextCreateAt: NOW + 7,
      },
    },
    {
      waitsFor: "provider",
      until: NOW + 7,
      detail: "The provider did not create its machine: 422 image",
    },
  ],
  [
    "whose machine cannot be created as the provider is down",
    {
      worker: { ...booting, hasMachine: false, lastProviderError: "HTTP 503" },
      spawn: { block: { kind: "circuit", ...block } },
    },
    { waitsFor: "provider", detail: "no capacity in fra", since: NOW - 30, until: NOW + 30 },
  ],
  ["whose machine boots", { worker: booting }, { waitsFor: "machine", since: NOW - 200 }],
  ["whose worker is up", { worker: {} }, { waitsFor: "machine", since: NOW - 100 }],
  [
    "whose last worker leaves",
    { worker: { status: "draining", drainingSince: NOW - 6, drainDeadlineAt: NOW + 60 } },
    { waitsFor: "hand_over", since: NOW - 6, until: NOW + 60, workerId: "w1" },
  ],
  // Without.
  ["without a config", { spawn: { configured: false } }, { waitsFor: "config" }],
  [
    "without a secret",
    { missingSecrets: ["fly.apiToken"] },
    { waitsFor: "secret", detail: "No machine can be created without fly.apiToken." },
  ],
  [
    "while creating is off",
    { spawn: { block: { kind: "circuit", ...block } } },
    { waitsFor: "provider", detail: "no capacity in fra", since: NOW - 30, until: NOW + 30 },
  ],
  [
    "while the money is spent",
    { spawn: { budget: { message: "5 of 5 USD today", resetsAt: NOW + 30 } } },
    { waitsFor: "budget", detail: "5 of 5 USD today.", until: NOW + 30 },
  ],
  [
    "while all machines are busy",
    { spawn: { full: true, decision: { kind: "hold", reason: "maxWorkers 1" } } },
    { waitsFor: "budget", detail: "maxWorkers 1" },
  ],
  ["during a pass", { spawn: { passRunning: true } }, { waitsFor: "pass", until: null }],
  ["before a pass", {}, { waitsFor: "pass", since: NOW - 500, until: NOW + 10 }],
  [
    "when nobody wakes the scheduler",
    { spawn: { nextPassAt: null } },
    {
      waitsFor: "pass",
      detail: "The scheduler looks at it when it is woken: call startWorkers, or keep its cron.",
    },
  ],
];

describe("a message", () => {
  test.each(TABLE)("%s", (_name, changes, expected) => {
    expect(explain(facts(changes))).toMatchObject(expected);
  });

  test("every kind of answer has a case", () => {
    expect(new Set(TABLE.map(([, , { waitsFor }]) => waitsFor))).toEqual(new Set(WAIT_KINDS));
  });
});

test("whatever the facts, a waiting message gets a kind, a sentence and a start that is not later than now", () => {
  const time = fc.integer({ min: NOW - 1_000, max: NOW + 1_000 });
  const past = fc.integer({ min: NOW - 1_000, max: NOW });
  const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null });
  const any = fc.record({
    message: fc.record({
      status: fc.constantFrom("queued" as const, "processing" as const),
      enqueuedAt: past,
      scheduledFor: time,
      nextRetryAt: maybe(time),
      attempts: fc.nat(5),
      deliveries: fc.nat(5),
      leasedAt: maybe(past),
      leaseExpiresAt: maybe(time),
      lastEventAt: maybe(past),
    }),
    answer: maybe(fc.record({ createdAt: past, delivered: fc.boolean() })),
    conversation: maybe(
      fc.record({ pausedAt: maybe(past), pauseReason: maybe(fc.constant("why")) }),
    ),
    agent: maybe(fc.record({ enabled: fc.boolean(), pausedAt: maybe(past) })),
    before: maybe(fc.record({ messageId: fc.constant("m0"), leased: fc.boolean() })),
    missingSecrets: fc.subarray(["fly.apiToken", "convex.url"]),
    spawn: fc.record({
      configured: fc.boolean(),
      full: fc.boolean(),
      passRunning: fc.boolean(),
      nextPassAt: maybe(time),
    }),
  });
  const worker = fc.option(
    fc.record({
      status: fc.constantFrom("active" as const, "draining" as const, "stopping" as const),
      hasMachine: fc.boolean(),
      firstSeenAt: maybe(past),
      machineCreatedAt: maybe(past),
      nextCreateAt: maybe(time),
      lastProviderError: maybe(fc.constant("503")),
    }),
    { nil: undefined },
  );
  fc.assert(
    fc.property(any, worker, (changes, by) => {
      const answer = explain(facts({ ...changes, ...(by === undefined ? {} : { worker: by }) }));
      expect(WAIT_KINDS).toContain(answer.waitsFor);
      expect(answer.waitsFor).not.toBe("nothing");
      expect(answer.detail).toMatch(/\w.*[\w.]$/);
      expect(answer.detail).not.toMatch(/undefined|null|NaN|unknown/i);
      expect(answer.since).toBeLessThanOrEqual(NOW);
      if (answer.waitsFor === "order") expect(answer.behindMessageId).toBe("m0");
    }),
    { numRuns: 500 },
  );
});

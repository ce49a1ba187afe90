import { describe, expect, test } from "vitest";
import { BOOT_DEADLINE_MS } from "../workers/validators.js";
import {
  brief,
  machine,
  NOW,
  POLICY,
  policyOf,
  reservedFacts,
  workerFacts,
  world,
} from "./facts.fixture.js";
import type { PlanPolicy, WorkerFacts, World } from "./facts.js";
import { planPass } from "./plan.js";
import { MAX_CREATE_ATTEMPTS, ORPHAN_GRACE_MS } from "./validators.js";

const plan = (w: World, policy: PlanPolicy = POLICY) => planPass(w, policy, NOW).map(brief);
const reasons = (w: World, policy: PlanPolicy = POLICY) =>
  planPass(w, policy, NOW).map(({ reason }) => reason);
const running = [machine()];
const STALE = NOW - POLICY.lease.staleAfterMs;

describe("an active worker", () => {
  const cases: [
    string,
    Partial<WorkerFacts>,
    World["observation"] | "running" | "none",
    string[],
  ][] = [
    ["idles within its time", {}, "running", []],
    ["works", { load: 1, hasWork: true }, "running", []],
    ["idles a millisecond short of its deadline", { scheduledShutdownAt: NOW + 1 }, "running", []],
    ["is at its idle deadline", { scheduledShutdownAt: NOW }, "running", ["drain w1 idle"]],
    ["is past it, but works", { scheduledShutdownAt: NOW - 1, load: 1 }, "running", []],
    [
      "is past it, but a message of its own is due",
      { scheduledShutdownAt: NOW - 1, hasWork: true },
      "running",
      [],
    ],
    [
      "is past it, but never claimed and booted late",
      { scheduledShutdownAt: NOW - 1, lastClaimAt: null, firstSeenAt: NOW - 1_000 },
      "running",
      [],
    ],
    [
      "never claimed and idles since its first call",
      {
        scheduledShutdownAt: NOW - 1,
        lastClaimAt: null,
        firstSeenAt: NOW - POLICY.scaling.idleTimeoutMs,
      },
      "running",
      ["drain w1 idle"],
    ],
    [
      "has no idle deadline, as a row of 3.x, and idles long since its last claim",
      { scheduledShutdownAt: null, lastClaimAt: NOW - POLICY.scaling.idleTimeoutMs },
      "running",
      ["drain w1 idle"],
    ],
    ["has no idle deadline and claimed lately", { scheduledShutdownAt: null }, "running", []],
    ["was heard a millisecond within the limit", { heartbeatAt: STALE + 1 }, "running", []],
    ["was not heard for too long", { heartbeatAt: STALE }, "running", ["drain w1 stale"]],
    [
      "was not heard for too long, at work",
      { heartbeatAt: STALE, load: 1, hasWork: true },
      "running",
      ["drain w1 stale"],
    ],
    ["boots", { firstSeenAt: null, lastClaimAt: null, machineCreatedAt: NOW - 1 }, "running", []],
    [
      "boots a millisecond within the limit",
      {
        firstSeenAt: null,
        lastClaimAt: null,
        machineCreatedAt: NOW - BOOT_DEADLINE_MS + 1,
        heartbeatAt: STALE,
      },
      "running",
      [],
    ],
    [
      "never called home",
      { firstSeenAt: null, lastClaimAt: null, machineCreatedAt: NOW - BOOT_DEADLINE_MS },
      "running",
      ["drain w1 boot_timeout"],
    ],
    ["is missing from the list", {}, { apps: [{ appName: "app", machines: [] }] }, ["verify w1"]],
    [
      "is missing from the list and silent: both are said",
      { heartbeatAt: STALE },
      { apps: [{ appName: "app", machines: [] }] },
      ["verify w1", "drain w1 stale"],
    ],
    ["lives in an app whose list failed", {}, { apps: [{ appName: "other", machines: [] }] }, []],
    ["when nothing was listed at all", {}, "none", []],
    ["is proven gone", { machineGone: true }, "none", ["drain w1 machine_gone"]],
    ["is proven gone at work", { machineGone: true, load: 1 }, "none", ["drain w1 machine_gone"]],
    ["runs somewhere else and idles", { appName: null, machineId: null }, "running", []],
    [
      "runs somewhere else and was not heard",
      { appName: null, machineId: null, heartbeatAt: STALE },
      "none",
      ["drain w1 stale"],
    ],
    [
      "runs somewhere else and never called: no boot deadline of ours",
      { appName: null, machineId: null, firstSeenAt: null, lastClaimAt: null, createdAt: 0 },
      "none",
      [],
    ],
  ];
  test.each(cases)("%s", (_name, facts, seen, expected) => {
    const observation =
      seen === "running"
        ? { apps: [{ appName: "app", machines: running }] }
        : seen === "none"
          ? null
          : seen;
    // A machine of ours that no row has is planned for elsewhere.
    const workers = [
      workerFacts(facts),
      ...(facts.appName === null ? [workerFacts({ workerId: "w0" })] : []),
    ];
    expect(plan(world({ workers, observation }), policyOf({ maxWorkers: 5 }))).toEqual(expected);
  });

  test.each([
    ["booting", []],
    ["running", []],
    ["stopping", []],
    ["unknown", []],
    ["stopped", ["drain w1 machine_gone"]],
    ["failed", ["drain w1 machine_gone"]],
    ["destroying", ["drain w1 machine_gone"]],
    ["destroyed", ["drain w1 machine_gone"]],
  ] as const)("whose machine is %s", (phase, expected) => {
    for (const load of [0, 1])
      expect(
        plan(world({ workers: [workerFacts({ load })], machines: [machine({ phase })] })),
      ).toEqual(expected);
  });
});

describe("a reserved worker", () => {
  test.each<
    [
      string,
      Partial<WorkerFacts>,
      Partial<Omit<World, "demand">> & { machines?: ReturnType<typeof machine>[] },
      string[],
    ]
  >([
    ["is created", {}, {}, ["create w1"]],
    ["waits for its next attempt", { createAttempts: 1, nextCreateAt: NOW + 1 }, {}, []],
    [
      "is tried again under the same name",
      { createAttempts: 1, nextCreateAt: NOW },
      {},
      ["create w1"],
    ],
    ["waits while creating is blocked", {}, { spawnBlock: "no" }, []],
    [
      "adopts the machine with its tags",
      {},
      { machines: [machine({ machineId: "m9" })] },
      ["adopt w1"],
    ],
    [
      "adopts it in a state nobody knows",
      {},
      { machines: [machine({ phase: "unknown" })] },
      ["adopt w1"],
    ],
    [
      "adopts it though creating is blocked",
      {},
      { machines: [machine()], spawnBlock: "no" },
      ["adopt w1"],
    ],
    [
      "does not adopt a dying machine",
      {},
      { machines: [machine({ phase: "destroying" })] },
      ["create w1"],
    ],
    [
      "adopts the living one of two",
      {},
      {
        machines: [machine({ machineId: "m9" }), machine({ machineId: "m8", phase: "destroyed" })],
      },
      ["adopt w1"],
    ],
    [
      "does not adopt by name without tags",
      {},
      { machines: [machine({ workerTag: null })] },
      ["create w1"],
    ],
    [
      "is given up after too many attempts",
      { createAttempts: MAX_CREATE_ATTEMPTS },
      {},
      ["drain w1 boot_timeout"],
    ],
    [
      "is adopted even after too many attempts",
      { createAttempts: MAX_CREATE_ATTEMPTS },
      { machines: [machine()] },
      ["adopt w1"],
    ],
    [
      "has no boot deadline: its machine does not exist",
      { createdAt: 0, nextCreateAt: NOW + 1 },
      {},
      [],
    ],
    ["is created although the list failed", {}, { observation: { apps: [] } }, ["create w1"]],
  ])("%s", (_name, facts, rest, expected) => {
    expect(plan(world({ workers: [reservedFacts(facts)], ...rest }))).toEqual(expected);
  });

  test("an adoption carries what the row needs", () => {
    const machines = [machine({ machineId: "m9", region: "ams", volumeIds: ["v1", "v2"] })];
    expect(planPass(world({ workers: [reservedFacts()], machines }), POLICY, NOW)).toMatchObject([
      { kind: "adopt", machineId: "m9", region: "ams", volumeIds: ["v1", "v2"] },
    ]);
  });
});

describe("a draining worker", () => {
  const draining = { status: "draining", drainDeadlineAt: NOW + 1 } as const;
  test.each<[string, Partial<WorkerFacts>, ReturnType<typeof machine>[], string[]]>([
    ["waits for its snapshot", {}, running, []],
    ["at work waits", { load: 1 }, running, []],
    ["never claimed: nothing to wait for", { lastClaimAt: null }, running, ["stop w1"]],
    ["stored its final snapshot", { finalSnapshot: true }, running, ["stop w1"]],
    ["stored it, but holds a message", { finalSnapshot: true, load: 1 }, running, []],
    ["is proven gone", { machineGone: true }, [], ["stop w1"]],
    ["has a stopped machine", {}, [machine({ phase: "stopped" })], ["stop w1"]],
    ["is missing from the list only: asked for by id", {}, [], ["verify w1"]],
    ["has a machine in an unknown state", {}, [machine({ phase: "unknown" })], []],
    ["is at its deadline", { drainDeadlineAt: NOW }, running, ["stop w1"]],
    ["is at its deadline, at work", { drainDeadlineAt: NOW, load: 1 }, running, ["stop w1"]],
    [
      "is past its idle deadline and silent: no matter",
      { scheduledShutdownAt: 0, heartbeatAt: 0 },
      running,
      [],
    ],
  ])("%s", (_name, facts, machines, expected) => {
    const workers = [workerFacts({ ...draining, ...facts })];
    expect(plan(world({ workers, machines }))).toEqual(expected);
  });
});

test.each([
  ["a stopping worker is torn down", { status: "stopping" }, ["teardown w1"]],
  ["at its time", { status: "stopping", nextTeardownAt: NOW }, ["teardown w1"]],
  ["not before", { status: "stopping", nextTeardownAt: NOW + 1 }, []],
  ["a stopped one is left alone", { status: "stopped" }, []],
] as const)("%s", (_name, facts, expected) => {
  expect(plan(world({ workers: [workerFacts(facts)], machines: running }))).toEqual(expected);
});

describe("machines without a row", () => {
  const orphan = machine({ machineId: "m7", workerTag: "w7" });
  test.each<[string, Partial<Omit<World, "demand">>, ReturnType<typeof machine>[], string[]]>([
    ["are watched first", {}, [orphan], ["watch_orphan m7"]],
    [
      "are watched through the grace",
      { orphansSeen: { m7: NOW - ORPHAN_GRACE_MS + 1 } },
      [orphan],
      ["watch_orphan m7"],
    ],
    [
      "are destroyed after it",
      { orphansSeen: { m7: NOW - ORPHAN_GRACE_MS } },
      [orphan],
      ["destroy_orphan m7"],
    ],
    [
      "without our tags are nobody's business",
      { orphansSeen: { m7: 0 } },
      [machine({ workerTag: null })],
      [],
    ],
    [
      "that are on their way out are let go",
      { orphansSeen: { m7: 0 } },
      [{ ...orphan, phase: "destroying" }],
      [],
    ],
    [
      "whose row has another machine are orphans all the same",
      { workers: [workerFacts({ workerId: "w7", machineId: "m1" })], orphansSeen: { m7: 0 } },
      [machine(), orphan],
      ["destroy_orphan m7"],
    ],
    [
      "whose row knows no machine yet are its own, while it drains and stops, too",
      {
        workers: [
          workerFacts({
            workerId: "w7",
            machineId: null,
            status: "stopping",
            nextTeardownAt: NOW + 1,
          }),
        ],
        orphansSeen: { m7: 0 },
      },
      [orphan],
      [],
    ],
    [
      "that a row takes down by id are not orphans, whatever their tags say",
      {
        workers: [
          workerFacts({
            workerId: "orphan-m7",
            machineId: "m7",
            status: "stopping",
            nextTeardownAt: NOW + 1,
          }),
        ],
        orphansSeen: { m7: 0 },
      },
      [orphan],
      [],
    ],
  ])("%s", (_name, rest, machines, expected) => {
    expect(plan(world({ ...rest, machines }), policyOf({ maxWorkers: 5 }))).toEqual(expected);
  });
});

describe("capacity", () => {
  const busy = (n: number) =>
    workerFacts({
      workerId: `b${n}`,
      machineId: `mb${n}`,
      conversationId: `cb${n}`,
      load: 1,
      hasWork: true,
    });
  const idle = (n: number, lastClaimAt: number) =>
    workerFacts({ workerId: `i${n}`, machineId: `mi${n}`, conversationId: `ci${n}`, lastClaimAt });
  const machinesOf = (workers: readonly WorkerFacts[]) =>
    workers.flatMap(({ workerId, machineId }) =>
      machineId === null ? [] : [machine({ machineId, name: workerId, workerTag: workerId })],
    );
  const at = (
    workers: WorkerFacts[],
    demand: string[],
    scaling: Partial<PlanPolicy["scaling"]>,
    rest: Partial<Omit<World, "demand">> = {},
  ) =>
    planPass(
      world({ workers, machines: machinesOf(workers), ...rest, demand }),
      policyOf(scaling),
      NOW,
    ).map(brief);

  test("each waiting conversation gets a machine, in order, as far as cap and step allow", () => {
    const many = { maxWorkers: 3, spawnStep: 5 };
    expect(at([], ["a", "b"], many)).toEqual(["spawn a", "spawn b"]);
    expect(at([], ["a", "b", "c", "d"], many)).toEqual(["spawn a", "spawn b", "spawn c", "hold d"]);
    expect(at([busy(1)], ["a", "b", "c"], many)).toEqual(["spawn a", "spawn b", "hold c"]);
    expect(at([], ["a", "b", "c"], { maxWorkers: 3, spawnStep: 2 })).toEqual([
      "spawn a",
      "spawn b",
      "hold c",
    ]);
  });

  test("every hold says why", () => {
    const { maxWorkers } = POLICY.scaling;
    expect(reasons(world({ demand: ["a"], appName: null }))).toEqual([
      "no provider is configured: call setProviderRuntimeConfig",
    ]);
    expect(reasons(world({ demand: ["a"], spawnBlock: "quota" }))).toEqual(["quota"]);
    expect(reasons(world({ demand: ["a", "b"] }))[1]).toBe(
      `maxWorkers (${maxWorkers}) machines are live`,
    );
    expect(reasons(world({ demand: ["a", "b"] }), policyOf({ maxWorkers: 2 }))[1]).toBe(
      "spawnStep (1) reached: the next pass continues",
    );
  });

  test("every live row counts against the cap: reserved, draining, stopping; not one proven gone", () => {
    const rows: [Partial<WorkerFacts>, boolean][] = [
      [{ machineId: null, nextCreateAt: NOW + 1 }, true],
      [{ status: "draining", drainDeadlineAt: NOW + 1 }, true],
      [{ status: "stopping", nextTeardownAt: NOW + 1 }, true],
      [{ status: "stopping", nextTeardownAt: NOW + 1, machineGone: true }, false],
    ];
    for (const [facts, counts] of rows)
      expect(at([workerFacts({ ...facts, hasWork: true })], ["a"], { maxWorkers: 1 })).toEqual([
        counts ? "hold a" : "spawn a",
      ]);
  });

  test("an orphan counts against the cap", () => {
    const machines = [machine({ machineId: "m7", workerTag: "w7" })];
    expect(plan(world({ machines, demand: ["a"] }))).toEqual(["watch_orphan m7", "hold a"]);
  });

  test("the longest idle worker makes room, one per conversation that waits at the cap", () => {
    const fleet = [idle(1, NOW - 1_000), idle(2, NOW - 3_000), busy(1), idle(3, NOW - 2_000)];
    expect(at(fleet, ["a"], { maxWorkers: 4 })).toEqual(["hold a", "drain i2 evicted"]);
    expect(at(fleet, ["a", "b"], { maxWorkers: 4 })).toEqual([
      "hold a",
      "hold b",
      "drain i2 evicted",
      "drain i3 evicted",
    ]);
    expect(at(fleet, [], { maxWorkers: 4 })).toEqual([]);
  });

  test("capacity on its way out counts before anybody is evicted", () => {
    const leaving = workerFacts({
      workerId: "d",
      machineId: "md",
      status: "draining",
      drainDeadlineAt: NOW + 1,
    });
    expect(at([leaving, idle(1, 0)], ["a"], { maxWorkers: 2 })).toEqual(["hold a"]);
    expect(at([leaving, idle(1, 0)], ["a", "b"], { maxWorkers: 2 })).toEqual([
      "hold a",
      "hold b",
      "drain i1 evicted",
    ]);
  });

  test("one that is drained in this very pass is not evicted besides, and makes the room", () => {
    const due = workerFacts({ workerId: "x", machineId: "mx", scheduledShutdownAt: NOW });
    expect(at([due, idle(1, 0)], ["a"], { maxWorkers: 2 })).toEqual(["drain x idle", "hold a"]);
  });

  test("workers at work, with due work, or still booting are never evicted", () => {
    const fleet = [
      busy(1),
      workerFacts({ hasWork: true }),
      reservedFacts({ workerId: "r", hasWork: false, nextCreateAt: NOW + 1 }),
    ];
    expect(at(fleet, ["a"], { maxWorkers: 3 })).toEqual(["hold a"]);
    expect(at(fleet, [], { maxWorkers: 1 })).toEqual([]);
  });

  test("what is above a lowered cap is drained while it idles", () => {
    const fleet = [idle(1, NOW - 1_000), idle(2, NOW - 3_000), busy(1)];
    expect(at(fleet, [], { maxWorkers: 1 })).toEqual(["drain i2 evicted", "drain i1 evicted"]);
    expect(at(fleet, [], { maxWorkers: 2 })).toEqual(["drain i2 evicted"]);
  });

  test("no eviction while creating is blocked: it would gain nothing", () => {
    expect(at([idle(1, 0)], ["a"], { maxWorkers: 1 }, { spawnBlock: "no" })).toEqual(["hold a"]);
    expect(at([idle(1, 0)], ["a"], { maxWorkers: 1 }, { appName: null })).toEqual(["hold a"]);
  });

  test("a free worker will take a waiting conversation by itself, unless it is silent or at work", () => {
    const own = { appName: null, machineId: null, conversationId: null };
    const free = workerFacts({ ...own, workerId: "f" });
    expect(at([free], ["a"], { maxWorkers: 5 })).toEqual([]);
    expect(at([free], ["a", "b"], { maxWorkers: 5 })).toEqual(["spawn b"]);
    expect(at([{ ...free, load: 1 }], ["a"], { maxWorkers: 5 })).toEqual(["spawn a"]);
    expect(at([{ ...free, heartbeatAt: STALE }], ["a"], { maxWorkers: 5 })).toEqual([
      "drain f stale",
      "spawn a",
    ]);
    expect(at([{ ...free, conversationId: "c1" }], ["a"], { maxWorkers: 5 })).toEqual(["spawn a"]);
    expect(
      at([{ ...free, status: "draining", drainDeadlineAt: NOW + 1 }], ["a"], { maxWorkers: 5 }),
    ).toEqual(["spawn a"]);
  });
});

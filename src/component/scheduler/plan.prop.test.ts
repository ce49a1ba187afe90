/** What no world may make the plan do. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MACHINE_PHASES } from "../providers/validators.js";
import { MIN_PASS_INTERVAL_MS } from "../kit/wake.js";
import { countMachines, type PlanPolicy, type WorkerFacts, type World } from "./facts.js";
import { NOW, policyOf, workerFacts } from "./facts.fixture.js";
import { planPass } from "./plan.js";
import { nextWakeAt } from "./wakeups.js";

const HOUR = 3_600_000;
const past = fc.integer({ min: NOW - HOUR, max: NOW });
const around = fc.integer({ min: NOW - HOUR, max: NOW + HOUR });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

const facts = (index: number): fc.Arbitrary<WorkerFacts> =>
  fc
    .record({
      status: fc.constantFrom("active", "draining", "stopping"),
      load: fc.constantFrom(0, 0, 1),
      heartbeatAt: past,
      createdAt: past,
      appName: fc.constantFrom("app", "app", "old-app", null),
      machineId: maybe(fc.constant(`m${index}`)),
      machineCreatedAt: maybe(past),
      firstSeenAt: maybe(past),
      lastClaimAt: maybe(past),
      scheduledShutdownAt: maybe(around),
      drainDeadlineAt: maybe(around),
      finalSnapshot: fc.boolean(),
      createAttempts: fc.nat(7),
      nextCreateAt: maybe(around),
      nextTeardownAt: maybe(around),
      machineGone: fc.boolean(),
      conversationId: maybe(fc.constant(`owned${index}`)),
      hasWork: fc.boolean(),
    } satisfies { [K in keyof Omit<WorkerFacts, "workerId">]: fc.Arbitrary<WorkerFacts[K]> })
    .map((one) =>
      workerFacts({ ...one, workerId: `w${index}`, hasWork: one.hasWork || one.load > 0 }),
    );

const observed = fc.record({
  machineId: fc.integer({ min: 0, max: 9 }).map((n) => `m${n}`),
  name: fc.constant<string>("x"),
  phase: fc.constantFrom(...MACHINE_PHASES),
  workerTag: maybe(fc.integer({ min: 0, max: 9 }).map((n) => `w${n}`)),
  volumeIds: fc.constant<string[]>([]),
  region: fc.constant<string>("fra"),
});

const worlds: fc.Arbitrary<World> = fc
  .record({
    size: fc.nat(8),
    demand: fc.nat(8),
    apps: fc.subarray(["app", "old-app"]),
    machines: fc.uniqueArray(observed, { maxLength: 8, selector: (m) => m.machineId }),
    appName: fc.constantFrom("app", "app", "app", null),
    spawnBlock: fc.constantFrom(null, null, "blocked"),
    orphanVolumes: fc.constant([]),
    orphansSeen: fc.dictionary(
      fc.integer({ min: 0, max: 9 }).map((n) => `m${n}`),
      past,
    ),
  })
  .chain(({ size, demand, apps, machines, ...rest }) =>
    fc.tuple(...Array.from({ length: size }, (_, i) => facts(i))).map((workers) => ({
      ...rest,
      workers,
      demand: Array.from({ length: demand }, (_, i) => ({
        conversationId: `new${i}`,
        agentKey: "a",
      })),
      observation: {
        apps: apps.map((appName, i) => ({ appName, machines: i === 0 ? machines : [] })),
      },
    })),
  );
const policies: fc.Arbitrary<PlanPolicy> = fc
  .record({ maxWorkers: fc.nat(8), spawnStep: fc.integer({ min: 1, max: 5 }) })
  .map(policyOf);

/** The rows after what the plan decided was written. */
function afterwards(world: World, policy: PlanPolicy): { before: number; after: number } {
  const decisions = planPass(world, policy, NOW);
  const orphans = decisions.filter((d) => d.kind === "watch_orphan" || d.kind === "destroy_orphan");
  const before = countMachines(world.workers) + orphans.length;
  return { before, after: before + decisions.filter((d) => d.kind === "spawn").length };
}

const holds = (predicate: (world: World, policy: PlanPolicy) => void) =>
  fc.assert(fc.property(worlds, policies, predicate), { numRuns: 500, seed: 42 });

describe("whatever the world", () => {
  test("there are never more machines than maxWorkers, unless there were already: then none is added", () => {
    holds((world, policy) => {
      const { before, after } = afterwards(world, policy);
      expect(after).toBeLessThanOrEqual(Math.max(before, policy.scaling.maxWorkers));
    });
  });

  test("a worker with work is never drained for being idle or in the way", () => {
    holds((world, policy) => {
      for (const d of planPass(world, policy, NOW)) {
        if (d.kind !== "drain" || (d.drainReason !== "idle" && d.drainReason !== "evicted"))
          continue;
        const worker = world.workers.find((w) => w.workerId === d.workerId);
        expect([worker?.load, worker?.hasWork]).toEqual([0, false]);
      }
    });
  });

  test("a machine is concluded gone only from its own state or from a proof, never from a list", () => {
    holds((world, policy) => {
      const states = new Map(
        (world.observation?.apps ?? []).flatMap((app) =>
          app.machines.map((m) => [m.machineId, m.phase]),
        ),
      );
      for (const d of planPass(world, policy, NOW)) {
        if (d.kind !== "drain" || d.drainReason !== "machine_gone") continue;
        const worker = world.workers.find((w) => w.workerId === d.workerId);
        const phase = states.get(worker?.machineId ?? "") ?? "unlisted";
        const ended = ["stopped", "failed", "destroying", "destroyed"].includes(phase);
        expect(worker?.machineGone === true || ended).toBe(true);
      }
    });
  });

  test("no worker is told two things that exclude each other, and each move is legal", () => {
    const legal = {
      active: ["drain", "create", "adopt", "verify"],
      draining: ["stop", "verify"],
      stopping: ["teardown"],
      stopped: [],
    };
    holds((world, policy) => {
      const moves = new Map<string, string[]>();
      for (const d of planPass(world, policy, NOW)) {
        if (!("workerId" in d)) continue;
        const worker = world.workers.find((w) => w.workerId === d.workerId);
        expect(legal[worker?.status ?? "stopped"]).toContain(d.kind);
        if (d.kind !== "verify") moves.set(d.workerId, [...(moves.get(d.workerId) ?? []), d.kind]);
      }
      for (const kinds of moves.values()) expect(kinds).toHaveLength(1);
    });
  });

  test("nothing is created without a provider or while creating is blocked", () => {
    holds((world, policy) => {
      if (world.spawnBlock === null && world.appName !== null) return;
      const kinds = planPass(world, policy, NOW).map((d) => d.kind);
      expect(kinds).not.toContain("spawn");
      if (world.spawnBlock !== null) expect(kinds).not.toContain("create");
    });
  });

  test("the same world gives the same plan, and is not changed by planning", () => {
    holds((world, policy) => {
      const before = structuredClone(world);
      expect(planPass(world, policy, NOW)).toEqual(planPass(structuredClone(world), policy, NOW));
      expect(world).toEqual(before);
    });
  });

  test("each waiting conversation is spawned for, held with a reason, or left to a free worker", () => {
    holds((world, policy) => {
      const told = planPass(world, policy, NOW).flatMap((d) =>
        "conversationId" in d ? [d.conversationId] : [],
      );
      const free = world.workers.filter(
        (w) => w.status === "active" && w.conversationId === null && w.load === 0,
      );
      expect(new Set(told).size).toBe(told.length);
      expect(world.demand.length - told.length).toBeLessThanOrEqual(free.length);
    });
  });

  test("with live rows or demand there is a next wake-up, in the future and not in the next second", () => {
    holds((world, policy) => {
      const wake = {
        workers: world.workers,
        demand: world.demand.length,
        blocked: world.spawnBlock === null ? null : ("spawn_block" as const),
        spawnNotBefore: null,
        nextWaitingAt: null,
        nextLeaseExpiryAt: null,
        orphansWatched: 0,
      };
      const at = nextWakeAt(wake, policy, NOW);
      if (world.workers.length === 0 && world.demand.length === 0) expect(at).toBeNull();
      else expect(at).toBeGreaterThanOrEqual(NOW + MIN_PASS_INTERVAL_MS);
    });
  });
});

type Step = { conversation: number; event: "message" | "answer" | "crash" | "wait"; ms: number };
const steps = fc.array(
  fc.record({
    conversation: fc.nat(4),
    event: fc.constantFrom("message", "answer", "crash", "wait"),
    ms: fc.integer({ min: 1_000, max: 20 * 60_000 }),
  }),
  { maxLength: 60 },
) satisfies fc.Arbitrary<Step[]>;

/** A fleet that does what plans say: rows and ownership as the reservation writes them, machines without faults. */
function liveThrough(history: Step[], policy: PlanPolicy, check: (rows: WorkerFacts[]) => void) {
  let now = NOW;
  let serial = 0;
  let rows: WorkerFacts[] = [];
  const waiting = new Set<string>();
  const owner = (id: string) =>
    rows.find((row) => row.conversationId === id && row.status !== "stopping");
  const change = (id: string, facts: Partial<WorkerFacts>) =>
    (rows = rows.map((row) => (row.workerId === id ? { ...row, ...facts } : row)));
  for (const { conversation, event, ms } of history) {
    now += ms;
    const id = `c${conversation}`;
    if (event === "message") waiting.add(id);
    const row = owner(id);
    if (event === "answer" && row?.status === "active" && waiting.delete(id))
      change(row.workerId, {
        lastClaimAt: now,
        scheduledShutdownAt: now + policy.scaling.idleTimeoutMs,
      });
    if (event === "crash" && row !== undefined) change(row.workerId, { machineGone: true });
    rows = rows.map((one) => ({
      ...one,
      heartbeatAt: one.machineGone ? one.heartbeatAt : now,
      firstSeenAt: one.firstSeenAt ?? now,
      hasWork: waiting.has(one.conversationId ?? ""),
    }));
    const demand = [...waiting].filter((one) => owner(one) === undefined);
    const observation = { apps: [] };
    const world: World = {
      workers: rows,
      demand: demand.map((one) => ({ conversationId: one, agentKey: "a" })),
      observation,
      appName: "app",
      spawnBlock: null,
      orphansSeen: {},
      orphanVolumes: [],
    };
    for (const d of planPass(world, policy, now)) {
      if (d.kind === "spawn")
        rows.push(
          workerFacts({
            workerId: `s${++serial}`,
            machineId: `ms${serial}`,
            conversationId: d.conversationId,
            createdAt: now,
            machineCreatedAt: now,
            firstSeenAt: null,
            lastClaimAt: null,
            scheduledShutdownAt: now + policy.scaling.idleTimeoutMs,
            heartbeatAt: now,
            hasWork: true,
          }),
        );
      if (d.kind === "drain")
        change(d.workerId, { status: "draining", drainDeadlineAt: now + 180_000 });
      if (d.kind === "stop") change(d.workerId, { status: "stopping" });
      if (d.kind === "teardown") rows = rows.filter((one) => one.workerId !== d.workerId);
    }
    check(rows);
  }
  return { rows, waiting };
}

describe("pass after pass", () => {
  test("the cap holds, and no conversation ever has two workers", () => {
    let spawned = 0;
    fc.assert(
      fc.property(steps, policies, (history, policy) => {
        liveThrough(history, policy, (rows) => {
          expect(countMachines(rows)).toBeLessThanOrEqual(policy.scaling.maxWorkers);
          const owners = rows.filter((row) => row.status !== "stopping");
          expect(new Set(owners.map((row) => row.conversationId)).size).toBe(owners.length);
          spawned += rows.length;
        });
      }),
      { numRuns: 300, seed: 7 },
    );
    expect(spawned).toBeGreaterThan(500);
  });

  test("every waiting conversation gets its worker in the end, however small the fleet", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 3 }), (history, maxWorkers) => {
        const tail: Step[] = Array.from({ length: 120 }, (_, i) => ({
          conversation: i % 5,
          event: "answer",
          ms: 60_000,
        }));
        const { waiting } = liveThrough([...history, ...tail], policyOf({ maxWorkers }), () => {});
        expect([...waiting]).toEqual([]);
      }),
      { numRuns: 100, seed: 7 },
    );
  });

  test("a fleet without messages is gone an idle time and a drain later", () => {
    fc.assert(
      fc.property(steps, (history) => {
        const policy = policyOf({ maxWorkers: 3, spawnStep: 3 });
        const tail = (event: Step["event"]): Step[] =>
          Array.from({ length: 80 }, (_, i) => ({ conversation: i % 5, event, ms: 60_000 }));
        const { rows } = liveThrough(
          [...history, ...tail("answer"), ...tail("wait")],
          policy,
          () => {},
        );
        expect(rows).toEqual([]);
      }),
      { numRuns: 100, seed: 7 },
    );
  });
});

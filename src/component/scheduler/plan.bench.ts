/** How long the pure decisions of a pass and a claim take; compare as ratios on one machine. */
import { bench, describe } from "vitest";
import { mergeWithDefaultConfig } from "../config.js";
import { CANDIDATES_BY_RANK, orderCandidates } from "../queue/order.js";
import { planPass, type WorkerFacts, type World } from "./plan.js";

const NOW = 1_800_000_000_000;
const { scaling, lease } = mergeWithDefaultConfig({ scaling: { maxWorkers: 200 } });

function worker(index: number): WorkerFacts {
  return {
    workerId: `afw-${index}`,
    status: "active",
    load: index % 2,
    heartbeatAt: NOW,
    createdAt: NOW - 600_000,
    appName: "app",
    machineId: `m${index}`,
    machineCreatedAt: NOW - 600_000,
    firstSeenAt: NOW - 590_000,
    lastClaimAt: NOW - index * 1_000,
    scheduledShutdownAt: NOW + 60_000,
    drainDeadlineAt: null,
    finalSnapshot: false,
    createAttempts: 1,
    nextCreateAt: null,
    nextTeardownAt: null,
    machineGone: false,
    conversationId: `c${index}`,
    hasWork: index % 2 === 1,
  };
}

function world(workers: number, demand: number): World {
  return {
    workers: Array.from({ length: workers }, (_, i) => worker(i)),
    demand: Array.from({ length: demand }, (_, i) => ({ conversationId: `d${i}`, agentKey: "a" })),
    observation: null,
    appName: "app",
    spawnBlock: null,
    orphansSeen: {},
    orphanVolumes: [],
  };
}

describe("planPass", () => {
  const small = world(10, 10);
  const large = world(200, 100);
  bench("10 workers, 10 conversations wait", () => void planPass(small, { scaling, lease }, NOW));
  bench("200 workers, 100 conversations wait", () => void planPass(large, { scaling, lease }, NOW));
});

describe("orderCandidates", () => {
  const rows = Array.from({ length: CANDIDATES_BY_RANK }, (_, i) => ({
    conversationId: `c${i}`,
    rankAt: NOW + i,
    priority: 50,
  }));
  bench("a full window and a full sample", () => void orderCandidates(rows, rows, () => 0.5));
});

import type { FaultRule } from "./faults.js";

const MINUTE = 60_000;
const BAD_GATEWAY = "<html><body><h1>502 Bad Gateway</h1></body></html>";
const DEADLINE = { kind: "status", status: 408, json: { error: "deadline_exceeded" } } as const;
const LIMITED = {
  kind: "status",
  status: 429,
  json: { error: "resource_exhausted: rate limit exceeded" },
} as const;

/** Known bad days, by name. Each is one rule of the fault engine. */
export const SCENARIOS = {
  ambiguousCreate408: {
    match: { action: "machine_launch" },
    times: 1,
    phase: "after",
    effect: DEADLINE,
  },
  ambiguousCreateReset: {
    match: { action: "machine_launch" },
    times: 1,
    phase: "after",
    effect: { kind: "reset" },
  },
  ambiguousCreate5xx: {
    match: { action: "machine_launch" },
    times: 1,
    phase: "after",
    effect: { kind: "status", status: 502, html: BAD_GATEWAY },
  },
  createNotCommitted: {
    match: { action: "machine_launch" },
    times: 1,
    effect: { kind: "status", status: 503 },
  },
  ambiguousDelete: {
    match: { action: "machine_destroy" },
    times: 1,
    phase: "after",
    effect: { kind: "hang" },
  },
  ambiguousVolumeCreate: {
    match: { action: "volume_create" },
    times: 1,
    phase: "after",
    effect: { kind: "reset" },
  },
  emptyList: {
    match: { action: "machine_list" },
    times: 1,
    effect: { kind: "wrongShape", json: [] },
  },
  plain404: { effect: { kind: "status", status: 404, plain: "404 page not found" }, times: 1 },
  rateStorm: { effect: LIMITED, forMs: MINUTE },
  apiDown: { effect: { kind: "reset" }, forMs: 10 * MINUTE },
  slowApi: { effect: { kind: "delay", ms: 15_000 } },
} satisfies Record<string, FaultRule>;

export type Scenario = keyof typeof SCENARIOS;

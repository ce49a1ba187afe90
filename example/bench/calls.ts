/** How often Convex and Fly are called: for a thousand messages, and for an hour in which nobody writes. */
import { api, internal } from "../../src/component/_generated/api.js";
import {
  GATEWAY_FUNCTIONS,
  type GatewayFunctionName,
} from "../../src/component/gateway/protocol.js";
import type { Watcher } from "../sim/world.js";
import { playScene, type Scene } from "./scene.js";

export type Calls = {
  scene: string;
  /** Calls of the app: `enqueue`, and the cron of the README. */
  app: number;
  /** Each is one HTTP action and the query or mutation in it. */
  gatewayQueries: number;
  gatewayMutations: number;
  /** Those of the mutations that asked for work and got none. */
  emptyPolls: number;
  /** Functions that the scheduler started, by the component's own wish. */
  scheduled: number;
  /** Queries, mutations and actions called by the component's actions: the steps of passes. */
  fromActions: number;
  /** By action of Fly's API. */
  fly: Record<string, number>;
};

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const APP_CRON_MS = 5 * MINUTE_MS;
/** Until the agent's answer and the machine's end, whatever the scene. */
const SETTLED_AFTER_MS = 2 * HOUR_MS;

type State = { kind: string };

class Counter {
  app = 0;
  gatewayQueries = 0;
  gatewayMutations = 0;
  emptyPolls = 0;
  scheduled = 0;
  fromActions = 0;
  #flyBefore = 0;

  readonly watcher: Watcher = {
    called: (_worker, name, _args, value) => {
      if (name === "workerPoll" && Reflect.get(Object(value), "kind") === "idle")
        this.emptyPolls += 1;
      const { runs } = GATEWAY_FUNCTIONS[name as GatewayFunctionName];
      if (runs === "query") this.gatewayQueries += 1;
      else this.gatewayMutations += 1;
    },
    step: () => void (this.fromActions += 1),
    wrote: (writes) => {
      for (const { table, before, after } of writes) {
        if (table !== "_scheduled_functions" || after === null) continue;
        const kind = (after["state"] as State).kind;
        const was = (before?.["state"] as State | undefined)?.kind;
        if (kind === "inProgress" && was !== "inProgress") this.scheduled += 1;
      }
    },
  };

  reset(scene: Scene): void {
    this.app = this.gatewayQueries = this.gatewayMutations = this.emptyPolls = 0;
    this.scheduled = this.fromActions = 0;
    this.#flyBefore = scene.world.fly.control.log().length;
  }

  read(scene: Scene, name: string): Calls {
    const fly: Record<string, number> = {};
    for (const { action } of scene.world.fly.control.log().slice(this.#flyBefore))
      fly[action ?? "unknown"] = (fly[action ?? "unknown"] ?? 0) + 1;
    const { app, gatewayQueries, gatewayMutations, emptyPolls, scheduled, fromActions } = this;
    const gateway = { gatewayQueries, gatewayMutations, emptyPolls };
    return { scene: name, app, ...gateway, scheduled, fromActions, fly };
  }
}

export type Traffic = { conversations: number; perConversation: number; everyMs: number };

/** Conversations that write at a steady pace, each message after the answer to the last one; until all are answered. */
export async function measureTraffic(traffic: Traffic, seed: number): Promise<Calls> {
  const { conversations, perConversation, everyMs } = traffic;
  const messages = conversations * perConversation;
  const counter = new Counter();
  return await playScene(seed, conversations, counter.watcher, async (scene) => {
    counter.reset(scene);
    const { database } = scene.world;
    const begunAt = scene.now();
    for (let n = 0; n < messages; n++) {
      await scene.run({ at: begunAt + Math.round((n * everyMs) / conversations) });
      await scene.enqueue(`chat:${n % conversations}`, `message ${n}`);
      counter.app += 1;
    }
    const open = () => database.rows("messageQueue").some((row) => row["status"] !== "done");
    await scene.run({ done: () => !open() });
    if (database.rows("messageQueue").length !== messages) throw new Error("Messages are missing.");
    return perThousand(counter.read(scene, "1,000 messages"), messages);
  });
}

function perThousand({ scene, fly, ...counts }: Calls, messages: number): Calls {
  const scale = (calls: Record<string, number>) =>
    Object.fromEntries(
      Object.entries(calls).map(([name, count]) => [name, Math.round((count * 1_000) / messages)]),
    );
  return { ...(scale(counts) as typeof counts), scene, fly: scale(fly) };
}

const CRONS = [
  internal.retention.sweeper.run,
  internal.push.dispatcher.run,
  internal.scheduler.loop.patrol,
] as const;

/** An hour of the app's cron and the component's own, from now on. */
async function idleHour(scene: Scene, counter: Counter, crons: "app" | "all"): Promise<void> {
  const begunAt = scene.now();
  for (let at = APP_CRON_MS; at <= HOUR_MS; at += APP_CRON_MS) {
    await scene.run({ at: begunAt + at });
    counter.app += 1;
    let done = false;
    const call = scene.world.t.action(api.lib.reconcileWorkers, {}).then(() => (done = true));
    await scene.run({ done: () => done });
    await call;
  }
  if (crons === "app") return;
  for (const cron of CRONS) {
    counter.scheduled += 1;
    await scene.world.t.mutation(cron, {});
  }
  await scene.run({ at: scene.now() + MINUTE_MS });
}

export const IDLE = {
  leaving: "hour after the last answer",
  asleep: "idle hour, the app's cron",
  patrolled: "idle hour, all crons",
} as const;

/** Hours without a message: while a worker waits for its idle timeout and goes, and when all is gone. */
export async function measureIdle(seed: number): Promise<Calls[]> {
  const counter = new Counter();
  return await playScene(seed, 1, counter.watcher, async (scene) => {
    const found: Calls[] = [];
    const measure = async (name: string, crons: "app" | "all") => {
      counter.reset(scene);
      await idleHour(scene, counter, crons);
      found.push(counter.read(scene, name));
    };
    const { database, fly } = scene.world;
    await scene.enqueue("chat:1", "message 1");
    const answered = () => database.rows("messageQueue").every((row) => row["status"] === "done");
    await scene.run({ done: answered });
    await measure(IDLE.leaving, "app");
    await scene.run({ at: scene.now() + SETTLED_AFTER_MS });
    fly.control.expectNoCost();
    await measure(IDLE.asleep, "app");
    await measure(IDLE.patrolled, "all");
    return found;
  });
}

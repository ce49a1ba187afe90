/** How long a burst takes: one message in each of many conversations at once, in virtual time, phase by phase. */
import type { Row } from "../sim/database.js";
import type { Watcher } from "../sim/world.js";
import { playScene } from "./scene.js";

/** What a message waits for, in this order; each phase begins where the one before it ends. */
export const PHASES = [
  "a place in the fleet",
  "Fly's rate limit and the volume",
  "the machine, placed and booted",
  "the worker's start and restore",
  "claim",
  "hydration",
  "the agent",
  "delivery",
  "completion",
] as const;
export type Phase = (typeof PHASES)[number];

export type Drain = {
  conversations: number;
  maxWorkers: number;
  /** From the burst to the last message that is done. */
  drainMs: number;
  /** Waiting and serving time of all messages together, and what each phase takes of it. */
  totalMs: number;
  phases: Record<Phase, number>;
  medianMs: number;
  done: number;
  /** Machines of ours at one time, by Fly's count and not counting those being destroyed. */
  peakMachines: number;
  machines: number;
};

type Worker = Row & { workerId: string; assignment?: { conversationId: string } };
/** When each phase ended. */
type Ends = Map<Phase, number>;

export async function measureDrain(
  conversations: number,
  maxWorkers: number,
  seed: number,
): Promise<Drain> {
  const ends = new Map<string, Ends>();
  const conversationOf = new Map<string, string>();
  const note = (workerId: string, phase: Phase, at: number) => {
    const conversationId = conversationOf.get(workerId);
    if (conversationId === undefined) throw new Error(`${workerId} is nobody's worker.`);
    ends.get(conversationId)?.set(phase, at);
  };
  const watcher: Watcher = {
    wrote: (writes, at) => {
      for (const { table, before, after } of writes) {
        if (table !== "workers" || before !== null || after === null) continue;
        const { workerId, assignment } = after as Worker;
        if (assignment === undefined) continue;
        conversationOf.set(workerId, assignment.conversationId);
        note(workerId, "a place in the fleet", at);
      }
    },
    started: (machine, at) => note(machine, "the machine, placed and booted", at),
    called: (worker, name, args, value, at) => {
      if (name === "workerReady") note(worker, "the worker's start and restore", at);
      if (name === "workerPoll" && Reflect.get(Object(value), "kind") === "job")
        note(worker, "claim", at);
      if (name === "workerHydrationBundle") note(worker, "hydration", at);
      if (name === "workerStoreAnswer") note(worker, "the agent", at);
      if (name === "workerRecordDelivery" && Reflect.get(args, "state") === "sent")
        note(worker, "delivery", at);
      if (name === "workerComplete" && value === true) note(worker, "completion", at);
    },
  };
  return await playScene(seed, maxWorkers, watcher, async (scene) => {
    const begunAt = scene.now();
    for (let n = 0; n < conversations; n++) {
      ends.set(`chat:${n}`, new Map());
      await scene.enqueue(`chat:${n}`, `message ${n}`);
    }
    const { database, fly } = scene.world;
    const done = () => database.rows("messageQueue").filter((row) => row["status"] === "done");
    let peakMachines = 0;
    await scene.run(
      { done: () => [...ends.values()].every((one) => one.has("completion")) },
      () => {
        const live = fly.control.machines().filter(({ state }) => !state.startsWith("destroy"));
        peakMachines = Math.max(peakMachines, live.length);
      },
    );
    for (const { action, status, at, body } of fly.control.log())
      if (action === "machine_launch" && status === 200)
        note(
          String(Reflect.get(JSON.parse(body) as object, "name")),
          "Fly's rate limit and the volume",
          at,
        );
    return {
      ...{ conversations, maxWorkers, drainMs: scene.now() - begunAt },
      ...summed([...ends.values()], begunAt),
      ...{ done: done().length, peakMachines, machines: conversationOf.size },
    };
  });
}

function summed(all: readonly Ends[], begunAt: number) {
  const phases = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>;
  const totals: number[] = [];
  for (const ends of all) {
    let before = begunAt;
    for (const phase of PHASES) {
      const end = ends.get(phase);
      if (end === undefined || end < before) throw new Error(`'${phase}' ends before it begins.`);
      phases[phase] += end - before;
      before = end;
    }
    totals.push((ends.get("completion") ?? Infinity) - begunAt);
  }
  totals.sort((a, b) => a - b);
  const totalMs = totals.reduce((sum, one) => sum + one, 0);
  return { phases, totalMs, medianMs: totals[Math.floor(totals.length / 2)] ?? 0 };
}

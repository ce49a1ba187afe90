/** The simulator's world without faults, in which the benchmarks watch what happens. */
import { api } from "../../src/component/_generated/api.js";
import { DEFAULT_CONFIG } from "../../src/component/config.js";
import type { Setting } from "../sim/setting.js";
import { onStage, settle, tidy } from "../sim/stage.js";
import { AGENT } from "../sim/asking.js";
import type { Watcher, World } from "../sim/world.js";

const SECOND_MS = 1_000;

/** What is assumed about everything that is not the component. Fly's own times are those of the local Fly, `usual`. */
export const CONDITIONS = {
  bootMs: [6 * SECOND_MS, 12 * SECOND_MS],
  thoughtMs: [5 * SECOND_MS, 20 * SECOND_MS],
} as const;

function settingOf(maxWorkers: number): Setting {
  const { lease, scaling } = DEFAULT_CONFIG;
  return {
    ...{ maxWorkers, conversations: [], chats: [], onUnknown: "silence", budget: null },
    ...{ leaseMs: lease.leaseMs, heartbeatMs: lease.heartbeatIntervalMs },
    ...{ ...CONDITIONS, laziness: 0, busy: 0, quiet: 0 },
    policy: { scaling: { ...scaling, maxWorkers, spawnStep: maxWorkers } },
  };
}

/** `steps` of a scene end by themselves; this is for one that never does. */
const MAX_STEPS = 400_000;
const MAX_STILL = 100;
const TIDY_EVERY = 200;

export class Scene {
  constructor(readonly world: World) {}

  now(): number {
    return this.world.clock.now();
  }

  async enqueue(conversationId: string, text: string): Promise<string> {
    return await this.world.t.mutation(api.lib.enqueue, {
      ...{ conversationId, agentKey: AGENT, idempotencyKey: text },
      payload: { provider: "system_push", providerUserId: "user-1", messageText: text },
    });
  }

  /** Lets time go by, entry by entry, until `done` or until `at`. */
  async run(until: { done?: () => boolean; at?: number }, onStep?: () => void): Promise<void> {
    const { clock } = this.world;
    const end = until.at ?? Infinity;
    // The clock is to stand at the end, not at the last thing before it.
    if (until.at !== undefined) clock.schedule(end - clock.now(), () => undefined);
    for (let step = 1, still = 0; until.done?.() !== true; step++) {
      const next = clock.nextAt();
      if (next !== null && next > end) return;
      // Something may go on without any timer, but not for long.
      still = clock.step() ? 0 : still + 1;
      if (step > MAX_STEPS || still > MAX_STILL)
        throw new Error("The scene does not come to its end.");
      await settle();
      onStep?.();
      const { violation } = this.world;
      if (violation !== null) throw violation;
      if (step % TIDY_EVERY === 0) tidy(this.world);
      if (until.done === undefined && clock.nextAt() === null) return;
    }
  }
}

/** Plays a scene with at most so many machines; the same seed gives the same scene. */
export async function playScene<R>(
  seed: number,
  maxWorkers: number,
  watcher: Watcher,
  play: (scene: Scene) => Promise<R>,
): Promise<R> {
  return await onStage(
    { seed, steps: 0, faults: [] },
    async (world) => await play(new Scene(world)),
    { setting: settingOf(maxWorkers), watcher },
  );
}

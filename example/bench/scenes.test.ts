import { expect, test } from "vitest";
import { IDLE, measureIdle, measureTraffic } from "./calls.js";
import { measureDrain, PHASES } from "./drain.js";

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);

test("a burst is answered wholly, within the cap, and sooner by more workers", async () => {
  const few = await measureDrain(8, 1, 1);
  const many = await measureDrain(8, 4, 1);
  for (const drain of [few, many]) {
    expect(drain.done).toBe(8);
    expect(drain.peakMachines).toBe(drain.maxWorkers);
    expect(Object.keys(drain.phases)).toEqual([...PHASES]);
    expect(sum(drain.phases)).toBe(drain.totalMs);
    expect(drain.phases["the agent"]).toBeGreaterThan(8 * 5_000);
    expect(drain.medianMs).toBeLessThan(drain.drainMs);
  }
  expect(many.drainMs).toBeLessThan(few.drainMs / 2);
});

test("the same seed measures the same, to the byte", async () => {
  const run = async (seed: number) => JSON.stringify(await measureDrain(3, 2, seed));
  expect(await run(7)).toBe(await run(7));
  expect(await run(8)).not.toBe(await run(7));
});

test("messages are counted per thousand, with all that they take", async () => {
  const calls = await measureTraffic({ conversations: 2, perConversation: 2, everyMs: 30_000 }, 1);
  expect(calls.app).toBe(1_000);
  // One bundle per message.
  expect(calls.gatewayQueries).toBe(1_000);
  expect(calls.fly["machine_launch"]).toBe(500);
  expect(calls.emptyPolls).toBeGreaterThan(0);
  // Poll, answer, at least one part begun and sent, completed.
  expect(calls.gatewayMutations - calls.emptyPolls).toBeGreaterThanOrEqual(5_000);
});

test("an idle hour calls nobody but by cron: one function each, and no provider", async () => {
  const idle = new Map((await measureIdle(1)).map((calls) => [calls.scene, calls]));
  const asleep = idle.get(IDLE.asleep);
  expect(asleep).toMatchObject({ app: 12, fromActions: 12, scheduled: 0, fly: {} });
  expect(asleep).toMatchObject({ gatewayQueries: 0, gatewayMutations: 0, emptyPolls: 0 });
  // The hourly patrol looks for leaks: one list of each kind.
  expect(idle.get(IDLE.patrolled)?.fly).toEqual({ machine_list: 1, volume_list: 1 });
  const leaving = idle.get(IDLE.leaving);
  expect(leaving?.emptyPolls).toBeGreaterThan(0);
  expect(leaving?.fly["machine_launch"]).toBe(undefined);
  expect(leaving?.fly["machine_destroy"]).toBe(1);
});

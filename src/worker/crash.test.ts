/** What no single test would think of: a fault at every call, a death at every step. */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import type { Fault } from "./gateway.fixture.js";
import { createBench, scriptedEngine, type Bench } from "./run.fixture.js";
import { telegram, TELEGRAM_TOKEN } from "./telegram.fixture.js";
import type { Transport } from "./transport.js";

let bench: Bench;
afterEach(() => bench.dispose());

const STEPS = [
  "workerReady",
  "workerPoll",
  "workerHydrationBundle",
  "workerStoreAnswer",
  "workerRecordDelivery:sending",
  "workerRecordDelivery:sent",
  "workerRecordDelivery:failed",
  "workerComplete",
  "workerPrepareSnapshotUpload",
  "workerFinalizeSnapshotUpload",
  "upload",
];

test("whatever answers get lost: one run, one delivery, one history, one chain", async () => {
  const fault = fc.constantFrom<Fault>("lost", "network", 500, 429);
  const script = fc.record(
    Object.fromEntries(STEPS.map((step) => [step, fc.array(fault, { maxLength: 3 })])),
  );
  await fc.assert(
    fc.asyncProperty(script, async (faults) => {
      bench = await createBench({ conversationId: "c1", telegramBotToken: TELEGRAM_TOKEN });
      const message = bench.fake.enqueue("hello", { provider: "telegram" });
      for (const [step, list] of Object.entries(faults)) bench.fake.fault(step, ...list);
      const engine = scriptedEngine(() => "word ".repeat(1_500));
      const { sent, fetch } = telegram();
      bench.stopWhen(() => message.status === "done");
      expect(await bench.clock.drive(bench.start({ engine, fetch }).exit)).toBe(0);
      expect(message).toMatchObject({ status: "done", attempts: 0 });
      expect(message.answer?.parts.map((part) => part.state)).toEqual(["sent", "sent"]);
      expect(sent).toHaveLength(2);
      expect(engine.runs).toHaveLength(1);
      expect(bench.fake.history).toHaveLength(2);
      expect(bench.fake.head()?.lineage).toBe("main");
      await bench.dispose();
    }),
    { numRuns: 40 },
  );
});

/** A transport whose process dies at the n-th call, before or after the call had its effect. */
function mortal(transport: Transport, diesAt: number, when: "before" | "after"): Transport {
  let calls = 0;
  const never = new Promise<never>(() => undefined);
  return async (kind, fn, args) => {
    const call = ++calls;
    if (call < diesAt) return transport(kind, fn, args);
    if (call === diesAt && when === "after") await transport(kind, fn, args);
    return never;
  };
}

describe.each(["silence", "duplicate"] as const)("under %s", (onUnknown) => {
  describe.each(["before", "after"] as const)("a worker that dies %s", (when) => {
    // latest snapshot, ready, poll, hydrate, store, sending, sent, complete
    test.each([1, 2, 3, 4, 5, 6, 7, 8])("call %i", async (diesAt) => {
      bench = await createBench({
        conversationId: "c1",
        telegramBotToken: TELEGRAM_TOKEN,
        onUnknown,
      });
      const { fake, clock } = bench;
      const message = fake.enqueue("hello", { provider: "telegram" });
      const engine = scriptedEngine(() => "hi");
      const { sent, fetch } = telegram();
      const transport = mortal(fake.transport, diesAt, when);
      void bench.start({ engine, fetch, transport }).exit;
      await clock.advance(1_000);
      const storedBefore = message.answer !== null;
      const runsBefore = engine.runs.length;

      bench.stopWhen(() => message.status === "done");
      const second = bench.start({ engine, fetch, dir: await bench.newDataDir() });
      // The gateway gives the job to any holder of the worker's identity; a new machine waits for the lease.
      expect(await clock.drive(second.exit)).toBe(0);
      expect(message.status).toBe("done");
      expect(fake.history).toHaveLength(2);
      if (storedBefore) expect(engine.runs).toHaveLength(runsBefore);
      const state = message.answer?.parts[0]?.state;
      if (onUnknown === "silence") {
        expect(sent.length).toBeLessThanOrEqual(1);
        expect(state === "unknown" || sent.length === 1).toBe(true);
      } else {
        expect(sent.length).toBeGreaterThanOrEqual(1);
        expect(state).toBe("sent");
      }
    });
  });
});

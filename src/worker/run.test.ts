import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { createBench, scriptedEngine, type Bench } from "./run.fixture.js";

let bench: Bench;
afterEach(() => bench.dispose());

describe("a worker's life", () => {
  test("answers, saves its memory and ends when told to", async () => {
    bench = await createBench({ conversationId: "c1" });
    const message = bench.fake.enqueue("hello");
    bench.stopWhen(() => message.status === "done");
    expect(await bench.clock.drive(bench.start().exit)).toBe(0);
    expect(message.answer).toEqual({
      text: 'You said: "hello". I remember 0 earlier messages.',
      parts: [
        { text: 'You said: "hello". I remember 0 earlier messages.', state: "sent", sequence: 2 },
      ],
    });
    expect(bench.fake.history.map((entry) => entry.role)).toEqual(["user", "assistant"]);
    expect(bench.fake.head()).toMatchObject({ reason: "drain", status: "ready", parent: null });
    expect(bench.events()).toEqual([
      ...["boot", "restored", "ready", "claimed", "hydrated", "answer_ready", "answer_stored"],
      ...["delivered", "completed", "draining", "snapshot_uploaded", "exit"],
    ]);
  });

  test("the memory moves to the next machine", async () => {
    bench = await createBench({ conversationId: "c1" });
    const first = bench.fake.enqueue("one");
    bench.stopWhen(() => first.status === "done");
    await bench.clock.drive(bench.start().exit);
    bench.fake.state.stop = null;
    const second = bench.fake.enqueue("two");
    bench.stopWhen(() => second.status === "done");
    const dir = await bench.newDataDir();
    await bench.clock.drive(bench.start({ dir }).exit);
    expect(second.answer?.text).toBe(
      'You said: "two". I remember 1 earlier message; the last one was: "one".',
    );
    expect(bench.fake.state.restoredSnapshotId).toBe(bench.fake.snapshots[0]?.snapshotId);
    expect(bench.fake.snapshots.map((row) => [row.parent, row.lineage])).toEqual([
      [null, "main"],
      [bench.fake.snapshots[0]?.snapshotId, "main"],
    ]);
    const memory = await readFile(join(dir, "workspace/memory.json"), "utf8");
    expect(JSON.parse(memory)).toMatchObject({ turns: 2 });
  });

  test("a free worker restores when its first message tells it the conversation", async () => {
    bench = await createBench({ conversationId: "c1" });
    const first = bench.fake.enqueue("one");
    bench.stopWhen(() => first.status === "done");
    await bench.clock.drive(bench.start().exit);
    const { fake } = bench;
    fake.state.stop = null;
    fake.state.conversationId = null;
    const second = fake.enqueue("two");
    bench.stopWhen(() => second.status === "done");
    const dir = await bench.newDataDir();
    await bench.clock.drive(bench.start({ dir, free: true }).exit);
    expect(second.answer?.text).toContain("I remember 1 earlier message");
    const order = fake.calls.map((call) => call.fn);
    expect(order.lastIndexOf("workerLatestSnapshotForRestore")).toBeLessThan(
      order.lastIndexOf("workerHydrationBundle"),
    );
    expect(fake.head()?.parent).toBe(fake.snapshots[0]?.snapshotId);
  });

  test("a worker that never claimed and restored nothing uploads nothing", async () => {
    bench = await createBench({ conversationId: "c1" });
    bench.fake.state.stop = "idle";
    expect(await bench.clock.drive(bench.start().exit)).toBe(0);
    expect(bench.fake.snapshots).toEqual([]);
  });

  test("an idle hour costs one call per interval", async () => {
    bench = await createBench({ conversationId: "c1", idleMs: 15_000 });
    const worker = bench.start();
    await bench.clock.advance(3_600_000 - 1);
    const { calls } = bench.fake;
    const polls = calls.filter((call) => call.fn === "workerPoll");
    expect(polls).toHaveLength(240);
    const gaps = polls.slice(1).map((poll, i) => poll.at - (polls[i]?.at ?? 0));
    expect(new Set(gaps)).toEqual(new Set([15_000]));
    expect(calls.length - polls.length).toBe(4); // latest snapshot, skills, their report, ready
    worker.sigterm();
    expect(await bench.clock.drive(worker.exit)).toBe(0);
    expect(bench.fake.snapshots).toEqual([]);
  });

  test("saves once when the queue goes quiet, and again only after a change", async () => {
    bench = await createBench({ conversationId: "c1", idleMs: 15_000 });
    const message = bench.fake.enqueue("hello");
    const worker = bench.start();
    await bench.clock.advance(60_000);
    expect(message.status).toBe("done");
    expect(bench.fake.snapshots.map((row) => row.reason)).toEqual(["manual"]);
    await bench.clock.advance(3_600_000);
    expect(bench.fake.snapshots).toHaveLength(1);
    bench.fake.enqueue("again");
    await bench.clock.advance(60_000);
    expect(bench.fake.snapshots.map((row) => row.lineage)).toEqual(["main", "main"]);
    bench.fake.state.stop = "idle";
    expect(await bench.clock.drive(worker.exit)).toBe(0);
    expect(bench.fake.head()?.reason).toBe("drain");
  });

  test("a queue that is never quiet is saved every interval", async () => {
    bench = await createBench({
      conversationId: "c1",
      settings: { AGENT_FACTORY_SNAPSHOT_INTERVAL_MS: "60000" },
    });
    for (let i = 0; i < 30; i++) bench.fake.enqueue("/slow 10000");
    bench.stopWhen(() => bench.fake.messages.every((row) => row.status === "done"));
    await bench.clock.drive(bench.start().exit);
    expect(bench.fake.snapshots.length).toBeGreaterThanOrEqual(4);
    expect(bench.fake.snapshots.every((row) => row.lineage === "main")).toBe(true);
  });

  test("a backend that is gone for long ends the worker", async () => {
    bench = await createBench({ conversationId: "c1" });
    const worker = bench.start();
    await bench.clock.advance(20_000);
    const since = bench.clock.now();
    bench.fake.fault("workerPoll", ...Array.from({ length: 5_000 }, () => "network" as const));
    expect(await bench.clock.drive(worker.exit)).toBe(1);
    const minutes = (bench.clock.now() - since) / 60_000;
    expect(minutes).toBeGreaterThan(15);
    expect(minutes).toBeLessThan(17);
    expect(bench.fake.calls.length).toBeLessThan(80);
  });

  test("a short outage does not", async () => {
    bench = await createBench({ conversationId: "c1" });
    bench.fake.fault("workerPoll", 503, "network", "lost", 500);
    const message = bench.fake.enqueue("hello");
    bench.stopWhen(() => message.status === "done");
    expect(await bench.clock.drive(bench.start().exit)).toBe(0);
  });

  test("an unknown token ends the worker with 4 and changes nothing", async () => {
    bench = await createBench({ conversationId: "c1" });
    const worker = bench.start({ engine: scriptedEngine(() => "never") });
    await bench.clock.advance(20_000);
    bench.fake.state.tokenValid = false;
    expect(await bench.clock.drive(worker.exit)).toBe(4);
    expect(bench.fake.count("workerPrepareSnapshotUpload")).toBe(0);
  });

  test("a message of another conversation is handed back, and the worker ends", async () => {
    bench = await createBench({ conversationId: "c1" });
    const foreign = bench.fake.enqueue("hello", { conversationId: "c1", agentKey: "other" });
    expect(await bench.clock.drive(bench.start().exit)).toBe(1);
    expect(foreign).toMatchObject({ status: "queued", attempts: 0, answer: null });
  });

  test("a restarted process keeps its memory and knows its parent", async () => {
    bench = await createBench({ conversationId: "c1" });
    const { fake } = bench;
    const first = fake.enqueue("one");
    bench.stopWhen(() => first.status === "done");
    await bench.clock.drive(bench.start().exit);
    fake.state.stop = null;
    const second = fake.enqueue("two");
    bench.stopWhen(() => second.status === "done");
    await bench.clock.drive(bench.start().exit);
    expect(second.answer?.text).toContain("I remember 1 earlier message");
    expect(fake.state.restoredSnapshotId).toBe(fake.snapshots[0]?.snapshotId);
    expect(fake.head()?.snapshotId).toBe(fake.snapshots.at(-1)?.snapshotId);
  });

  test("an engine that does not start ends the worker before it claims", async () => {
    bench = await createBench({ conversationId: "c1" });
    const message = bench.fake.enqueue("hello");
    const engine = scriptedEngine(() => "never");
    engine.start = () => Promise.reject(new Error("no model"));
    expect(await bench.clock.drive(bench.start({ engine }).exit)).toBe(1);
    expect(message.status).toBe("queued");
    expect(bench.fake.count("workerPoll")).toBe(0);
  });

  test("a secret of the engine is read neither in an error nor in a log", async () => {
    bench = await createBench({ conversationId: "c1" });
    const message = bench.fake.enqueue("hello");
    const secret = "plain-looking-value";
    const engine = {
      ...scriptedEngine(() => Promise.reject(new Error(`refused: ${secret} is no key`))),
      secrets: [secret],
    };
    bench.stopWhen(() => bench.fake.count("workerFail") > 0);
    await bench.clock.drive(bench.start({ engine }).exit);
    const told = JSON.stringify([message, bench.lines()]);
    expect(told).toContain("refused: [secret] is no key");
    expect(told).not.toContain(secret);
  });

  test("what an engine left behind that did not start never becomes the memory", async () => {
    bench = await createBench({ conversationId: "c1" });
    const first = bench.fake.enqueue("one");
    bench.stopWhen(() => first.status === "done");
    await bench.clock.drive(bench.start().exit);
    bench.fake.state.stop = null;
    const head = bench.fake.head()?.snapshotId;
    const engine = scriptedEngine(() => "never");
    engine.start = async ({ dataDir }) => {
      await writeFile(join(dataDir, "workspace/half-migrated.txt"), "x");
      throw new Error("too new");
    };
    const dir = await bench.newDataDir();
    expect(await bench.clock.drive(bench.start({ engine, dir }).exit)).toBe(1);
    expect(bench.fake.head()?.snapshotId).toBe(head);
    expect(bench.fake.count("workerPrepareSnapshotUpload")).toBe(1);
  });
});

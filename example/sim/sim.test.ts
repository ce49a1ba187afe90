import { afterEach, expect, test, vi } from "vitest";
import { readCorpus, toOptions } from "./corpus.js";
import { readOptions } from "./options.js";
import { simulate } from "./run.js";
import { shrink } from "./shrink.js";
import { FAULTS } from "./weather.js";

afterEach(() => vi.restoreAllMocks());

test.each(readCorpus())("keeps every promise: $name (seed $seed)", async (entry) => {
  const { violation, lines, struck } = await simulate(toOptions(entry));
  expect(violation?.message ?? "", lines.slice(-40).join("\n")).toBe("");
  // A schedule of which something does not happen any more proves nothing: it is to be landed anew.
  expect(struck).toEqual(expect.arrayContaining(entry.only ?? []));
});

test("the same seed gives the same trace, to the byte", async () => {
  const run = async (seed: number) =>
    (await simulate({ seed, steps: 120, faults: FAULTS, fullTrace: true })).lines.join("\n");
  const first = await run(4242);
  expect(first.length).toBeGreaterThan(5_000);
  expect(await run(4242)).toBe(first);
});

test("a run without faults answers everything once and kills nothing", async () => {
  const { violation, counts } = await simulate({ seed: 8, steps: 300, faults: [] });
  expect(violation).toBe(null);
  expect(counts["messages"]).toBeGreaterThan(2);
  expect(counts["dead"]).toBe(0);
  expect(counts["done"]).toBe(counts["messages"]);
  expect(counts["replies"]).toBeGreaterThan(counts["messages"] ?? Infinity);
});

test("a broken promise is found, and shrunk to what it takes", async () => {
  // Telegram that hears everything twice: nobody can keep the promise.
  const { Chats } = await import("./chats.js");
  const send = Chats.prototype.send;
  vi.spyOn(Chats.prototype, "send").mockImplementation(function (
    this: InstanceType<typeof Chats>,
    reply,
    token,
    key,
  ) {
    void send.call(this, reply, token, key);
    return send.call(this, reply, token, `${key}/again`);
  });
  const options = { seed: 5, steps: 150, faults: FAULTS };
  const found = await simulate(options);
  expect(found.violation?.invariant).toBe("sent once, heard once");
  const shrunk = await shrink(options, 60);
  expect(shrunk?.result.violation?.invariant).toBe("sent once, heard once");
  expect(shrunk?.schedule.only).toHaveLength(1);
  expect(shrunk?.schedule.only[0]).toMatch(/^(enqueue|say)\//);
  expect(found.struck.length).toBeGreaterThan(1);
});

test("the command line names what it does not know", () => {
  expect(readOptions(["--seed", "7", "--faults", "crash, lostAnswer"])).toMatchObject({
    seed: 7,
    faults: ["crash", "lostAnswer"],
  });
  expect(() => readOptions(["--faults", "crash,rain"])).toThrow("There is no fault 'rain'");
  expect(() => readOptions(["--steps", "many"])).toThrow("--steps must be a whole number");
});

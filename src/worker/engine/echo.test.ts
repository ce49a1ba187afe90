import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { virtualClock } from "../clock.fixture.js";
import { createEchoEngine, parseEchoCommand } from "./echo.js";
import { EngineError, type Engine } from "./engine.js";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "afw-echo-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
async function started(options: Parameters<typeof createEchoEngine>[0] = {}): Promise<Engine> {
  const engine = createEchoEngine(options);
  await engine.start({ dataDir, agentKey: "a", conversationId: "c", log });
  return engine;
}
const turn = (messageId: string, userText: string, signal = new AbortController().signal) => ({
  ...{ messageId, userText, signal, conversationId: "c", agentKey: "a" },
  ...{ systemPrompt: null, history: [], attachments: [], timeoutMs: 60_000 },
});

test("remembers across engines, and counts a message once", async () => {
  const first = await started();
  expect((await first.run(turn("m1", "one"))).text).toBe(
    'You said: "one". I remember 0 earlier messages.',
  );
  const again = (await first.run(turn("m1", "one"))).text;
  expect(again).toBe('You said: "one". I remember 0 earlier messages.');
  const second = await started();
  expect((await second.run(turn("m2", "two"))).text).toBe(
    'You said: "two". I remember 1 earlier message; the last one was: "one".',
  );
  // An older message that comes again does not take the count back.
  expect((await second.run(turn("m1", "one"))).text).toBe(again);
  for (let i = 3; i <= 40; i++) await second.run(turn(`m${i}`, `text ${i}`));
  expect((await second.run(turn("m41", "last"))).text).toContain("I remember 40 earlier messages");
  expect(await readdir(join(dataDir, "workspace"))).toEqual(["memory.json"]);
});

test("a crash after the memory was written does not count twice", async () => {
  const crashed: string[] = [];
  const engine = await started({ crash: () => crashed.push("now") });
  await engine.run(turn("m1", "/crash"));
  await engine.run(turn("m1", "/crash"));
  expect(crashed).toEqual(["now", "now"]);
  expect((await engine.run(turn("m2", "hi"))).text).toContain("I remember 1 earlier message;");
});

test("faults on request leave no trace in the memory", async () => {
  const engine = await started();
  const failing = engine.run(turn("m1", "/fail"));
  await expect(failing).rejects.toMatchObject({ name: "EngineError", retryable: true });
  await expect(engine.run(turn("m2", "/refuse"))).rejects.toMatchObject({ retryable: false });
  await expect(engine.run(turn("m2", "/refuse"))).rejects.toBeInstanceOf(EngineError);
  expect((await engine.run(turn("m3", "hi"))).text).toContain("I remember 0 earlier");
});

test("slowness ends at once when aborted", async () => {
  const clock = virtualClock();
  const engine = await started({ clock, delayMs: 1_000 });
  const stop = new AbortController();
  const slow = engine.run(turn("m1", "/slow 5000", stop.signal));
  slow.catch(() => undefined);
  await clock.advance(5_999);
  stop.abort();
  await expect(slow).rejects.toThrow("Aborted");
  const begun = clock.now();
  await clock.drive(engine.run(turn("m1", "/slow 5000")));
  expect(clock.now() - begun).toBe(6_000);
});

test("a damaged memory is an error, not a fresh start", async () => {
  await mkdir(join(dataDir, "workspace"));
  await writeFile(join(dataDir, "workspace/memory.json"), "{");
  const engine = await started();
  await expect(engine.run(turn("m1", "hi"))).rejects.toThrow();
});

test.each([
  ["hello", { kind: "say" }],
  ["/crash", { kind: "crash" }],
  [" /slow 20 ", { kind: "slow", ms: 20 }],
  ["/slow", { kind: "say" }],
  ["/slow -1", { kind: "say" }],
  ["/failing", { kind: "say" }],
])("command %j", (text, command) => {
  expect(parseEchoCommand(text)).toEqual(command);
});

/** A whole worker against the fake gateway, in one process, on a virtual clock. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { virtualClock } from "./clock.fixture.js";
import { createEchoEngine } from "./engine/echo.js";
import type { Engine, Turn } from "./engine/engine.js";
import { parseEnv, type WorkerEnv } from "./env.js";
import { createFakeGateway, type FakeGatewayOptions } from "./gateway.fixture.js";
import { runWorker } from "./run.js";
import type { Transport } from "./transport.js";

export type Bench = Awaited<ReturnType<typeof createBench>>;
type BenchOptions = Omit<FakeGatewayOptions, "now"> & { settings?: Record<string, string> };

type StartOptions = {
  engine?: Engine;
  dir?: string;
  fetch?: typeof globalThis.fetch;
  transport?: Transport;
  /** Reserved for no conversation, whatever the bench says. */
  free?: boolean;
};

export async function createBench(options: BenchOptions = {}) {
  const clock = virtualClock();
  const fake = createFakeGateway({ ...options, now: clock.now });
  const dirs: string[] = [];
  const newDataDir = async () => {
    const dir = await mkdtemp(join(tmpdir(), "afw-test-"));
    dirs.push(dir);
    return dir;
  };
  const dataDir = await newDataDir();
  const logs: Record<string, unknown>[] = [];

  const env = (dir: string, more: Record<string, string> = {}): WorkerEnv =>
    parseEnv({
      AGENT_FACTORY_GATEWAY_URL: "http://gateway.test",
      AGENT_FACTORY_WORKER_TOKEN: "afw_0123456789abcdefghijklmnop",
      WORKER_ID: "w1",
      AGENT_FACTORY_DATA_DIR: dir,
      ...(options.conversationId === undefined
        ? {}
        : {
            OPENCLAW_CONVERSATION_ID: options.conversationId,
            OPENCLAW_AGENT_KEY: options.agentKey ?? "support",
          }),
      ...options.settings,
      ...more,
    });

  return {
    ...{ clock, fake, dataDir, newDataDir, logs, env },
    lines: () => logs,
    events: () => logs.map((line) => String(line["event"])),
    /** Starts a worker; `exit` resolves to its code once somebody drives the clock. */
    start: (start: StartOptions = {}) => {
      const stop = new AbortController();
      const workerEnv = env(start.dir ?? dataDir);
      const exit = runWorker({
        env: { ...workerEnv, ...(start.free ? { conversation: null } : {}) },
        engine: start.engine ?? createEchoEngine({ clock }),
        signal: stop.signal,
        ...{
          clock,
          random: () => 0.5,
          transport: start.transport ?? fake.transport,
          storage: fake.storage,
        },
        ...(start.fetch === undefined ? {} : { fetch: start.fetch }),
        writeLog: (line) => logs.push(JSON.parse(line) as Record<string, unknown>),
      });
      return { exit, sigterm: () => stop.abort() };
    },
    /** Tells the worker to stop at its first poll after this became true. */
    stopWhen: (done: () => boolean) =>
      fake.onCall("workerPoll", () => {
        if (done()) fake.state.stop = "idle";
      }),
    dispose: async () => {
      for (const dir of dirs) await rm(dir, { recursive: true, force: true });
    },
  };
}

/** An engine that counts its runs and answers with what `answer` says. */
export function scriptedEngine(answer: (turn: Turn) => Promise<string> | string): Engine & {
  runs: Turn[];
} {
  const runs: Turn[] = [];
  return {
    name: "scripted",
    runs,
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    run: async (turn) => {
      runs.push(turn);
      return { text: await answer(turn) };
    },
  };
}

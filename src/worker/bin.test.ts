/** The command as a real process, against the fake gateway over HTTP. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFakeGateway, type FakeGateway } from "./gateway.fixture.js";
import { serveGateway, type FixtureServer } from "./server.fixture.js";

const TOKEN = "afw_0123456789abcdefghijklmnop";
const bin = new URL("./bin.ts", import.meta.url).pathname;

let fake: FakeGateway;
let server: FixtureServer;
let dataDir: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  fake = createFakeGateway({ now: Date.now, conversationId: "c1", idleMs: 50 });
  server = await serveGateway(fake, TOKEN);
  dataDir = await mkdtemp(join(tmpdir(), "afw-bin-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await server.close();
  await rm(dataDir, { recursive: true, force: true });
});

function start(more: Record<string, string> = {}) {
  const child = spawn(process.execPath, ["--import", "tsx", bin], {
    env: {
      PATH: process.env["PATH"],
      AGENT_FACTORY_GATEWAY_URL: server.url,
      AGENT_FACTORY_WORKER_TOKEN: TOKEN,
      WORKER_ID: "w1",
      OPENCLAW_CONVERSATION_ID: "c1",
      OPENCLAW_AGENT_KEY: "support",
      AGENT_FACTORY_DATA_DIR: dataDir,
      ...more,
    },
  });
  children.push(child);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { child, exit, output: () => output };
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > 20_000) throw new Error("It did not happen.");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe("agent-factory-worker", () => {
  test("SIGTERM in the middle of a long message: hand back, snapshot, exit 0, within the grace", async () => {
    const done = fake.enqueue("hello");
    const message = fake.enqueue("/slow 60000");
    const worker = start({ AGENT_FACTORY_STOP_GRACE_MS: "6000" });
    await until(() => message.status === "leased");
    const at = Date.now();
    worker.child.kill("SIGTERM");
    expect(await worker.exit).toBe(0);
    expect(Date.now() - at).toBeLessThan(6_000);
    expect(done.status).toBe("done");
    expect(message).toMatchObject({ status: "queued", attempts: 0 });
    expect(fake.head(), worker.output()).toMatchObject({ reason: "signal", status: "ready" });
    expect(worker.output()).not.toContain(TOKEN);
    for (const line of worker.output().trim().split("\n")) expect(line).toMatch(/^\{"at":.*\}$/);
  });

  test("SIGINT in the middle of a short one: it is finished first", async () => {
    const message = fake.enqueue("/slow 700");
    const worker = start({ CONVEX_URL: `${server.url}/${TOKEN}`, AGENT_FACTORY_GATEWAY_URL: "" });
    await until(() => message.status === "leased");
    worker.child.kill("SIGINT");
    expect(await worker.exit).toBe(0);
    expect(message.status).toBe("done");
  });

  test("a crash in the engine, then another machine process: counted once, answered once", async () => {
    const message = fake.enqueue("/crash");
    const first = start();
    expect(await first.exit).toBe(137);
    expect(message.status).toBe("leased");
    message.payload.messageText = "survived";
    const second = start();
    await until(() => message.status === "done");
    second.child.kill("SIGTERM");
    expect(await second.exit).toBe(0);
    expect(message.answer?.text).toContain("I remember 0 earlier messages");
    const memory = await readFile(join(dataDir, "workspace/memory.json"), "utf8");
    expect(JSON.parse(memory)).toMatchObject({ turns: 1 });
  });

  test("killed between storing and delivering: the next process delivers without a run", async () => {
    const message = fake.enqueue("hello");
    const first = start();
    fake.onCall("workerRecordDelivery", () => first.child.kill("SIGKILL"));
    fake.fault("workerRecordDelivery", "network");
    await first.exit;
    expect(message.answer?.parts[0]?.state).toBe("pending");
    const stored = message.answer?.text;
    fake.onCall("workerRecordDelivery", () => undefined);
    const second = start();
    await until(() => message.status === "done");
    second.child.kill("SIGTERM");
    await second.exit;
    expect(message.answer?.text).toBe(stored);
    expect(fake.count("workerStoreAnswer")).toBe(1);
    expect(second.output()).not.toContain("answer_ready");
  });

  test("the memory travels over HTTP to another machine", async () => {
    const one = fake.enqueue("one");
    const first = start();
    await until(() => one.status === "done");
    fake.state.stop = "idle";
    expect(await first.exit).toBe(0);
    fake.state.stop = null;
    await rm(dataDir, { recursive: true });
    const two = fake.enqueue("two");
    const second = start();
    await until(() => two.status === "done");
    fake.state.stop = "idle";
    expect(await second.exit).toBe(0);
    expect(two.answer?.text).toContain('the last one was: "one"');
    expect(fake.snapshots.at(-1)).toMatchObject({ lineage: "main" });
  });

  test.each([
    [{ AGENT_FACTORY_ENGINE: "gpt" }, 2, "AGENT_FACTORY_ENGINE"],
    [{ AGENT_FACTORY_ECHO_DELAY_MS: "soon" }, 2, "AGENT_FACTORY_ECHO_DELAY_MS"],
    [{ WORKER_ID: "" }, 2, "WORKER_ID"],
    [{ AGENT_FACTORY_WORKER_TOKEN: "afw_wrongwrongwrongwrongwrong" }, 4, "exit"],
  ])("%o ends with %i", async (env, code, says) => {
    const worker = start(env);
    expect(await worker.exit).toBe(code);
    expect(worker.output()).toContain(says);
    if (code === 2) expect(worker.output().trim().split("\n")).toHaveLength(1);
    expect(worker.output()).not.toContain("afw_");
  });
});

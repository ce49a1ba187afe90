/** What `npm run test:openclaw` does with the real gateway: each scene drives the published worker as a process. */
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Stage } from "./stage.js";

export type Scene = { name: string; run: (stage: Stage) => Promise<string> };

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

export const SCENES: Scene[] = [
  {
    name: "happy path",
    run: async (stage) => {
      const worker = await stage.startWorker();
      const first = await stage.ask("my favourite colour is teal");
      assert.match(first.text, /favourite colour is teal/);
      const second = await stage.ask("what is it?");
      assert.match(second.text, /the last one was: "my favourite colour is teal"/);
      await worker.stop();
      return `ready in ${seconds(worker.readyMs())}, first answer ${seconds(first.ms)}, warm ${seconds(second.ms)}`;
    },
  },
  {
    name: "memory across a machine replacement",
    run: async (stage) => {
      const before = stage.model.calls.length;
      await stage.newMachine();
      const worker = await stage.startWorker();
      const { text } = await stage.ask("and now?");
      assert.match(text, /I remember 2 earlier; the last one was: "what is it\?"/);
      assert.equal(stage.model.calls.length, before + 1);
      await worker.stop();
      const archive = stage.lastArchive();
      assert.ok(archive.sizeBytes < 2_000_000, `archive of ${archive.sizeBytes} bytes`);
      assert.deepEqual(
        archive.paths.filter((path) => /openclaw\.json|-wal|-shm|cache|identity|\.key$/.test(path)),
        [],
      );
      return `archive ${Math.round(archive.sizeBytes / 1024)} KiB, ${archive.paths.length} entries`;
    },
  },
  {
    name: "tool call; no secret in the agent's shell, config or snapshot",
    run: async (stage) => {
      const worker = await stage.startWorker();
      const { text } = await stage.ask("TOOL env");
      assert.match(text, /The tool said: /);
      assert.match(text, /OPENCLAW_SERVICE_ID=svc/);
      assert.doesNotMatch(text, /sk-local-secret|afw_|AGENT_FACTORY_/);
      assert.deepEqual([...stage.model.keys], ["Bearer sk-local-secret"]);
      for (const path of await filesBelow(stage.dataDir()))
        assert.ok(!(await readFile(path)).includes("sk-local-secret"), path);
      await worker.stop();
      return "exec ran; the provider's key came from the relay alone";
    },
  },
  {
    name: "SIGTERM in the middle of a turn",
    run: async (stage) => {
      const worker = await stage.startWorker();
      const id = stage.send("HANG on the way out");
      await stage.modelCalled("HANG on the way out");
      const begunAt = Date.now();
      assert.equal(await worker.stop(), 0);
      const stoppedMs = Date.now() - begunAt;
      assert.ok(stoppedMs < 60_000, `stopped in ${stoppedMs} ms`);
      assert.ok(stage.handedBack(id), "the message was not handed back");
      stage.drop(id);
      return `handed back and exited in ${seconds(stoppedMs)}`;
    },
  },
  {
    name: "gateway crash in the middle of a turn",
    run: async (stage) => {
      const worker = await stage.startWorker();
      const id = stage.send("SLOW 6000 crash here");
      await stage.modelCalled("SLOW 6000 crash here");
      await worker.killGateway();
      const begunAt = Date.now();
      const text = await stage.answered(id, 300_000);
      assert.match(text, /crash here|You said/);
      assert.equal(worker.count("openclaw_exited"), 1);
      await worker.stop();
      const calls = stage.model.calls.filter((call) => call.includes("crash here")).length;
      return `answered ${seconds(Date.now() - begunAt)} after the crash, ${calls} model calls`;
    },
  },
  {
    name: "model hangs",
    run: async (stage) => {
      const worker = await stage.startWorker({ AGENT_FACTORY_RUN_TIMEOUT_MS: "24000" });
      const id = stage.send("HANG for ever");
      const failure = await stage.failed(id, 180_000);
      assert.equal(failure.retryable, true);
      stage.drop(id);
      assert.match((await stage.ask("still there?")).text, /still there\?/);
      await worker.stop();
      return `failed, retryable; the next message was answered`;
    },
  },
  ...[401, 429, 500].map((status) => ({
    name: `model answers ${status}`,
    run: async (stage: Stage) => {
      const worker = await stage.startWorker({ AGENT_FACTORY_RUN_TIMEOUT_MS: "160000" });
      const begunAt = Date.now();
      const id = stage.send(`STATUS ${status} please`);
      const failure = await stage.failed(id, 300_000);
      const ms = Date.now() - begunAt;
      assert.equal(failure.retryable, true);
      const least = { 401: 65_000, 429: 89_000, 500: 10_000 }[status] ?? 0;
      assert.ok((failure.retryAfterMs ?? 0) >= least, `retryAfterMs ${failure.retryAfterMs}`);
      stage.drop(id);
      const next = await stage.ask("and now?", 180_000);
      await worker.stop();
      return `reported after ${seconds(ms)}, not before ${seconds(failure.retryAfterMs ?? 0)}; next answer ${seconds(next.ms)}`;
    },
  })),
];

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("compile-cache"))
    .map((entry) => join(entry.parentPath, entry.name));
}

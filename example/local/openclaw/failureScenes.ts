/** What happens to a message when the machine, the gateway or the model fails. */
import assert from "node:assert/strict";
import { seconds, type Scene, type Stage } from "./stage.js";

export const FAILURE_SCENES: Scene[] = [
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
      const nextAt = Date.now();
      // OpenClaw sets a refused key aside for a minute, most of the time: then the next message waits for it, too.
      await stage.settled(stage.send("and now?"), 240_000);
      await worker.stop();
      return `reported after ${seconds(ms)}, not before ${seconds(failure.retryAfterMs ?? 0)}; next answer ${seconds(Date.now() - nextAt)}`;
    },
  })),
];

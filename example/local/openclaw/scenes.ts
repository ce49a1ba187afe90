/** What `npm run test:openclaw` does with the real gateway: each scene drives the published worker as a process. */
import assert from "node:assert/strict";
import { readFile, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TOOLS_LEFT_OUT } from "../../../src/worker/engine/openclaw/config.js";
import { FAILURE_SCENES } from "./failureScenes.js";
import { archiveOfOldImage } from "./oldImage.js";
import { openStage, seconds, type Scene, type Stage } from "./stage.js";
import { OLD_OPENCLAW_VERSION } from "./versions.js";

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
    name: "the tools that the agent finds",
    run: async (stage) => {
      const worker = await stage.startWorker();
      const found = await stage.ask(
        'USE tool_search {"query":"reminder schedule update ask secret"}',
      );
      const offered = stage.model.lastTools();
      assert.ok(offered.includes("exec"), offered.join(" "));
      for (const tool of TOOLS_LEFT_OUT) {
        assert.ok(!offered.includes(tool), offered.join(" "));
        assert.ok(!found.text.includes(`"name": "${tool}"`), `the agent finds ${tool}`);
      }
      assert.match(found.text, /"name": "exec"/);
      await worker.stop();
      return "none whose other end is not here";
    },
  },
  {
    name: "a global skill",
    run: async (stage) => {
      const description = "Says hello in Esperanto.";
      await stage.deploy("greeter", description);
      const worker = await stage.startWorker();
      await stage.ask("do you know a skill?");
      assert.ok(stage.model.lastPrompt().includes(description), "not in the agent's prompt");
      await worker.stop();
      await stage.deploy(null);
      const next = await stage.startWorker();
      await stage.ask("and now?");
      assert.ok(!stage.model.lastPrompt().includes(description), "still in the agent's prompt");
      await next.stop();
      return "in the agent's prompt, and gone from it after it left the manifest";
    },
  },
  {
    name: "the agent as another user",
    run: async (stage) => {
      const { installation } = stage;
      if (process.getuid?.() !== 0) return "**not run**: needs root";
      if (await hidden(installation.packageDir))
        return "**not run**: put AGENT_FACTORY_OPENCLAW_CACHE where other users can read it";
      return await onOwnStage(stage, async (own) => {
        const worker = await own.startWorker({ AGENT_FACTORY_OPENCLAW_USER: "1000:1000" });
        const look = `id -u; cat /proc/${worker.pid}/environ 2>&1; cat /proc/[0-9]*/environ 2>/dev/null`;
        const { text } = await own.ask(`TOOL ${look} | tr '\\0' ' '`);
        assert.match(text, /The tool said: 1000\b/);
        assert.match(text, /environ: Permission denied/);
        assert.match(text, /OPENCLAW_SERVICE_ID=svc/);
        assert.doesNotMatch(text, /sk-local-secret|afw_|AGENT_FACTORY_WORKER_TOKEN/);
        await worker.stop();
        const before = own.model.calls.length;
        await own.newMachine();
        const next = await own.startWorker({ AGENT_FACTORY_OPENCLAW_USER: "1000:1000" });
        assert.match((await own.ask("and now?")).text, /I remember 1 earlier/);
        assert.equal(own.model.calls.length, before + 1);
        await next.stop();
        return "user 1000; the worker's environment is closed to it; its memory moves on";
      });
    },
  },
  {
    name: "the OpenAI-compatible endpoint as transport",
    run: async (stage) =>
      await onOwnStage(stage, async (own) => {
        const worker = await own.startWorker({ AGENT_FACTORY_OPENCLAW_TRANSPORT: "http" });
        assert.match((await own.ask("one")).text, /You said: "one"/);
        assert.match((await own.ask("two")).text, /I remember 1 earlier; the last one was: "one"/);
        await worker.stop();
        return "answered, with the same memory";
      }),
  },
  ...FAILURE_SCENES,
  {
    name: "nothing was asked by itself",
    run: (stage) => {
      assert.deepEqual(
        stage.model.calls.filter((call) => /heartbeat/i.test(call)),
        [],
      );
      return Promise.resolve(`${stage.model.calls.length} model calls, each for a message`);
    },
  },
];

/** Needs another 1.4 GB: run on demand. */
export const OLD_IMAGE_SCENE: Scene = {
  name: "an archive of the old image",
  run: async (stage) =>
    await onOwnStage(stage, async (own) => {
      const { installation, model } = own;
      const said = "my dog is called Rex";
      own.putArchive(await archiveOfOldImage(installation, own.dataDir(), model.url, said));
      assert.ok(model.calls.some((call) => call.includes(said)));
      const worker = await own.startWorker();
      assert.match((await own.ask("who is it?")).text, /I remember 1 earlier; .*called Rex/);
      await worker.stop();
      const archive = own.lastArchive();
      assert.deepEqual(
        archive.paths.filter((path) => /openclaw\.json|identity|auth-profiles/.test(path)),
        [],
      );
      return `OpenClaw ${OLD_OPENCLAW_VERSION}'s memory was taken over`;
    }),
};

/** With an empty queue, memory and disk. */
async function onOwnStage(stage: Stage, run: (own: Stage) => Promise<string>): Promise<string> {
  const own = await openStage(stage.installation, stage.onLine);
  try {
    return await run(own);
  } finally {
    await own.close();
  }
}

/** Whether another user could not reach it. */
async function hidden(path: string): Promise<boolean> {
  for (let at = path; at !== dirname(at); at = dirname(at))
    if (((await stat(at)).mode & 0o5) !== 0o5) return true;
  return false;
}

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("compile-cache"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A control plane in memory, a local model, and the published worker with the real OpenClaw as a child process. */
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { gunzipSync } from "node:zlib";
import { sealBundle } from "../../../src/shared/skills/bundle.js";
import { LAYOUT_VERSION, type ManifestSkill } from "../../../src/shared/skills/layout.js";
import { hashManifest, toManifestSkill } from "../../../src/shared/skills/manifest.js";
import { createFakeGateway, type FakeMessage } from "../../../src/worker/gateway.fixture.js";
import { serveGateway } from "../../../src/worker/server.fixture.js";
import type { Installation } from "./install.js";
import { startLocalModel } from "./model.js";

const TOKEN = "afw_0123456789abcdefghijklmnop";
const BIN = new URL("../../../dist/worker/bin.js", import.meta.url).pathname;
const ANSWER_MS = 180_000;
const READY_MS = 320_000;

type Line = Record<string, unknown> & { event?: string };
export type StageWorker = {
  pid: number;
  readyMs(): number;
  /** How often the worker logged this. */
  count(event: string): number;
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL to the OpenClaw process below the worker. */
  killGateway(): Promise<void>;
};
export type Scene = { name: string; run: (stage: Stage) => Promise<string> };
export type Stage = Awaited<ReturnType<typeof openStage>>;

export async function openStage(
  installation: Installation,
  onLine: (line: string) => void = () => undefined,
) {
  const root = await newDir(join(tmpdir(), "afw-openclaw-"));
  const model = await startLocalModel();
  const fake = createFakeGateway({ now: Date.now, conversationId: "c1", idleMs: 100 });
  const server = await serveGateway(fake, TOKEN);
  const children = new Set<ChildProcess>();
  let dataDir = await newDir(join(root, "data-"));

  const until = async (what: string, ms: number, condition: () => boolean): Promise<void> => {
    for (const end = Date.now() + ms; !condition();) {
      if (Date.now() > end) throw new Error(`${what} did not happen within ${ms} ms.`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const find = (id: string): FakeMessage => {
    const message = fake.messages.find(({ messageId }) => messageId === id);
    if (message === undefined) throw new Error(`No message ${id}.`);
    return message;
  };
  const send = (text: string) => fake.enqueue(text).messageId;
  const answered = async (id: string, ms: number): Promise<string> => {
    const message = find(id);
    await until(`The answer to "${message.payload.messageText}"`, ms, () => {
      if (message.lastError !== null) throw new Error(`It failed: ${message.lastError}`);
      return message.status === "done";
    });
    return message.answer?.text ?? "";
  };

  const startWorker = async (more: Record<string, string> = {}): Promise<StageWorker> => {
    const begunAt = Date.now();
    const lines: Line[] = [];
    const child = spawn(installation.node, [BIN], {
      env: {
        PATH: `${join(installation.node, "..")}:${process.env["PATH"] ?? ""}`,
        AGENT_FACTORY_GATEWAY_URL: server.url,
        AGENT_FACTORY_WORKER_TOKEN: TOKEN,
        WORKER_ID: "w1",
        OPENCLAW_CONVERSATION_ID: "c1",
        OPENCLAW_AGENT_KEY: "support",
        AGENT_FACTORY_ENGINE: "openclaw",
        AGENT_FACTORY_DATA_DIR: dataDir,
        AGENT_FACTORY_OPENCLAW_DIR: installation.packageDir,
        OPENCLAW_AGENT_MODEL: "local/local-1",
        AGENT_FACTORY_MODEL_BASE_URL: model.url,
        AGENT_FACTORY_MODEL_API_KEY: "sk-local-secret",
        OPENCLAW_SERVICE_ID: "svc",
        AGENT_FACTORY_STOP_GRACE_MS: "60000",
        // A machine with other work to do starts it slowly.
        AGENT_FACTORY_OPENCLAW_READY_TIMEOUT_MS: "300000",
        ...more,
      },
    });
    children.add(child);
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        onLine(line);
        if (line.startsWith("{")) lines.push(JSON.parse(line) as Line);
      });
    const exit = new Promise<number | null>((resolve) =>
      child.once("close", (code) => {
        children.delete(child);
        resolve(code);
      }),
    );
    const count = (event: string) => lines.filter((line) => line.event === event).length;
    await until("The worker's readiness", READY_MS, () => {
      if (child.exitCode !== null) throw new Error(`The worker exited with ${child.exitCode}.`);
      return count("ready") > 0;
    });
    const readyMs = Date.now() - begunAt;
    return {
      pid: child.pid ?? 0,
      readyMs: () => readyMs,
      count,
      stop: () => {
        child.kill("SIGTERM");
        return exit;
      },
      killGateway: async () => {
        for (const pid of await childrenOf(child.pid ?? 0)) process.kill(pid, "SIGKILL");
      },
    };
  };

  return {
    ...{ installation, onLine },
    model,
    startWorker,
    send,
    answered,
    dataDir: () => dataDir,
    /** Sends a message and waits for its answer. */
    ask: async (text: string, ms = ANSWER_MS): Promise<{ text: string; ms: number }> => {
      const begunAt = Date.now();
      return { text: await answered(send(text), ms), ms: Date.now() - begunAt };
    },
    failed: async (id: string, ms: number): Promise<FakeMessage> => {
      await until("The failure", ms, () => find(id).lastError !== null);
      return find(id);
    },
    /** Answered, whatever number of tries that takes. */
    settled: async (id: string, ms: number): Promise<void> => {
      await until(
        `The answer to ${id}`,
        ms,
        () => find(id).status !== "queued" && find(id).status !== "leased",
      );
      if (find(id).status !== "done") throw new Error(`It failed: ${find(id).lastError}`);
    },
    modelCalled: async (text: string) =>
      await until(`The model's call for "${text}"`, ANSWER_MS, () =>
        model.calls.some((call) => call.includes(text)),
      ),
    handedBack: (id: string) =>
      find(id).status === "queued" && fake.calls.some(({ fn }) => fn === "workerHandBack"),
    /** Takes a message out of the queue. */
    drop: (id: string) => void (find(id).status = "dead"),
    /** The next worker starts on an empty disk, and restores. */
    newMachine: async () => {
      dataDir = await newDir(join(root, "data-"));
    },
    lastArchive: () => {
      const file = fake.files.get(fake.head()?.storageId ?? "");
      if (file === undefined) throw new Error("There is no snapshot.");
      return { sizeBytes: file.length, paths: pathsIn(gunzipSync(file)) };
    },
    /** What the next worker's manifest lists: this skill, or none. */
    deploy: async (slug: string | null, description = ""): Promise<void> => {
      const skills = slug === null ? [] : [await skillOf(slug, description)];
      const manifestVersion = await hashManifest(skills);
      fake.state.skills = { layoutVersion: LAYOUT_VERSION, manifestVersion, skills };
    },
    /** The newest snapshot of the conversation. */
    putArchive: (bytes: Buffer): void => {
      const storageId = fake.newId("file");
      fake.files.set(storageId, bytes);
      fake.snapshots.push({
        ...{
          snapshotId: fake.newId("snapshot"),
          conversationId: "c1",
          reason: "drain",
          parent: null,
        },
        ...{ status: "ready", lineage: "main", storageId, sizeBytes: bytes.length },
        sha256: createHash("sha256").update(bytes).digest("hex"),
      });
    },
    /** Ends workers that a failed scene left behind. */
    endWorkers: () => {
      for (const child of children) child.kill("SIGKILL");
    },
    close: async () => {
      for (const child of children) child.kill("SIGKILL");
      await server.close();
      await model.close();
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function skillOf(slug: string, description: string): Promise<ManifestSkill> {
  const content = `---\nname: ${slug}\ndescription: ${description}\n---\n\n# ${slug}\n`;
  const files = [
    { path: "SKILL.md", content },
    { path: "scripts/index.mjs", content: "export default () => null;\n" },
  ];
  const bundle = await sealBundle(files, "esm");
  const version = { slug, version: "1.0.0", moduleFormat: "esm", entryPoint: "default" } as const;
  return await toManifestSkill({ ...version, ...bundle });
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Other users may enter it, like the root of a volume. */
async function newDir(prefix: string): Promise<string> {
  const dir = await mkdtemp(prefix);
  await chmod(dir, 0o755);
  return dir;
}

/** Processes whose parent is `pid` (Linux). */
async function childrenOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const parent = /^\d+ \(.*\) \S (\d+)/s.exec(stat)?.[1];
    if (Number(parent) === pid) found.push(Number(name));
  }
  return found;
}

/** The names in a tar file. */
function pathsIn(tar: Buffer): string[] {
  const paths: string[] = [];
  for (let at = 0; at + 512 <= tar.length;) {
    const header = tar.subarray(at, at + 512);
    const name = header.subarray(0, 100).toString().replace(/\0.*$/s, "");
    if (name === "") break;
    const size = parseInt(header.subarray(124, 136).toString(), 8) || 0;
    paths.push(name);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return paths;
}

/** Makes an archive as the worker image before this engine did: its OpenClaw, its placeholders, its `tar`. */
import { execFile, spawn } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../../src/worker/engine/openclaw/process.js";
import { installOldOpenClaw, type Installation } from "./install.js";

const START_MS = 120_000;
const GATEWAY_TOKEN = "0123456789abcdef0123456789abcdef";
/** What that image wrote before OpenClaw's first start; today's OpenClaw refuses some of it. */
const PLACEHOLDERS = {
  "agents/main/sessions/sessions.json": "{}",
  "agents/main/agent/auth-profiles.json": "{}",
  "cron/jobs.json": '{"version":1,"jobs":[]}',
  "devices/paired.json": "{}",
  "devices/pending.json": "{}",
  "identity/device-auth.json": '{"version":1,"tokens":{}}',
};

/**
 * Lets the old OpenClaw answer `text` in `dataDir`, which is empty before and after: the workspace's path is part of
 * the state. @returns the gzip file
 */
export async function archiveOfOldImage(
  installation: Installation,
  dataDir: string,
  modelUrl: string,
  text: string,
): Promise<Buffer> {
  const { packageDir } = await installOldOpenClaw(installation.node);
  const stateDir = join(dataDir, ".clawdbot");
  const configFile = join(stateDir, "openclaw.json");
  const port = await freePort();
  for (const [path, content] of Object.entries(PLACEHOLDERS)) {
    await mkdir(dirname(join(stateDir, path)), { recursive: true });
    await writeFile(join(stateDir, path), content);
  }
  await mkdir(join(dataDir, "workspace"), { recursive: true });
  await writeFile(configFile, JSON.stringify(oldConfig(dataDir, port, modelUrl)));
  const env = {
    ...{ PATH: `${dirname(installation.node)}:${process.env["PATH"] ?? ""}`, HOME: dataDir },
    ...{ OPENCLAW_STATE_DIR: stateDir, OPENCLAW_CONFIG_PATH: configFile },
    ...{ OPENCLAW_NO_RESPAWN: "1", OPENCLAW_SKIP_CHANNELS: "1", OPENCLAW_DISABLE_BONJOUR: "1" },
  };
  const bin = join(packageDir, "openclaw.mjs");
  const gateway = spawn(installation.node, [bin, "gateway", "--port", String(port)], {
    ...{ env, cwd: dataDir, stdio: "ignore" },
  });
  const exited = new Promise((resolve) => gateway.once("close", resolve));
  try {
    await listening(port);
    const args = [bin, "agent", "--agent", "main", "--json", "--message", text];
    await promisify(execFile)(installation.node, args, { env, cwd: dataDir, timeout: START_MS });
  } finally {
    gateway.kill("SIGTERM");
    await exited;
  }
  const file = `${dataDir}.tar.gz`;
  await promisify(execFile)("tar", ["-czf", file, "-C", dataDir, ".clawdbot", "workspace"]);
  const bytes = await readFile(file);
  await rm(dataDir, { recursive: true });
  await mkdir(dataDir, { mode: 0o755 });
  return bytes;
}

function oldConfig(dataDir: string, port: number, modelUrl: string): object {
  const cost = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
  const model = { id: "local-1", name: "local-1", reasoning: false, input: ["text"], cost };
  return {
    gateway: {
      ...{ mode: "local", port, bind: "loopback" },
      auth: { mode: "token", token: GATEWAY_TOKEN },
    },
    agents: {
      defaults: { workspace: join(dataDir, "workspace"), model: { primary: "local/local-1" } },
    },
    models: {
      providers: {
        local: {
          ...{ baseUrl: modelUrl, apiKey: "sk-local-secret", api: "openai-completions" },
          models: [{ ...model, contextWindow: 128_000, maxTokens: 8_192 }],
        },
      },
    },
  };
}

/** That image took an open port for readiness. */
async function listening(port: number): Promise<void> {
  for (const end = Date.now() + START_MS; ;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
    if (open) return;
    if (Date.now() > end) throw new Error("The old OpenClaw did not start.");
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** OpenClaw as child processes of this one. */
import { spawn, type ChildProcess } from "node:child_process";
import { lchown, mkdir, readdir, readFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { replaceFile, type Owner } from "../../agentFiles.js";
import { EngineBroken } from "../../errors.js";
import type { Log } from "../../log.js";
import { gatewayEnvironment, type Places } from "./config.js";
import type { OpenClawSettings } from "./settings.js";
import type { GatewayProcess } from "./supervisor.js";

const SIGNAL_EXIT = 128;
const REPAIR_MS = 60_000;
const PROBE_MS = 2_000;
const STRAY_ROUNDS = 50;
const STRAY_PAUSE_MS = 100;
/** Of the gateway's output, kept for the log when it dies. */
const LAST_LINES = 8;

/** The version of the installed package. @throws EngineBroken when it is not there */
export async function installedVersion(packageDir: string): Promise<string> {
  try {
    const text = await readFile(join(packageDir, "package.json"), "utf8");
    return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
  } catch {
    throw new EngineBroken(
      `OpenClaw is not installed at ${packageDir}: set AGENT_FACTORY_OPENCLAW_DIR to the npm package.`,
    );
  }
}

/** Directories that must exist, owned by the user that the gateway runs as. */
export async function prepareDirectories(
  settings: OpenClawSettings,
  places: Places,
): Promise<void> {
  for (const name of ["home", "tmp", "compile-cache"])
    await mkdir(join(places.privateDir, name), { recursive: true });
  // Never empty: OpenClaw takes a workspace that once had content and has none for lost, and answers nothing any more.
  await mkdir(join(places.workspace, "memory"), { recursive: true });
  if (settings.user === null) return;
  for (const path of [places.privateDir, places.stateDir, places.workspace])
    await giveTo(path, settings.user);
}

async function giveTo(path: string, user: Owner): Promise<void> {
  await lchown(path, user.uid, user.gid);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) await giveTo(child, user);
    else if (entry.isFile()) await lchown(child, user.uid, user.gid);
  }
}

/** Writes the config so that only the gateway's user reads it. */
export async function writeConfig(
  settings: OpenClawSettings,
  places: Places,
  config: object,
): Promise<void> {
  await replaceFile(places.configFile, JSON.stringify(config), settings.user);
}

/**
 * Ends every process of an OpenClaw that was started with this config (Linux), and waits until none is left. What we
 * start is only a launcher: the gateway or doctor below it would outlive it, keep the state locked, and write on.
 */
export async function endStrays(places: Places, log: Log): Promise<void> {
  for (let round = 0; round < STRAY_ROUNDS; round++) {
    const strays = await findStrays(places);
    if (strays.length === 0) return;
    for (const pid of strays) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, STRAY_PAUSE_MS));
  }
  log.warn("openclaw_strays", { pids: (await findStrays(places)).join(" ") });
}

/** What has ended and was not reaped has no environment any more. */
async function findStrays(places: Places): Promise<number[]> {
  const mark = `OPENCLAW_CONFIG_PATH=${places.configFile}`;
  const strays: number[] = [];
  for (const name of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(mark)) strays.push(Number(name));
  }
  return strays;
}

/** Starts a gateway; `exited` resolves when nothing of it is left. */
export function launchGateway(
  settings: OpenClawSettings,
  places: Places,
  port: number,
  log: Log,
): GatewayProcess {
  const child = run(settings, places, ["gateway", "--port", String(port)]);
  const lines = lastLines(child);
  const exited = ended(child).then(async (code) => {
    if (code !== 0) log.warn("openclaw_output", { code, output: lines.join("\n") });
    await endStrays(places, log);
    return code;
  });
  return { url: `http://127.0.0.1:${port}`, exited, kill: (signal) => void child.kill(signal) };
}

/** `openclaw doctor --fix`: mends or migrates the state. Its exit code is not relied on: the next start tells. */
export async function runDoctor(
  settings: OpenClawSettings,
  places: Places,
  log: Log,
  signal?: AbortSignal,
): Promise<void> {
  if (signal?.aborted === true) return;
  const child = run(settings, places, ["doctor", "--fix", "--yes", "--non-interactive"]);
  const lines = lastLines(child);
  const kill = () => void child.kill("SIGKILL");
  const timer = setTimeout(kill, REPAIR_MS);
  signal?.addEventListener("abort", kill, { once: true });
  const code = await ended(child);
  clearTimeout(timer);
  signal?.removeEventListener("abort", kill);
  await endStrays(places, log);
  log.info("openclaw_doctor", { code, ...(code === 0 ? {} : { output: lines.join("\n") }) });
}

/** The gateway's own word for it: it listens long before it can answer. */
export async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(PROBE_MS) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function run(settings: OpenClawSettings, places: Places, args: string[]): ChildProcess {
  return spawn(settings.node, [join(settings.packageDir, "openclaw.mjs"), ...args], {
    cwd: places.workspace,
    env: gatewayEnvironment(settings, places, process.env),
    stdio: ["ignore", "pipe", "pipe"],
    ...(settings.user ?? {}),
  });
}

function lastLines(child: ChildProcess): string[] {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      if (lines.length > LAST_LINES) lines.shift();
    });
  }
  return lines;
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once("error", () => resolve(127));
    child.once("exit", (code, signal) =>
      resolve(code ?? SIGNAL_EXIT + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

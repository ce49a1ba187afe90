import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { field, read } from "./client.setup.js";
import { spawnNodeWorker } from "./nodeWorker.js";
import { startLocalFly, type LocalFly } from "./server.js";

const WORKER = `
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
const polite = process.env.POLITE === "yes";
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    console.log("got " + signal);
    if (polite) process.exit(0);
  });
}
appendFileSync(process.env.STATE_DIR + ".txt", "was here\\n");
if (process.env.CHILD) console.log("child " + spawn("sleep", ["60"], { stdio: "ignore" }).pid);
console.log("pid " + process.pid);
console.log("env " + JSON.stringify(process.env));
if (process.env.EXIT) process.exit(Number(process.env.EXIT));
setInterval(() => {}, 1000);
`;

let home: string;
let fly: LocalFly;
let lines: string[];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "local-fly-"));
  lines = [];
  const script = join(home, "worker.mjs");
  writeFileSync(script, WORKER);
  fly = await startLocalFly({
    timings: { ...TIMINGS },
    rateLimits: false,
    ...spawnNodeWorker({
      command: [process.execPath, script],
      root: join(home, "volumes"),
      onLine: (_machineId, line) => lines.push(line),
    }),
  });
});

afterEach(async () => {
  await fly.close();
  rmSync(home, { recursive: true, force: true });
});

const TIMINGS = {
  launch: [0, 0],
  boot: [0, 0],
  destroy: [0, 0],
  volumeUnbind: [0, 0],
  volumeCreate: [0, 0],
} as const;

async function call(method: string, path: string, body?: unknown) {
  const response = await fetch(`${fly.url}/v1/apps/local-workers${path}`, {
    method,
    headers: { authorization: "Bearer fm2_local" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return await read(response);
}

async function start(env: Record<string, string>, config: Record<string, unknown> = {}) {
  const volume = await call("POST", "/volumes", { name: "data", region: "fra" });
  const volumeId = field(volume, "id");
  const machine = await call("POST", "/machines", {
    region: "fra",
    config: {
      image: "worker",
      env: { STATE_DIR: "/data/.state", ...env },
      mounts: [{ volume: volumeId, path: "/data" }],
      restart: { policy: "no" },
      ...config,
    },
  });
  return { volumeId, machineId: field(machine, "id") };
}

async function said(start: string): Promise<string> {
  return await vi.waitFor(
    () => {
      const line = lines.find((text) => text.startsWith(start));
      if (line === undefined) throw new Error(`nobody said ${start}: ${lines.join()}`);
      return line.slice(start.length + 1);
    },
    { timeout: 5000 },
  );
}

async function reaches(state: string): Promise<void> {
  await vi.waitFor(() => expect(fly.control.machines()[0]?.state).toBe(state), { timeout: 5000 });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A killed process that nobody has collected yet still answers to signals.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("a machine is a process with its environment, its volume a directory that outlives it", async () => {
  const { machineId, volumeId } = await start({ POLITE: "yes", OTHER: "/database" });
  const directory = join(home, "volumes", volumeId);
  const env: unknown = JSON.parse(await said("env"));
  expect(env).toEqual({
    POLITE: "yes",
    OTHER: "/database",
    STATE_DIR: join(directory, ".state"),
    AGENT_FACTORY_DATA_DIR: directory,
    PATH: process.env["PATH"],
    FLY_APP_NAME: "local-workers",
    FLY_MACHINE_ID: machineId,
    FLY_REGION: "fra",
    FLY_IMAGE_REF: "worker",
  });
  await call("POST", `/machines/${machineId}/stop`);
  await said("got SIGINT");
  await reaches("stopped");
  await call("DELETE", `/machines/${machineId}`);
  await reaches("destroyed");
  expect(readFileSync(join(directory, ".state.txt"), "utf8")).toBe("was here\n");
  await vi.waitFor(async () => {
    expect((await call("DELETE", `/volumes/${volumeId}`)).status).toBe(200);
  });
  expect(existsSync(directory)).toBe(false);
});

test("a process that ignores the stop signal is killed at the end of its grace", async () => {
  const { machineId } = await start({}, { stop_config: { signal: "SIGTERM", timeout: "400ms" } });
  const pid = Number(await said("pid"));
  await said("env");
  const stoppedAt = Date.now();
  await call("POST", `/machines/${machineId}/stop`);
  await said("got SIGTERM");
  expect(fly.control.machines()[0]?.state).toBe("stopping");
  expect(isAlive(pid)).toBe(true);
  await reaches("stopped");
  expect(Date.now() - stoppedAt).toBeGreaterThanOrEqual(400);
  expect(isAlive(pid)).toBe(false);
  expect(fly.control.machines()[0]?.events[0]).toMatchObject({
    type: "exit",
    request: { exit_event: { exit_code: 137, requested_stop: true } },
  });
});

test("a forced destroy kills the process and what it started", async () => {
  const { machineId } = await start({ CHILD: "yes" });
  const pids = [Number(await said("pid")), Number(await said("child"))];
  expect(pids.map(isAlive)).toEqual([true, true]);
  await call("DELETE", `/machines/${machineId}?force=true`);
  await reaches("destroyed");
  await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]));
});

test("a process that ends takes its auto_destroy machine with it", async () => {
  await start({ EXIT: "4" }, { auto_destroy: true });
  await reaches("destroyed");
  const exits = fly.control.machines()[0]?.events.filter(({ type }) => type === "exit");
  expect(exits).toMatchObject([{ request: { exit_event: { exit_code: 4, restarting: false } } }]);
});

test("closing leaves no process, no directory and no port", async () => {
  await start({});
  const pid = Number(await said("pid"));
  await fly.close();
  expect(isAlive(pid)).toBe(false);
  expect(readdirSync(home)).toEqual(["worker.mjs"]);
  await expect(fetch(fly.url)).rejects.toThrow("fetch failed");
});

test("a command that cannot run is a machine that exits with 127", async () => {
  const root = join(home, "none");
  const broken = await startLocalFly({
    timings: TIMINGS,
    ...spawnNodeWorker({ command: [join(home, "missing")], root }),
  });
  const { machineId } = broken.control.createForeignMachine();
  broken.control.operatorStop(machineId);
  await fetch(`${broken.url}/v1/apps/local-workers/machines`, {
    method: "POST",
    headers: { authorization: "Bearer fm2_local" },
    body: JSON.stringify({ config: { image: "a", restart: { policy: "no" } } }),
  });
  await vi.waitFor(() => {
    const exits = broken.control.machines().flatMap(({ events }) => events[0]?.request ?? []);
    expect(exits).toMatchObject([{ exit_event: { exit_code: 127 } }]);
  });
  await broken.close();
  expect(existsSync(root)).toBe(false);
});

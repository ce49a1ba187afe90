/**
 * Everything outside the app, on this machine: a Convex deployment, Fly Machines whose machines are real worker
 * processes, Telegram. Set up as an operator would set up a real deployment, through the same functions.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Value } from "convex/values";
import { startLocalConvex, type LocalConvex } from "./convex/index.js";
import { spawnNodeWorker } from "./fly/nodeWorker.js";
import { startLocalFly, type LocalFly } from "./fly/server.js";
import { startLocalTelegram } from "./telegram/server.js";

const PROJECT_DIR = new URL("../..", import.meta.url).pathname;
const FLY_TOKEN = "fm2_local";
/** Who may operate this world in the web UI. */
export const OPERATOR = "olga";
const APP_NAME = "local-workers";
/** By the clock of the local Fly, which `speed` runs ahead. */
const SHOWN_DESTROYED_MS = 60 * 60_000;

export type WorldOptions = {
  idleMs: number;
  maxWorkers: number;
  agentKeys: readonly string[];
  /** The directory of the app that is deployed; the example by default. */
  projectDir?: string;
  /** How much faster than real ones the local machines change state. */
  speed?: number;
  leaseMs?: number;
  /** What every machine runs; the worker runtime of this package by default. */
  workerCommand?: readonly [string, ...string[]];
  /** Added to the environment of every machine. */
  workerEnv?: Readonly<Record<string, string>>;
  onWorkerLine?: (machineId: string, line: string) => void;
  onProblem?: (text: string) => void;
};

export type World = {
  convex: LocalConvex;
  fly: LocalFly;
  telegram: Awaited<ReturnType<typeof startLocalTelegram>>;
  /** Calls a function of the component, as `npx convex run --component agentFactory` would. */
  component(name: string, args?: Record<string, Value>): Promise<Value>;
  /** The deployment's environment; what is changed here counts from the next call on. */
  env: Record<string, string | undefined>;
  /** Values that must appear in no table. */
  secrets: string[];
  close(): Promise<void>;
};

/** Starts the world; `close` stops every process, port and file of it. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const root = await mkdtemp(join(tmpdir(), "agent-factory-"));
  const secretsKey = randomBytes(32).toString("base64");
  const fly = await startLocalFly({
    app: APP_NAME,
    token: FLY_TOKEN,
    speed: options.speed ?? 4,
    // Fly shows destroyed machines for minutes; `speed` is about how fast they get there.
    timings: { retention: [SHOWN_DESTROYED_MS, SHOWN_DESTROYED_MS] },
    // Closing with machines alive is what Ctrl-C does; what may not be left is processes and files.
    strict: false,
    ...spawnNodeWorker({
      command: options.workerCommand ?? [process.execPath, join(PROJECT_DIR, "dist/worker/bin.js")],
      root,
      onLine: (machineId, line) => options.onWorkerLine?.(machineId, line),
    }),
  });
  const telegram = await startLocalTelegram();
  const env: World["env"] = {
    AGENT_FACTORY_SECRETS_KEY: secretsKey,
    AGENT_FACTORY_DEMO_SIGN_IN: "1",
    OPERATOR_IDS: OPERATOR,
  };
  const convex = await startLocalConvex({
    projectDir: options.projectDir ?? PROJECT_DIR,
    env,
    onFunctionError: (failure) =>
      options.onProblem?.(`${failure.source} ${failure.name}: ${String(failure.error)}`),
    onLog: (line) => {
      if (line.level === "error") options.onProblem?.(line.message);
    },
  });
  const component: World["component"] = async (name, args) =>
    await convex.runInternal("agentFactory", `lib:${name}`, args);
  const world: World = {
    convex,
    fly,
    telegram,
    component,
    env,
    secrets: [FLY_TOKEN, secretsKey],
    close: async () => {
      await convex.close();
      await fly.close();
      await telegram.close();
      await rm(root, { recursive: true, force: true });
    },
  };
  await configure(world, options);
  return world;
}

async function configure(world: World, options: WorldOptions): Promise<void> {
  const { component, convex, fly, telegram } = world;
  await component("setPolicyConfig", {
    policy: {
      scaling: {
        maxWorkers: options.maxWorkers,
        spawnStep: options.maxWorkers,
        idleTimeoutMs: options.idleMs,
        reconcileIntervalMs: 1_000,
      },
      ...(options.leaseMs === undefined
        ? {}
        : {
            lease: {
              leaseMs: options.leaseMs,
              heartbeatIntervalMs: Math.floor(options.leaseMs / 6),
            },
          }),
    },
  });
  await component("setMessageRuntimeConfig", {
    messageConfig: { telegramApiBaseUrl: telegram.url },
  });
  await component("setWorkerRuntimeConfig", {
    workerConfig: {
      env: {
        TELEGRAM_API_BASE_URL: telegram.url,
        AGENT_FACTORY_SNAPSHOT_IDLE_MS: "500",
        ...options.workerEnv,
      },
    },
  });
  await component("importSecret", { secretRef: "fly.apiToken", plaintextValue: FLY_TOKEN });
  await component("importSecret", { secretRef: "convex.url", plaintextValue: convex.siteUrl });
  await component("setProviderRuntimeConfig", {
    providerConfig: {
      kind: "fly",
      appName: APP_NAME,
      organizationSlug: "local",
      image: "registry.fly.io/agent-factory-worker:local",
      region: "fra",
      volumeName: "openclaw_data",
      volumePath: "/data",
      volumeSizeGb: 1,
      apiBaseUrl: fly.url,
      stopTimeoutSeconds: 30,
    },
  });
  for (const agentKey of options.agentKeys)
    await component("configureAgent", {
      agentKey,
      version: "1.0.0",
      secretsRef: [],
      enabled: true,
    });
}

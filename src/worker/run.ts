/** A worker from boot to exit. */
import { MINUTE_MS } from "../shared/time.js";
import { aborted, systemClock, within, type Clock } from "./clock.js";
import { chooseChannel } from "./delivery/choose.js";
import type { Engine } from "./engine/engine.js";
import type { WorkerEnv } from "./env.js";
import {
  describe,
  EngineBroken,
  EXIT,
  Interrupted,
  RestoreFailed,
  TokenRefused,
} from "./errors.js";
import { createGateway, type Gateway, type Identity } from "./gateway.js";
import { cleaner, createLog, type Log } from "./log.js";
import { runLoop, type End } from "./loop.js";
import { loadSkills } from "./skills/load.js";
import { createKeeper, type SnapshotKeeper } from "./snapshot/keeper.js";
import { restoreMemory } from "./snapshot/restore.js";
import { httpStorage, type SnapshotStorage } from "./snapshot/storage.js";
import { httpTransport, type Transport } from "./transport.js";

/** The share of the grace that a running message gets to finish; the rest is for the snapshot. */
const MESSAGE_SHARE_OF_GRACE = 0.5;
const ENGINE_STOP_MS = 15_000;
/** Below the three minutes after which the scheduler destroys a draining machine by force. */
const DRAIN_SNAPSHOT_MS = 150_000;
const GIVING_UP_SNAPSHOT_MS = 60_000;
/** Kept of the grace for the exit itself. */
const EXIT_MARGIN_MS = 2_000;
const UNREACHABLE_SLACK_MS = 10 * MINUTE_MS;

export type WorkerOptions = {
  env: WorkerEnv;
  engine: Engine;
  /** Aborts when the process is asked to stop (SIGTERM, SIGINT). */
  signal?: AbortSignal;
  runtimeVersion?: string;
  // What tests replace:
  clock?: Clock;
  random?: () => number;
  fetch?: typeof globalThis.fetch;
  transport?: Transport;
  storage?: SnapshotStorage;
  writeLog?: (line: string) => void;
};

type Life = {
  env: WorkerEnv;
  engine: Engine;
  clock: Clock;
  random: () => number;
  log: Log;
  gateway: Gateway;
  storage: SnapshotStorage;
  keeper: SnapshotKeeper;
  stop: AbortSignal;
  started: boolean;
  isEngineReady: boolean;
  clean: (text: string) => string;
};

/** Runs one worker until it ends; resolves to the exit code of the process. */
export async function runWorker(options: WorkerOptions): Promise<number> {
  const { env, engine } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const write = options.writeLog ?? ((line: string) => void process.stdout.write(line));
  const secrets = [...env.secrets, ...(engine.secrets ?? [])];
  const log = createLog({ workerId: env.workerId, clock, write, secrets });
  const stop = options.signal ?? new AbortController().signal;
  const gateway = createGateway({
    transport: options.transport ?? transportOf(env, options.fetch),
    workerId: env.workerId,
    workspaceId: env.workspaceId,
    clock,
    random,
  });
  const storage = options.storage ?? httpStorage(options.fetch);
  const { dataDir, workspaceId } = env;
  const keeper = createKeeper({
    ...{ gateway, storage, dataDir, workspaceId, clock, random, log },
    ...(engine.archive === undefined ? {} : { archive: engine.archive.bind(engine) }),
    intervalMs: env.snapshotIntervalMs,
    idleMs: env.snapshotIdleMs,
  });
  const life: Life = {
    ...{ env, engine, clock, random, log, gateway, storage, keeper, stop },
    ...{ started: false, isEngineReady: false, clean: cleaner(secrets) },
  };

  let stoppedAt: number | null = null;
  const interrupt = new AbortController();
  const ended = new AbortController();
  void aborted(stop).then(async () => {
    stoppedAt = clock.now();
    log.info("draining", { reason: "signal" });
    await clock.sleep(env.stopGraceMs * MESSAGE_SHARE_OF_GRACE, ended.signal);
    interrupt.abort();
  });
  const graceLeft = () =>
    stoppedAt === null ? Number.POSITIVE_INFINITY : env.stopGraceMs - (clock.now() - stoppedAt);

  let end: End;
  try {
    end = await live(life, options, interrupt.signal);
  } catch (error) {
    end = endOf(error);
  }
  if (end.reason !== "signal") log.info("draining", { reason: end.reason });
  await stopEngine(life, Math.min(ENGINE_STOP_MS, graceLeft() / 3));
  // An engine that did not start has answered nothing, and may have left the memory half changed.
  if (end.snapshot !== null && life.isEngineReady) {
    const usual = end.code === EXIT.done ? DRAIN_SNAPSHOT_MS : GIVING_UP_SNAPSHOT_MS;
    const budget = Math.max(1_000, Math.min(usual, graceLeft() - EXIT_MARGIN_MS));
    try {
      await keeper.saveFinal(end.snapshot, budget);
    } catch (error) {
      end = endOf(error);
    }
  }
  ended.abort();
  log.info("exit", { code: end.code, reason: end.reason });
  return end.code;
}

/** Boot, restore, ready, then the loop. */
async function live(life: Life, options: WorkerOptions, interrupt: AbortSignal): Promise<End> {
  const { env, engine, gateway, keeper, clock, random, log, stop } = life;
  const giveUpAfterMs = env.idleTimeoutMs + UNREACHABLE_SLACK_MS;
  log.info("boot", {
    engine: engine.name,
    conversationId: env.conversation?.conversationId ?? null,
    workspaceId: env.workspaceId,
  });
  let restoredSnapshotId: string | null = null;
  if (env.conversation) restoredSnapshotId = await adopt(life, env.conversation);
  const version = options.runtimeVersion;
  const ready = await gateway.ready(
    {
      restoredSnapshotId,
      engine: engine.name,
      ...(version === undefined ? {} : { runtimeVersion: version }),
    },
    { budgetMs: giveUpAfterMs, signal: stop },
  );
  // Assigned between the spawn and now: still before the first claim.
  if (env.conversation === null && ready.conversationId !== null) {
    const agentKey = ready.agentKey ?? "default";
    await adopt(life, { conversationId: ready.conversationId, agentKey });
  }
  log.info("ready", { conversationId: keeper.identity()?.conversationId ?? null });
  return runLoop({
    ...{ gateway, keeper, clock, random, log, stop, interrupt, giveUpAfterMs },
    job: {
      ...{ gateway, engine, clock, random, log, clean: life.clean },
      heartbeatIntervalMs: ready.heartbeatIntervalMs,
      leaseMs: ready.leaseMs,
      runTimeoutMs: env.runTimeoutMs,
      channelFor: (bundle) =>
        chooseChannel(bundle, {
          telegramBaseUrl: env.telegramBaseUrl,
          dataDir: env.dataDir,
          clock,
          ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
        }),
      prepare: async ({ conversationId, agentKey }) => {
        if (keeper.identity() === null) await adopt(life, { conversationId, agentKey });
      },
    },
  });
}

/** Makes this worker the conversation's: its memory first, the skills into it, then the engine on top. */
async function adopt(life: Life, identity: Identity): Promise<string | null> {
  const { env, engine, gateway, storage, keeper, clock, random, log, stop } = life;
  const { dataDir, workspaceId } = env;
  const restored = await restoreMemory(
    { gateway, storage, dataDir, workspaceId, clock, random, signal: stop },
    identity,
  );
  const { conversationId, agentKey } = identity;
  log.info("restored", { conversationId, snapshotId: restored.snapshotId, how: restored.how });
  // Before the keeper looks: skills alone are no change of the memory.
  const skills = await loadSkills({ gateway, settings: env.skills, clock, log });
  await keeper.adopt(identity, restored.snapshotId, restored.how === "restored");
  life.started = true;
  try {
    const started = engine.start({ dataDir, agentKey, conversationId, skills, log });
    // An engine may take minutes to start; one that is stopped meanwhile has nothing to save.
    const stopped = aborted(stop).then(() => {
      throw new Interrupted("Stopped while the engine was starting.");
    });
    await Promise.race([started, stopped]);
    life.isEngineReady = true;
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    throw new EngineBroken(`The engine did not start: ${describe(error)}`);
  }
  return restored.snapshotId;
}

async function stopEngine(life: Life, budgetMs: number): Promise<void> {
  if (!life.started) return;
  try {
    await within(life.engine.stop(), budgetMs, life.clock);
  } catch (error) {
    life.log.warn("engine_stop_failed", { error: describe(error) });
  }
}

function endOf(error: unknown): End {
  const reason = describe(error);
  if (error instanceof TokenRefused) return { code: EXIT.tokenRefused, reason, snapshot: null };
  if (error instanceof RestoreFailed) return { code: EXIT.restoreFailed, reason, snapshot: null };
  if (error instanceof Interrupted) return { code: EXIT.done, reason: "signal", snapshot: null };
  return { code: EXIT.failed, reason, snapshot: "manual" };
}

function transportOf(env: WorkerEnv, fetch: typeof globalThis.fetch | undefined): Transport {
  return httpTransport({
    baseUrl: env.gatewayUrl,
    token: env.token,
    namespace: env.namespace,
    timeoutMs: env.httpTimeoutMs,
    ...(fetch === undefined ? {} : { fetch }),
  });
}

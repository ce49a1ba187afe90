/** Keeps a gateway process running: ready before it is used, started again when it dies, repaired once. */
import { aborted, type Clock } from "../../clock.js";
import { EngineBroken } from "../../errors.js";
import type { Log } from "../../log.js";
import { backoffMs } from "../../retry.js";

/** The gateway refuses its config or state. */
const EXIT_REFUSED = 78;
const READY_POLL_MS = 250;
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_MAX_MS = 30_000;
/** Starts in a row that never became ready, after which this machine is of no use. */
const MAX_FAILED_STARTS = 4;
const STOP_MS = 10_000;

export type GatewayProcess = {
  url: string;
  /** Resolves to the exit code; 128 and more for signals. */
  exited: Promise<number>;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
};

export type SupervisorOptions = {
  launch: () => Promise<GatewayProcess>;
  isReady: (url: string) => Promise<boolean>;
  /** `openclaw doctor --fix`; resolves when it has ended. */
  repair: () => Promise<void>;
  readyTimeoutMs: number;
  clock: Clock;
  random: () => number;
  log: Log;
};

export type Running = { url: string; readyAt: number; died: AbortSignal };
export type Supervisor = ReturnType<typeof createSupervisor>;

export function createSupervisor(options: SupervisorOptions) {
  const { clock, log } = options;
  let stopping = false;
  let current: GatewayProcess | null = null;
  let running: Running | null = null;
  let broken: EngineBroken | null = null;
  let repaired = false;
  let life: Promise<void> = Promise.resolve();
  const stopped = new AbortController();
  let changed = new AbortController();
  const announce = () => {
    const before = changed;
    changed = new AbortController();
    before.abort();
  };

  const waitReady = async (process: GatewayProcess, gone: AbortSignal): Promise<boolean> => {
    const until = clock.now() + options.readyTimeoutMs;
    while (!gone.aborted && clock.now() < until) {
      if (await options.isReady(process.url)) return !gone.aborted;
      await clock.sleep(READY_POLL_MS, gone);
    }
    return false;
  };

  const once = async (): Promise<{ code: number; wasReady: boolean }> => {
    const begunAt = clock.now();
    const process = await options.launch();
    current = process;
    const died = new AbortController();
    void process.exited.then(() => died.abort());
    if (stopping) process.kill("SIGTERM");
    const wasReady = await waitReady(process, died.signal);
    if (wasReady && !stopping) {
      running = { url: process.url, readyAt: clock.now(), died: died.signal };
      log.info("openclaw_ready", { ms: clock.now() - begunAt });
      announce();
    } else if (!died.signal.aborted) {
      log.warn("openclaw_not_ready", { ms: clock.now() - begunAt });
      process.kill("SIGKILL");
    }
    const code = await process.exited;
    current = null;
    running = null;
    return { code, wasReady };
  };

  const live = async () => {
    let failures = 0;
    while (!stopping) {
      const { code, wasReady } = await once();
      if (stopping) return;
      log.warn("openclaw_exited", { code, wasReady });
      failures = wasReady ? 0 : failures + 1;
      if (code === EXIT_REFUSED && !wasReady) {
        if (repaired) throw new EngineBroken("OpenClaw refuses its state, also after a repair.");
        repaired = true;
        log.info("openclaw_repair");
        await options.repair();
        continue;
      }
      if (failures >= MAX_FAILED_STARTS)
        throw new EngineBroken(`OpenClaw did not become ready in ${failures} starts.`);
      const wait = backoffMs(failures, options.random, BACKOFF_BASE_MS, BACKOFF_MAX_MS);
      await clock.sleep(wait, stopped.signal);
    }
  };

  return {
    start: (): void => {
      life = live().catch((error: unknown) => {
        broken =
          error instanceof EngineBroken ? error : new EngineBroken(`OpenClaw: ${String(error)}`);
        announce();
      });
    },
    /** The gateway as soon as it is ready; null when `signal` aborts first. @throws EngineBroken */
    ready: async (signal: AbortSignal): Promise<Running | null> => {
      for (;;) {
        if (broken !== null) throw broken;
        if (running !== null) return running;
        if (signal.aborted || stopping) return null;
        await aborted(AbortSignal.any([changed.signal, signal, stopped.signal]));
      }
    },
    /** Asks it to end, then ends it. Afterwards nothing of it writes any more. */
    stop: async (): Promise<void> => {
      stopping = true;
      stopped.abort();
      current?.kill("SIGTERM");
      const over = new AbortController();
      void clock.sleep(STOP_MS, over.signal).then(() => {
        if (!over.signal.aborted) current?.kill("SIGKILL");
      });
      await life;
      over.abort();
    },
  };
}

/**
 * What convex-test does not offer as an option is reached through three process-wide seams, each of
 * which only acts inside an execution that `enter` has started:
 *
 * - `globalThis.Convex`, the syscalls of the functions (see syscalls.ts);
 * - `setTimeout` while a function is being scheduled: the timer must end with the deployment, must
 *   survive more than 24.8 days (Node fires longer ones at once), and must not inherit the async
 *   context of the function that scheduled it, or convex-test takes the run for a nested call;
 * - `console.error`, which is how convex-test tells that a scheduled function has failed.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { promisify } from "node:util";

export interface Host {
  syscall(op: string, json: string): string;
  asyncSyscall(op: string, json: string): Promise<string>;
  jsSyscall(op: string, args: Record<string, unknown>): Promise<unknown>;
}

/** What one run of a query has read, so that it can be re-run when that changes. */
export interface QueryTrace {
  tables: Set<string>;
  /** The end cursor of an earlier run, so that a page keeps its end. */
  journal: string | null;
  newJournal: string | null;
}

export interface DeploymentHooks {
  timers: Timers;
  /** Undefined until the deployment is complete. */
  host?: Host;
  scheduledFunctionFailed(name: string, error: unknown): void;
}

export interface Execution {
  deployment: DeploymentHooks;
  trace?: QueryTrace;
  /** The request an HTTP action is answering. */
  request?: Request;
  scheduling?: true;
}

const executions = new AsyncLocalStorage<Execution>();
const outside = AsyncLocalStorage.snapshot();

export const currentExecution = (): Execution | undefined => executions.getStore();

/** Runs `body` as a fresh top-level execution, whatever is going on around it. */
export function enter<T>(execution: Execution, body: () => T): T {
  return outside(() => executions.run(execution, body));
}

/** Runs `body` in the same execution; the timer that it starts is the scheduled function's. */
export function whileScheduling<T>(execution: Execution, body: () => T): T {
  return executions.run({ ...execution, scheduling: true }, body);
}

type Timer = ReturnType<typeof setTimeout>;
const MAX_DELAY_MS = 2 ** 31 - 1;
const realSetTimeout = globalThis.setTimeout;

/** The timers of one deployment. */
export class Timers {
  readonly #live = new Set<Timer>();
  #closed = false;

  /** `start` is a setTimeout: functions bring the one that convex-test allows them to use. */
  start(body: () => void, ms: number, start: typeof setTimeout = realSetTimeout): Timer {
    const wait = Math.min(ms, MAX_DELAY_MS);
    const timer = start(() => {
      this.#live.delete(timer);
      if (ms > wait) this.start(body, ms - wait, start);
      else body();
    }, wait);
    this.#live.add(timer);
    if (this.#closed) this.stop(timer);
    return timer;
  }

  stop(timer: Timer | undefined): void {
    if (timer === undefined) return;
    this.#live.delete(timer);
    clearTimeout(timer);
  }

  /** Stops everything, and whatever unfinished functions start from now on. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#live) this.stop(timer);
  }
}

let installed = false;

/** To be called before the first `convexTest()` for the timers, see `installHost` for the rest. */
export function installHooks(): void {
  if (installed) return;
  installed = true;
  const scheduleTimeout = (
    body: (...args: unknown[]) => void,
    ms = 0,
    ...args: unknown[]
  ): Timer => {
    const execution = executions.getStore();
    if (execution?.scheduling === undefined) return realSetTimeout(body, ms, ...args);
    const { deployment } = execution;
    return deployment.timers.start(() => enter({ deployment }, () => body(...args)), ms);
  };
  // util.promisify(setTimeout) works through a property of the function.
  globalThis.setTimeout = Object.assign(scheduleTimeout, {
    [promisify.custom]: Reflect.get(realSetTimeout, promisify.custom) as unknown,
  }) as unknown as typeof setTimeout;

  const consoleError = console.error.bind(console);
  console.error = (...args: unknown[]) => {
    const execution = executions.getStore();
    const name = /^Error when running scheduled function (.*)$/s.exec(String(args[0]))?.[1];
    if (execution === undefined || name === undefined) consoleError(...args);
    else execution.deployment.scheduledFunctionFailed(name, args[1]);
  };
}

let realHost: Host | undefined;

/** convex-test installs its `globalThis.Convex` with the first `convexTest()`: wrap it after that. */
export function installHost(): Host {
  const scope = globalThis as unknown as { Convex: Host };
  if (realHost !== undefined) return realHost;
  const real = (realHost = scope.Convex);
  const host = (): Host => executions.getStore()?.deployment.host ?? real;
  scope.Convex = {
    syscall: (op, json) => host().syscall(op, json),
    asyncSyscall: (op, json) => host().asyncSyscall(op, json),
    jsSyscall: (op, args) => host().jsSyscall(op, args),
  };
  return real;
}

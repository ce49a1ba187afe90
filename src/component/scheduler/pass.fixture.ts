/**
 * A deployment on a stage: the component, a local Fly and a gateway that answers as told, all on one fake clock.
 * Workers are played by the test, which speaks for them with the token that it finds in the machine's environment.
 */
import { vi } from "vitest";
import { createLocalFlyCore } from "../../../example/local/fly/core.js";
import type { LocalFlyOptions } from "../../../example/local/fly/world.js";
import { api, internal } from "../_generated/api.js";
import type { PolicyOverrides, ProviderConfig } from "../config.js";
import type { GatewayFunctionName } from "../gateway/protocol.js";
import { GATEWAY_FUNCTIONS } from "../gateway/protocol.js";
import type { ActionCtx } from "../kit/functions.js";
import { sha256Hex } from "../kit/random.js";
import { initTest, modules, newAgent, PROVIDER } from "../setup.test.js";
import { runPass } from "./pass.js";

export const START = 1_800_000_000_000;
export const MINUTE = 60_000;
export const FLY_TOKEN = "fm2_local";

/** Every step takes a moment, and always the same. */
export const STEADY = {
  launch: [300, 300],
  boot: [700, 700],
  processExit: [200, 200],
  startRefusal: [0, 0],
  destroy: [500, 500],
  retention: [30_000, 30_000],
  volumeUnbind: [0, 0],
  volumeCreate: [0, 0],
  volumeSchedule: [500, 500],
} as const;

/** A turn of the event loop; a timeout of 0 ms would cost a millisecond. */
const realTick = () => new Promise<void>((resolve) => void setImmediate(resolve));
/** Turns of the event loop without pending cryptography after which nothing but a timer can go on. */
const QUIET_TURNS = 3;

/** Loads every module once: a first import takes real time, in which the fake clock would run away. */
async function warmUp(): Promise<void> {
  const code = Object.entries(modules).filter(([path]) => /^\.\/[^.]+(\.public)?\.ts$/.test(path));
  await Promise.all(code.map(async ([, load]) => await load()));
}

const SUBTLE = ["digest", "encrypt", "decrypt", "importKey"] as const;

/** WebCrypto answers from another thread: the fake clock must not run on while it works. */
function countCryptography(): { pending: () => number } {
  let pending = 0;
  const { subtle } = crypto;
  for (const name of SUBTLE) {
    const original = subtle[name].bind(subtle) as (...args: unknown[]) => Promise<unknown>;
    const counted = (...args: unknown[]) => {
      pending += 1;
      return original(...args).finally(() => (pending -= 1));
    };
    vi.spyOn(subtle, name).mockImplementation(counted as never);
  }
  return { pending: () => pending };
}

type Anything = (...args: unknown[]) => Promise<unknown>;

export type StageOptions = {
  fly?: LocalFlyOptions;
  policy?: PolicyOverrides;
  provider?: Partial<ProviderConfig>;
  /** Without: nothing is imported or configured but an agent. */
  bare?: boolean;
};

/** The parts of the gateway's answers that the stage itself reads. */
type GatewayValue = {
  kind?: string;
  job?: Job;
  snapshotId?: string;
} | null;
export type Job = { messageId: string; leaseId: string; conversationId: string };

export type Stage = Awaited<ReturnType<typeof openStage>>;

export async function openStage(options: StageOptions = {}) {
  await warmUp();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: START });
  vi.stubEnv("SECRETS_KEY", btoa(String.fromCharCode(...new Uint8Array(32).fill(7))));
  vi.stubEnv("LOG_LEVEL", "silent");
  vi.spyOn(console, "warn").mockReturnValue();
  vi.spyOn(console, "error").mockReturnValue();
  vi.spyOn(console, "info").mockReturnValue();
  const cryptography = countCryptography();
  const core = createLocalFlyCore({
    app: PROVIDER.appName,
    token: FLY_TOKEN,
    clock: "real",
    timings: Object.fromEntries(Object.entries(STEADY).map(([k, [a, b]]) => [k, [a, b] as const])),
    ...options.fly,
  });
  const t = initTest();
  const stage = {
    t,
    core,
    fly: core.control,
    /** What the health address answers. */
    gateway: 200 as number | "silent",
    gatewayCalls: [] as string[],
    /** Called before every request to the local Fly; may throw or wait. */
    onFlyCall: null as ((method: string, path: string) => void | Promise<void>) | null,
  };
  vi.stubGlobal("fetch", async (input: string, init?: RequestInit) => {
    const url = new URL(input);
    if (url.host === "api.machines.dev") {
      await stage.onFlyCall?.(init?.method ?? "GET", url.pathname);
      return await core.fetch(input, init);
    }
    stage.gatewayCalls.push(url.href);
    if (stage.gateway === "silent") throw new TypeError("fetch failed");
    return new Response("", { status: stage.gateway });
  });

  await newAgent(t);
  if (options.bare !== true) {
    await t.mutation(api.lib.importSecret, {
      secretRef: "fly.apiToken",
      plaintextValue: FLY_TOKEN,
    });
    await t.mutation(api.lib.importSecret, {
      secretRef: "convex.url",
      plaintextValue: "https://happy-animal-123.convex.cloud",
    });
    if (options.policy !== undefined)
      await t.mutation(api.lib.setPolicyConfig, { policy: options.policy });
    await t.mutation(api.lib.setProviderRuntimeConfig, {
      providerConfig: { ...PROVIDER, ...options.provider },
    });
  }

  async function settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      await realTick();
      if (cryptography.pending() > 0) quiet = -1;
    }
  }

  /** Lets `ms` pass, from one timer to the next. */
  async function pass(ms: number): Promise<void> {
    const end = { reached: false };
    setTimeout(() => (end.reached = true), ms);
    await settle();
    while (!end.reached) {
      vi.advanceTimersToNextTimer();
      await settle();
    }
  }

  /** Lets time pass until `condition` holds; throws when it does not within `withinMs`. */
  async function until(
    condition: () => boolean | Promise<boolean>,
    withinMs = 10 * MINUTE,
    stepMs = 1_000,
  ): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!(await condition())) {
      if (Date.now() >= deadline) throw new Error(`it did not happen within ${withinMs} ms`);
      await pass(stepMs);
    }
  }

  /** Runs something that waits for timers, an action for example, while time passes. */
  async function during<R>(work: Promise<R>): Promise<R> {
    const over = { done: false };
    const finish = () => void (over.done = true);
    work.then(finish, finish);
    await settle();
    while (!over.done) {
      if (vi.getTimerCount() > 0) vi.advanceTimersToNextTimer();
      await settle();
    }
    return await work;
  }

  const workers = async () => await t.run(async (ctx) => await ctx.db.query("workers").take(500));
  const worker = async (workerId: string) =>
    (await workers()).find((row) => row.workerId === workerId) ?? null;
  const live = async () => (await workers()).filter((row) => row.status !== "stopped");
  const conversation = async (conversationId: string) =>
    await t.run(async (ctx) =>
      ctx.db
        .query("conversations")
        .withIndex("by_conversationId", (q) => q.eq("conversationId", conversationId))
        .unique(),
    );
  const message = async (id: string) =>
    await t.run(async (ctx) => {
      const messageId = ctx.db.normalizeId("messageQueue", id);
      return messageId === null ? null : await ctx.db.get("messageQueue", messageId);
    });
  const state = async () =>
    (await t.run(async (ctx) => await ctx.db.query("schedulerState").first()))!;

  const machines = () =>
    core.control.machines().filter(({ state: s }) => s !== "destroyed" && s !== "destroying");
  const calls = (action: string) =>
    core.control.log().filter((entry) => entry.action === action).length;
  const started = () => machines().filter((machine) => machine.state === "started");
  const environment = (workerId: string): Record<string, string> => {
    const machine = core.control.machines().find(({ name }) => name === workerId);
    return machine?.config.env ?? {};
  };

  /** Speaks to the gateway as the worker, as the mounted routes would. */
  async function call(
    workerId: string,
    name: GatewayFunctionName,
    args: object = {},
  ): Promise<GatewayValue> {
    const token = environment(workerId)["AGENT_FACTORY_WORKER_TOKEN"] ?? "none";
    return await callWith(token, name, args);
  }
  async function callWith(
    token: string,
    name: GatewayFunctionName,
    args: object = {},
  ): Promise<GatewayValue> {
    const request = { tokenHash: await sha256Hex(token), name, args };
    const value: unknown =
      GATEWAY_FUNCTIONS[name].runs === "query"
        ? await t.query(api.lib.workerGatewayQuery, request)
        : await t.mutation(api.lib.workerGatewayMutation, request);
    return value as GatewayValue;
  }

  /** Boots as the runtime does: asks for memory, restores it, reports ready. Returns what was restored. */
  async function boot(workerId: string): Promise<string | null> {
    const env = environment(workerId);
    const snapshot = await call(workerId, "workerLatestSnapshotForRestore", {
      workspaceId: env["WORKSPACE_ID"],
      agentKey: env["OPENCLAW_AGENT_KEY"],
      conversationId: env["OPENCLAW_CONVERSATION_ID"],
    });
    const restoredSnapshotId: string | null = snapshot?.snapshotId ?? null;
    await call(workerId, "workerReady", { restoredSnapshotId, engine: "test" });
    return restoredSnapshotId;
  }
  async function claim(workerId: string): Promise<Job> {
    const answer = await call(workerId, "workerPoll");
    if (answer?.job === undefined) throw new Error(`no job but ${JSON.stringify(answer)}`);
    return answer.job;
  }
  /** Polls as an idle worker does, if more rarely, for `ms` or until told to stop; returns the last answer. */
  async function idle(workerId: string, ms: number): Promise<GatewayValue> {
    const end = Date.now() + ms;
    let answer: GatewayValue = null;
    while (Date.now() < end) {
      await pass(Math.min(MINUTE, end - Date.now()));
      answer = await call(workerId, "workerPoll");
      if (answer?.kind !== "idle") return answer;
    }
    return answer;
  }
  async function finish(workerId: string, { messageId, leaseId }: Job): Promise<void> {
    const lease = { messageId, leaseId };
    await call(workerId, "workerStoreAnswer", { ...lease, text: "hi", parts: ["hi"] });
    await call(workerId, "workerComplete", lease);
  }
  async function beginSnapshot(workerId: string, reason = "drain"): Promise<string> {
    const env = environment(workerId);
    const upload = await call(workerId, "workerPrepareSnapshotUpload", {
      workspaceId: env["WORKSPACE_ID"],
      agentKey: env["OPENCLAW_AGENT_KEY"],
      conversationId: env["OPENCLAW_CONVERSATION_ID"],
      reason,
    });
    return upload?.snapshotId ?? "";
  }
  async function endSnapshot(workerId: string, snapshotId: string): Promise<unknown> {
    const text = `memory of ${workerId} in ${snapshotId}`;
    const storageId = await t.run(async (ctx) => await ctx.storage.store(new Blob([text])));
    return await call(workerId, "workerFinalizeSnapshotUpload", {
      snapshotId,
      storageId,
      sha256: await sha256Hex(text),
      sizeBytes: text.length,
    });
  }
  async function snapshot(workerId: string, reason = "drain"): Promise<string> {
    const snapshotId = await beginSnapshot(workerId, reason);
    await endSnapshot(workerId, snapshotId);
    return snapshotId;
  }
  /** Lets the scheduler bring up a machine for the next waiting conversation; returns its worker. */
  async function nextStarted(
    known: readonly string[] = [],
    withinMs = 5 * MINUTE,
  ): Promise<string> {
    const fresh = () => started().find(({ name }) => !known.includes(name));
    await until(() => fresh() !== undefined, withinMs, 500);
    // The machine is there before its creation is recorded.
    await until(async () => (await worker(fresh()!.name))?.machineRef !== undefined, MINUTE, 500);
    return fresh()!.name;
  }
  /** Lets time pass until no machine, no volume and no live row is left. */
  async function emptied(withinMs = 15 * MINUTE): Promise<void> {
    await until(async () => (await live()).length === 0, withinMs, 5_000);
    core.control.expectNoCost();
  }

  /** Runs an action that dies before its step `k`, a call of a function or of the provider, and lets time pass meanwhile. */
  async function mortally(
    k: number,
    work: (ctx: ActionCtx) => Promise<unknown>,
  ): Promise<{ died: boolean; steps: number; error?: unknown }> {
    const life: { steps: number; died: boolean; error?: unknown } = { steps: 0, died: false };
    const never = new Promise<never>(() => undefined);
    const mortal =
      <A extends unknown[], R>(run: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        if (life.died) return await never;
        life.steps += 1;
        if (life.steps >= k) {
          life.died = true;
          return await never;
        }
        const result = await run(...args);
        return life.died ? await never : result;
      };
    const flyCall = stage.onFlyCall;
    stage.onFlyCall = mortal(async (method: string, path: string) => await flyCall?.(method, path));
    const action = t.action(async (ctx: ActionCtx) => {
      const runQuery = mortal(ctx.runQuery as unknown as Anything);
      const runMutation = mortal(ctx.runMutation as unknown as Anything);
      return await work({ ...ctx, runQuery, runMutation } as unknown as ActionCtx);
    });
    const over = { done: false };
    action.then(
      () => (over.done = true),
      (error: unknown) => {
        life.error = error;
        over.done = true;
      },
    );
    await settle();
    while (!over.done && !life.died) {
      vi.advanceTimersToNextTimer();
      await settle();
    }
    stage.onFlyCall = flyCall;
    return life;
  }

  /** What dies with the action: a wake-up then finds its pass running until the lease is over. */
  async function dieAtStep(k: number): Promise<{ died: boolean; steps: number }> {
    const started = await t.mutation(internal.scheduler.start.manual, {});
    if (started.kind !== "taken") return { died: false, steps: 0 };
    return await mortally(k, async (ctx) => await runPass(ctx, started.passId, {}));
  }

  async function close(): Promise<void> {
    try {
      await core.close();
    } finally {
      vi.clearAllTimers();
      vi.useRealTimers();
      vi.unstubAllGlobals();
      vi.unstubAllEnvs();
      vi.restoreAllMocks();
    }
  }

  return Object.assign(stage, {
    settle,
    pass,
    until,
    during,
    workers,
    worker,
    live,
    conversation,
    message,
    state,
    machines,
    started,
    calls,
    environment,
    call,
    callWith,
    boot,
    claim,
    idle,
    finish,
    beginSnapshot,
    endSnapshot,
    snapshot,
    nextStarted,
    emptied,
    mortally,
    dieAtStep,
    close,
  });
}

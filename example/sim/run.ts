/** One run: a seed, so many steps of trouble, then rest; all of it decided by the seed. */
import { api } from "../../src/component/_generated/api.js";
import { createLocalFlyCore } from "../local/fly/core.js";
import { liftBudget, setBudget } from "./budget.js";
import { Chats } from "./chats.js";
import { SimClock } from "./clock.js";
import { deploy, loadModules } from "./deployment.js";
import { Draws } from "./draws.js";
import { takeOver } from "./globals.js";
import { checkRest, checkStep } from "./invariants.js";
import { Model } from "./model.js";
import { networkOf } from "./network.js";
import { checkWrites } from "./promises.js";
import { settingOf, VOLUME_SIZE_GB } from "./setting.js";
import { act, AGENT, BOT, WEBHOOK_SECRET_HASH } from "./users.js";
import { startWorker } from "./worker.js";
import { weatherOf } from "./weather.js";
import { World, type SimOptions, type Violation } from "./world.js";

export type SimResult = {
  violation: Violation | null;
  lines: string[];
  /** Ids of the events and faults that took place. */
  struck: string[];
  /** Steps taken before the first violation, or all of them. */
  steps: number;
  /** Steps of the rest after them. */
  restSteps: number;
  virtualMs: number;
  counts: Record<string, number>;
};

const START = 1_800_000_000_000;
const FLY_TOKEN = "fm2_lJPECAAAAAAAsimulatedToken";
const SECRETS_KEY = Buffer.alloc(32, 7).toString("base64");
const MAX_REST_STEPS = 20_000;
const MAX_REST_MS = 24 * 60 * 60_000;
/** Rest is long enough when nothing but Fly's own housekeeping is left for this long. */
const LATE_MAX_MS = 90_000;

const realImmediate = setImmediate;
/** Lets everything that can go on without a timer go on. */
const settle = () => new Promise<void>((resolve) => void realImmediate(resolve));

export async function simulate(options: SimOptions): Promise<SimResult> {
  await loadModules();
  const draws = new Draws(options.seed);
  const clock = new SimClock(START);
  const weather = weatherOf(draws, options.faults);
  const world = new World(options, draws, clock, weather, settingOf(draws), START);
  world.chats = new Chats(world);
  world.model = new Model();
  const env = { SECRETS_KEY: process.env["SECRETS_KEY"], LOG_LEVEL: process.env["LOG_LEVEL"] };
  Object.assign(process.env, { SECRETS_KEY, LOG_LEVEL: "silent" });
  const jitter = draws.stream("timers");
  let timers = 0;
  const restore = takeOver({
    clock,
    random: draws.stream("globals"),
    fetch: networkOf(world),
    timerDelay: (ms) => {
      const late = world.strike("lateTimer", String(++timers));
      return ms + jitter.between(0, 25) + (late ? jitter.between(1_000, LATE_MAX_MS) : 0);
    },
    onConsole: (level, args) => {
      const text = args.map(String).join(" ").slice(0, 300);
      if (level === "error") world.violate("no function breaks", text);
    },
  });
  let restSteps = 0;
  try {
    await open(world);
    await trouble(world);
    if (world.violation === null) restSteps = await rest(world);
    await world.fly.close().catch(() => undefined);
  } finally {
    restore();
    for (const [key, value] of Object.entries(env))
      if (value === undefined) Reflect.deleteProperty(process.env, key);
      else process.env[key] = value;
  }
  return report(world, restSteps);
}

async function open(world: World): Promise<void> {
  const { draws, clock, setting } = world;
  const pauses = draws.stream("actions");
  let steps = 0;
  const { t, database } = await deploy(
    {
      beforeStep: async (action, step) => {
        const key = `${action}:${step}:${++steps}`;
        await clock.sleep(pauses.between(0, 40));
        return !world.strike("killAction", key);
      },
    },
    (writes) => checkWrites(world, writes),
  );
  const lives = new Map<string, number>();
  const fly = createLocalFlyCore({
    app: "local-workers",
    token: FLY_TOKEN,
    clock,
    strict: false,
    seed: Math.floor(draws.at("fly") * 2 ** 31),
    startProcess: (machine) => {
      const life = (lives.get(machine.name) ?? 0) + 1;
      lives.set(machine.name, life);
      return startWorker(world, machine, life);
    },
  });
  Object.assign(world, { t, database, fly });
  world.model.secrets.add(FLY_TOKEN).add(SECRETS_KEY);
  await t.mutation(api.lib.configureAgent, {
    agentKey: AGENT,
    version: "1",
    secretsRef: [],
    enabled: true,
    botIdentity: BOT,
  });
  await t.run(async (ctx) => {
    await ctx.db.insert("telegramBots", {
      botIdentity: BOT,
      webhookSecretHash: WEBHOOK_SECRET_HASH,
      updatedAt: START,
    });
  });
  await t.mutation(api.lib.importSecret, { secretRef: "fly.apiToken", plaintextValue: FLY_TOKEN });
  await t.mutation(api.lib.importSecret, {
    secretRef: "convex.url",
    plaintextValue: "https://happy-animal-123.convex.cloud",
  });
  await t.mutation(api.lib.setPolicyConfig, { policy: setting.policy });
  await t.mutation(api.lib.setProviderRuntimeConfig, {
    providerConfig: {
      kind: "fly",
      appName: "local-workers",
      organizationSlug: "local",
      image: "registry.fly.io/worker:1",
      region: "fra",
      volumeName: "openclaw_data",
      volumePath: "/data",
      volumeSizeGb: VOLUME_SIZE_GB,
    },
  });
  await setBudget(world);
  await settle();
}

async function trouble(world: World): Promise<void> {
  while (world.stepNumber < world.options.steps && world.violation === null) {
    world.stepNumber += 1;
    loseMachine(world);
    if (!(await act(world))) world.clock.step();
    await settle();
    checkStep(world);
    if (world.stepNumber % 100 === 0) tidy(world);
  }
}

function loseMachine(world: World): void {
  const running = world.fly.control.machines().filter(({ state }) => state === "started");
  const key = String(world.stepNumber);
  const machine = running[world.between(0, running.length, `lost/${key}`)];
  if (machine !== undefined && world.strike("machineLoss", key))
    world.fly.control.operatorDestroy(machine.id);
}

/** Rows that no function reads any more only make every query slower. */
function tidy(world: World): void {
  const { database } = world;
  database.prune("_scheduled_functions", (row) => {
    const kind = (row["state"] as { kind: string }).kind;
    return kind !== "pending" && kind !== "inProgress";
  });
}

/** Returns the number of its steps. */
async function rest(world: World): Promise<number> {
  world.trace("rest");
  world.calm = true;
  await liftBudget(world);
  const end = world.clock.now() + MAX_REST_MS;
  let restStep = 0;
  for (; restStep < MAX_REST_STEPS && world.violation === null; restStep++) {
    if (restStep % 50 === 0 && isAtRest(world)) break;
    if ((world.clock.nextAt() ?? Infinity) > end || !world.clock.step()) break;
    await settle();
    world.stepNumber += 1;
    checkStep(world);
    if (restStep % 200 === 0) tidy(world);
  }
  if (world.violation === null) checkRest(world);
  return restStep;
}

function isAtRest(world: World): boolean {
  const { database } = world;
  const pending = database
    .rows<{ _id: string; _creationTime: number; state: { kind: string } }>("_scheduled_functions")
    // What is still in progress when nothing moves was killed.
    .some(({ state }) => state.kind === "pending");
  return !pending && world.fly.control.bill().usdPerHour === 0;
}

function report(world: World, restSteps: number): SimResult {
  const messages = world.database.rows("messageQueue");
  const of = (status: string) => messages.filter((row) => row["status"] === status).length;
  return {
    violation: world.violation,
    lines: world.lines,
    struck: world.struck,
    steps: world.stepNumber - restSteps,
    restSteps,
    virtualMs: world.clock.now() - world.startedAt,
    counts: {
      messages: messages.length,
      done: of("done"),
      dead: of("dead_letter"),
      workers: world.database.rows("workers").length,
      replies: world.chats.replies.length,
      faults: world.struck.length,
      checks: world.model.checks,
    },
  };
}

/** The stage of a run: the process's globals replaced, the component deployed and configured, Fly and its workers ready. */
import { api } from "../../src/component/_generated/api.js";
import { createLocalFlyCore } from "../local/fly/core.js";
import { setBudget } from "./budget.js";
import { Chats } from "./chats.js";
import { SimClock } from "./clock.js";
import { deploy, loadModules } from "./deployment.js";
import { Draws } from "./draws.js";
import { takeOver } from "./globals.js";
import { Model } from "./model.js";
import { networkOf } from "./network.js";
import { checkWrites } from "./promises.js";
import { settingOf, VOLUME_SIZE_GB, type Setting } from "./setting.js";
import { AGENT } from "./asking.js";
import { BOT, BOT_TOKEN, openTelegram, WEBHOOK_SECRET_HASH } from "./telegram.js";
import { startWorker } from "./worker.js";
import { weatherOf } from "./weather.js";
import { World, type SimOptions, type Watcher } from "./world.js";

const START = 1_800_000_000_000;
const FLY_TOKEN = "fm2_lJPECAAAAAAAsimulatedToken";
const SECRETS_KEY = Buffer.alloc(32, 7).toString("base64");
const LATE_MAX_MS = 90_000;

const realImmediate = setImmediate;
/** Lets everything that can go on without a timer go on. */
export const settle = () => new Promise<void>((resolve) => void realImmediate(resolve));

/** Runs `play` in the world of the seed, or in one with another setting; the process has its own globals back after it. */
export async function onStage<R>(
  options: SimOptions,
  play: (world: World) => Promise<R>,
  { setting, watcher }: { setting?: Setting; watcher?: Watcher } = {},
): Promise<R> {
  await loadModules();
  const draws = new Draws(options.seed);
  const clock = new SimClock(START);
  const chosen = setting ?? settingOf(draws);
  const weather = weatherOf(draws, options.faults, chosen.budget !== null);
  const world = new World(options, draws, clock, weather, chosen, START);
  world.watcher = watcher ?? null;
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
  try {
    await open(world);
    const result = await play(world);
    world.telegram.close();
    await world.fly.close().catch(() => undefined);
    return result;
  } finally {
    restore();
    for (const [key, value] of Object.entries(env))
      if (value === undefined) Reflect.deleteProperty(process.env, key);
      else process.env[key] = value;
  }
}

async function open(world: World): Promise<void> {
  const { draws, clock, setting } = world;
  const pauses = draws.stream("actions");
  let steps = 0;
  const { t, database } = await deploy(
    {
      beforeStep: async (action, step) => {
        const key = `${action}:${step}:${++steps}`;
        world.watcher?.step?.(action, step);
        await clock.sleep(pauses.between(0, 40));
        return !world.strike("killAction", key);
      },
    },
    (writes) => {
      world.watcher?.wrote?.(writes, clock.now());
      checkWrites(world, writes);
    },
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
      world.watcher?.started?.(machine.name, clock.now());
      return startWorker(world, machine, life);
    },
  });
  const telegram = await openTelegram(world);
  Object.assign(world, { t, database, fly, telegram });
  world.model.secrets.add(FLY_TOKEN).add(SECRETS_KEY).add(BOT_TOKEN);
  await t.mutation(api.lib.configureAgent, {
    agentKey: AGENT,
    version: "1",
    secretsRef: ["telegram.botToken"],
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
  const secrets = { "fly.apiToken": FLY_TOKEN, "telegram.botToken": BOT_TOKEN };
  for (const [secretRef, plaintextValue] of Object.entries(secrets))
    await t.mutation(api.lib.importSecret, { secretRef, plaintextValue });
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

/** Rows that no function reads any more only make every query slower. */
export function tidy(world: World): void {
  const { database } = world;
  database.prune("_scheduled_functions", (row) => {
    const kind = (row["state"] as { kind: string }).kind;
    return kind !== "pending" && kind !== "inProgress";
  });
}

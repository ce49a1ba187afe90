/** One run: a seed, so many steps of trouble, then rest; all of it decided by the seed. */
import { liftBudget } from "./budget.js";
import { checkRest, checkStep } from "./invariants.js";
import { onStage, settle, tidy } from "./stage.js";
import { act } from "./users.js";
import type { SimOptions, Violation, World } from "./world.js";

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

const MAX_REST_STEPS = 20_000;
const MAX_REST_MS = 24 * 60 * 60_000;

export async function simulate(options: SimOptions): Promise<SimResult> {
  return await onStage(options, async (world) => {
    await trouble(world);
    const restSteps = world.violation === null ? await rest(world) : 0;
    return { world, restSteps };
  }).then(({ world, restSteps }) => report(world, restSteps));
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
  if (machine === undefined) return;
  if (world.strike("machineLoss", key)) world.fly.control.operatorDestroy(machine.id);
  else if (world.strike("machineStop", key)) world.fly.control.operatorStop(machine.id);
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

/** The scripted part of the demo, and the checks that make `--once` an end-to-end test. */
import type { World } from "../world.js";
import { conversationOf, type Chat } from "./chat.js";
import type { Observer } from "./observer.js";
import type { DemoOptions } from "./options.js";
import { skillProblem } from "./skill.js";
import { missingPhases, phaseTimes, summary } from "./timeline.js";

/** Every message must be answered, and the fleet be gone, within this time beside the idle time. */
const ANSWER_WITHIN_MS = 60_000;
/** OpenClaw starts in 10 s, or in minutes on a machine that is busy. */
const OPENCLAW_ANSWERS_WITHIN_MS = 5 * 60_000;
const GONE_WITHIN_MS = 60_000;

export type JourneyInput = {
  world: World;
  chat: Chat;
  observer: Observer;
  options: DemoOptions;
  agentKeys: readonly string[];
  print: (line: string) => void;
};

/** Sends the messages and waits for their answers; 0, or 1 after saying what did not happen. */
export async function sendAndAnswer(input: JourneyInput): Promise<number> {
  const { world, chat, observer, options, agentKeys, print } = input;
  const sent: { messageId: string; conversationId: string; text: string }[] = [];
  for (const agentKey of agentKeys)
    for (let n = 1; n <= options.messages; n++) {
      const text = options.killWorker && sent.length === 0 ? "/slow 4000 Hello" : `Hello ${n}`;
      const conversationId = conversationOf(agentKey);
      const messageId = await chat.send(conversationId, agentKey, text);
      observer.watch(
        messageId,
        agentKeys.length === 1 ? `message ${n}` : `${agentKey} message ${n}`,
      );
      sent.push({ messageId, conversationId, text });
    }

  if (options.killWorker) await killMidMessage(input, sent[0]?.messageId ?? "");
  const withinMs = options.engine === "echo" ? ANSWER_WITHIN_MS : OPENCLAW_ANSWERS_WITHIN_MS;
  const answered = await until(withinMs, async () => {
    for (const { messageId } of sent) if (!(await isCompleted(world, messageId))) return false;
    return true;
  });
  if (!answered) return await explain(input, "not every message was answered");
  const problem = await checkAnswers(chat, sent);
  if (problem !== null) return await explain(input, problem);
  for (const agentKey of agentKeys) {
    const last = (await chat.history(conversationOf(agentKey))).at(-1);
    print(`\n  « ${last?.content ?? ""} »\n`);
  }
  return 0;
}

/**
 * Waits until the fleet is gone and shows the journey; 0, or 1 after saying what did not happen. Who keeps the worker
 * busy from the terminal gives it all the time there is.
 */
export async function watchTheEnd(input: JourneyInput, patient: boolean): Promise<number> {
  const { world, observer, options } = input;
  const withinMs = patient ? Number.POSITIVE_INFINITY : options.idleMs + GONE_WITHIN_MS;
  const gone = await until(withinMs, () =>
    Promise.resolve(world.fly.control.bill().usdPerHour === 0),
  );
  if (!gone) return await explain(input, "machines or volumes are still billed");
  await until(
    10_000,
    async () =>
      ((await world.component("listWorkers", { status: "stopping" })) as unknown[]).length === 0,
  );
  await observer.poll();
  return await conclude(input);
}

async function conclude(input: JourneyInput): Promise<number> {
  const { world, observer, print } = input;
  const times = phaseTimes(observer.events);
  print("\nThe journey of the first message:");
  for (const line of summary(times, world.fly.control.bill().totalUsd)) print(line);
  const missing = missingPhases(times);
  if (missing.length > 0)
    return await explain(input, `phases that were not seen: ${missing.join(", ")}`);
  const unloaded = skillProblem(observer.events);
  if (unloaded !== null) return await explain(input, unloaded);
  const leak = await findSecret(world);
  if (leak !== null) return await explain(input, leak);
  print("\nAnswered once, nothing is billed any more, and no table holds a secret or a token.");
  return 0;
}

/** Waits until the worker has the message, then ends its process as a crash would. */
async function killMidMessage({ world, print }: JourneyInput, messageId: string): Promise<void> {
  const claimed = await until(ANSWER_WITHIN_MS, async () => {
    const events = (await world.component("listMessageEvents", { messageId })) as {
      kind: string;
    }[];
    return events.some((event) => event.kind === "claimed");
  });
  const machine = world.fly.control.machines().find((m) => m.state === "started");
  if (!claimed || machine === undefined) return;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  print(`\n  killing machine ${machine.id} in the middle of the message\n`);
  world.fly.control.exit(machine.id, 137);
}

async function isCompleted(world: World, messageId: string): Promise<boolean> {
  const events = (await world.component("listMessageEvents", { messageId })) as { kind: string }[];
  return events.some((event) => event.kind === "completed");
}

/** Each message has exactly one answer, in the order of sending. */
async function checkAnswers(
  chat: Chat,
  sent: readonly { conversationId: string; text: string }[],
): Promise<string | null> {
  for (const conversationId of new Set(sent.map((s) => s.conversationId))) {
    const texts = sent.filter((s) => s.conversationId === conversationId).map((s) => s.text);
    const history = await chat.history(conversationId);
    const asked = history.filter((entry) => entry.role === "user").map((entry) => entry.content);
    const answers = history.filter((entry) => entry.role === "assistant").length;
    if (JSON.stringify(asked) !== JSON.stringify(texts) || answers !== texts.length)
      return `${conversationId} has ${answers} answers to ${JSON.stringify(asked)}, expected one to each of ${JSON.stringify(texts)}`;
  }
  return null;
}

/** Where a secret of this world, or a worker token, stands in a table in plaintext; null when nowhere. */
async function findSecret(world: World): Promise<string | null> {
  for (const [component, tables] of Object.entries(await world.convex.dump()))
    for (const [table, rows] of Object.entries(tables)) {
      const text = JSON.stringify(rows, (_key, value: unknown) =>
        typeof value === "bigint" ? String(value) : value,
      );
      if (
        /afw_[A-Za-z0-9_-]{20,}/.test(text) ||
        world.secrets.some((secret) => text.includes(secret))
      )
        return `the table ${component}/${table} holds a secret in plaintext`;
    }
  return null;
}

async function explain({ world, print }: JourneyInput, reason: string): Promise<number> {
  print(`\nFAILED: ${reason}`);
  print(JSON.stringify(await world.component("explainPass"), null, 2));
  return 1;
}

async function until(withinMs: number, done: () => Promise<boolean>): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    if (await done()) return true;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  return false;
}

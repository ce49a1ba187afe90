/**
 * `npm run demo`: a message travels the whole way on this machine: queue, pass, machine, claim, hydration, answer,
 * idle, snapshot, destroyed. Then it reads lines from the terminal, each a message.
 */
import { createInterface } from "node:readline/promises";
import { Chat, conversationOf, DEMO_USER } from "./demo/chat.js";
import { sendAndAnswer, watchTheEnd } from "./demo/journey.js";
import { Observer } from "./demo/observer.js";
import { parseOptions, type DemoOptions } from "./demo/options.js";
import { deploySkill } from "./demo/skill.js";
import { converseInTelegram, runTelegramJourney } from "./demo/telegram.js";
import { prepareOpenClaw } from "./openclaw/prepare.js";
import type { Ui } from "./ui/server.js";
import { startWorld, type World } from "./world.js";

/** The address of the web UI, when nobody else has the port. */
const UI_PORT = 5180;

const print = (line: string) => process.stdout.write(`${line}\n`);

async function main(options: DemoOptions): Promise<number> {
  let observer: Observer | undefined;
  let ui: Ui | undefined;
  const agentKeys = Array.from({ length: options.agents }, (_, i) =>
    i === 0 ? "default" : `agent-${i + 1}`,
  );
  const openclaw = options.engine === "openclaw" ? await prepareOpenClaw(print) : null;
  print("Starting a local Convex deployment, a local Fly, a local Telegram …");
  const world = await startWorld({
    idleMs: options.idleMs,
    maxWorkers: options.agents,
    agentKeys,
    ...openclaw?.world,
    onWorkerLine: (machineId, line) => {
      observer?.fromWorkerLog(line);
      if (options.verbose) print(`             [${machineId}] ${line}`);
    },
    onProblem: (text) => print(`! ${text}`),
  });
  const interrupted = new Promise<number>((resolve) => {
    process.once("SIGINT", () => resolve(130));
    process.once("SIGTERM", () => resolve(143));
  });
  try {
    print(`Convex ${world.convex.cloudUrl} (HTTP ${world.convex.siteUrl}), Fly ${world.fly.url}\n`);
    if (!options.once) {
      // Loaded here, so that a run without people needs no Vite.
      const { startUi } = await import("./ui/server.js");
      ui = await startUi(world, UI_PORT);
      print(`Web UI ${ui.url}\n`);
    }
    observer = new Observer(world, print);
    observer.start();
    const chat = new Chat(world.convex.cloudUrl, DEMO_USER);
    const work = async () => {
      if (options.telegram) {
        const code = await runTelegramJourney({ world, print });
        return options.once || code !== 0 ? code : await converseInTelegram(world, print);
      }
      await deploySkill(world, print);
      const watching = observer as Observer;
      const journey = { world, chat, observer: watching, options, agentKeys, print };
      const code = await sendAndAnswer(journey);
      if (code !== 0) return code;
      if (options.once) return await watchTheEnd(journey, false);
      // The end is shown when it comes; the world may be closed before.
      void watchTheEnd(journey, true).catch(() => undefined);
      return await converse(world, chat, watching);
    };
    return await Promise.race([work(), interrupted]);
  } finally {
    await observer?.stop();
    await ui?.close();
    await world.close();
    await openclaw?.close();
  }
}

/** Lines from the terminal are messages; the answers are printed as they come. */
async function converse(world: World, chat: Chat, observer: Observer): Promise<number> {
  print(
    "\nType a message (Ctrl-C ends; /slow 3000 hi, /fail, /crash try the echo engine's faults):",
  );
  const lines = createInterface({ input: process.stdin });
  let turns = 0;
  for await (const line of lines) {
    if (line.trim() === "") continue;
    turns += 1;
    const messageId = await chat.send(conversationOf("default"), "default", line);
    observer.watch(messageId, `your message ${turns}`);
    void showAnswer(world, chat, messageId);
  }
  return 0;
}

async function showAnswer(world: World, chat: Chat, messageId: string): Promise<void> {
  for (;;) {
    const events = (await world.component("listMessageEvents", { messageId })) as {
      kind: string;
    }[];
    const end = events.find((event) => ["completed", "dead_lettered"].includes(event.kind));
    if (end !== undefined) {
      const answer = (await chat.history(conversationOf("default"))).at(-1);
      print(
        end.kind === "completed"
          ? `\n  « ${answer?.content ?? ""} »\n`
          : "\n  (no answer: dead letter)\n",
      );
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

let options: DemoOptions;
try {
  options = parseOptions(process.argv.slice(2));
} catch (error) {
  print(error instanceof Error ? error.message : String(error));
  process.exit(2);
}
try {
  process.exit(await main(options));
} catch (error) {
  print(
    `The demo could not run: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  process.exit(1);
}

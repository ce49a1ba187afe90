/** A person's way to an agent in Telegram: token, webhook, code, a link, a chat. The checks make it a test as well. */
import { createInterface } from "node:readline/promises";
import type { World } from "../world.js";

const BOT = { id: 777_001, username: "demo_agent_bot", firstName: "Demo agent" };
const PERSON = { id: 4_711, firstName: "Ada" };
const USER = { consumerUserId: "ada", agentKey: "default" };
const WITHIN_MS = 60_000;

type Input = { world: World; print: (line: string) => void };
type State = { nextAction: string; pairingDeepLink: string | null };

/** Runs it; 0, or 1 after saying what did not happen. */
export async function runTelegramJourney({ world, print }: Input): Promise<number> {
  const { component, telegram, convex } = world;
  const token = telegram.control.addBot(BOT);
  world.secrets.push(token);
  const steps: string[] = [];
  const state = async () => {
    const now = (await component("getUserAgentOnboardingState", USER)) as unknown as State;
    steps.push(now.nextAction);
    print(`  next step: ${now.nextAction}`);
    return now;
  };

  print("A user brings a bot of her own:");
  await state();
  await component("importTelegramTokenForAgent", { ...USER, plaintextValue: token });
  print("  the token is imported; Telegram says it is @demo_agent_bot");
  await state();
  await component("configureTelegramWebhook", {
    convexSiteUrl: convex.siteUrl,
    agentKey: USER.agentKey,
  });
  print("  Telegram delivers the bot's updates here, with a secret of its own");
  await state();
  await component("createUserAgentPairing", USER);
  const { pairingDeepLink } = await state();
  print(`  the app shows ${pairingDeepLink ?? "no link"}\n\nAda's phone:`);
  if (pairingDeepLink === null) return failed(print, "there is no link");

  const chat = new ChatView(world, print);
  const code = new URL(pairingDeepLink).searchParams.get("start") ?? "";
  chat.say(`/start ${code}`);
  if (!(await chat.hears(1))) return failed(print, "the bot did not confirm the pairing");
  await state();
  chat.say("Hello, who are you?");
  if (!(await chat.hears(2))) return failed(print, "nobody answered in the chat");
  const wanted = "import_token configure_webhook create_pairing complete_pairing ready";
  if (steps.join(" ") !== wanted) return failed(print, `the steps were ${steps.join(" ")}`);
  print("\nFrom the token to an answer in the chat, every step in its order.");
  return 0;
}

/** Lines from the terminal are what Ada types. */
export async function converseInTelegram(
  world: World,
  print: (line: string) => void,
): Promise<number> {
  print("\nYou are Ada now. Type (Ctrl-C ends):");
  const chat = new ChatView(world, print);
  const timer = setInterval(() => chat.show(), 200);
  for await (const line of createInterface({ input: process.stdin }))
    if (line.trim() !== "") chat.say(line);
  clearInterval(timer);
  return 0;
}

/** The chat as the person sees it. */
class ChatView {
  #shown = 0;

  constructor(
    private readonly world: World,
    private readonly print: (line: string) => void,
  ) {
    if (this.#heard().length > 1) this.#shown = this.#heard().length;
  }

  say(text: string): void {
    this.print(`  Ada  ▸ ${text}`);
    this.world.telegram.control.say(BOT.id, PERSON, text);
  }

  show(): void {
    const heard = this.#heard();
    for (const { text } of heard.slice(this.#shown)) this.print(`  bot  ◂ ${text}`);
    this.#shown = heard.length;
  }

  /** Waits until the bot has said that many things. */
  async hears(count: number): Promise<boolean> {
    const deadline = Date.now() + WITHIN_MS;
    while (Date.now() < deadline && this.#heard().length < count)
      await new Promise((resolve) => setTimeout(resolve, 150));
    this.show();
    return this.#heard().length >= count;
  }

  #heard() {
    return this.world.telegram.control.sent(BOT.id);
  }
}

function failed(print: (line: string) => void, reason: string): number {
  print(`\nFAILED: ${reason}`);
  return 1;
}

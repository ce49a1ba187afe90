/** What the UI's local-world buttons do: faults, and a phone with Telegram. */
import { z } from "zod";
import type { World } from "../world.js";

const FAULT_MS = 30_000;
const BOT = { id: 777_002, username: "my_agent_bot", firstName: "My agent" };
const PERSON = { id: 4_712, firstName: "You" };

const vCommand = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("kill_worker") }),
  z.object({ kind: z.literal("fly_outage") }),
  z.object({ kind: z.literal("fly_429") }),
  z.object({ kind: z.literal("end_faults") }),
  z.object({ kind: z.literal("make_bot") }),
  z.object({ kind: z.literal("phone_says"), text: z.string().min(1).max(4_000) }),
]);
type Command = z.infer<typeof vCommand>;
type Reply = { status: number; type: string; body: string };

export class LocalWorldControl {
  /** Names of what is wrong, and until when. */
  readonly #faults = new Map<string, number>();
  readonly #said: { at: number; text: string }[] = [];
  #hasBot = false;

  constructor(private readonly world: World) {}

  state(): Reply {
    const { fly, telegram } = this.world;
    const bill = fly.control.bill();
    const heard = this.#hasBot ? telegram.control.sent(BOT.id) : [];
    const phone = [
      ...heard.map(({ at, text }) => ({ at, text, from: "bot" as const })),
      ...this.#said.map(({ at, text }) => ({ at, text, from: "person" as const })),
    ].sort((a, b) => a.at - b.at);
    return reply(200, {
      machines: fly.control
        .machines()
        .filter((machine) => machine.state !== "destroyed")
        .map(({ id, state, region }) => ({ id, state, region })),
      usdPerHour: bill.usdPerHour,
      totalUsd: bill.totalUsd,
      faults: [...this.#faults].filter(([, until]) => until > Date.now()).map(([name]) => name),
      phone: phone.map(({ from, text }) => ({ from, text })),
    });
  }

  command(body: Buffer): Reply {
    const command = vCommand.safeParse(parse(body));
    if (!command.success) return reply(400, { message: "There is no such command." });
    try {
      return reply(200, { message: this.#run(command.data) });
    } catch (error) {
      return reply(409, { message: error instanceof Error ? error.message : String(error) });
    }
  }

  #run(command: Command): string {
    const { fly, telegram } = this.world;
    switch (command.kind) {
      case "kill_worker": {
        const victim = fly.control.machines().find((machine) => machine.state === "started");
        if (victim === undefined) throw new Error("No machine is running. Send a message first.");
        fly.control.exit(victim.id, 137);
        return `Killed machine ${victim.id}. Its message will be answered by another one.`;
      }
      case "fly_outage":
        this.#strike("Fly is down", { kind: "reset" });
        return "Fly resets every connection for 30 s.";
      case "fly_429":
        this.#strike("Fly answers 429", {
          kind: "status",
          status: 429,
          json: { error: "resource_exhausted: rate limit exceeded" },
        });
        return "Fly answers 429 to everything for 30 s.";
      case "end_faults":
        fly.control.clearFaults();
        this.#faults.clear();
        return "Everything works again.";
      case "make_bot": {
        const token = telegram.control.addBot(BOT);
        this.world.secrets.push(token);
        this.#hasBot = true;
        this.#said.length = 0;
        return token;
      }
      case "phone_says":
        if (!this.#hasBot) throw new Error("There is no local bot yet.");
        this.#said.push({ at: Date.now(), text: command.text });
        telegram.control.say(BOT.id, PERSON, command.text);
        return "Sent.";
    }
  }

  #strike(name: string, effect: Parameters<World["fly"]["control"]["fault"]>[0]["effect"]): void {
    const fault = this.world.fly.control.fault({ effect });
    this.#faults.set(name, Date.now() + FAULT_MS);
    setTimeout(() => fault.remove(), FAULT_MS).unref();
  }
}

function reply(status: number, body: object): Reply {
  return { status, type: ".json", body: JSON.stringify(body) };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}

import { join } from "node:path";
import { systemClock, type Clock } from "../clock.js";
import { readMemory, remember, writeMemory } from "./echoMemory.js";
import { EngineError, type Engine, type EngineContext, type Turn } from "./engine.js";

export type EchoOptions = {
  /** Every answer takes at least this long. */
  delayMs?: number;
  clock?: Clock;
  /** What `/crash` does. */
  crash?: () => void;
};

export type EchoCommand =
  | { kind: "say" }
  | { kind: "crash" }
  | { kind: "fail" }
  | { kind: "refuse" }
  | { kind: "slow"; ms: number };

/** Reads the fault commands that a text may start with. */
export function parseEchoCommand(text: string): EchoCommand {
  const [word, argument] = text.trim().split(/\s+/);
  if (word === "/crash" || word === "/fail" || word === "/refuse") {
    return { kind: word.slice(1) as "crash" | "fail" | "refuse" };
  }
  const ms = Number(argument);
  if (word === "/slow" && Number.isFinite(ms) && ms >= 0) return { kind: "slow", ms };
  return { kind: "say" };
}

/**
 * An engine without a model: it repeats what it was told and says how much it remembers, so that a memory
 * that moved from machine to machine can be seen, and which skills it was given. Faults on request: `/crash`, `/fail`, `/refuse`, `/slow <ms>`.
 */
export function createEchoEngine(options: EchoOptions = {}): Engine {
  const clock = options.clock ?? systemClock;
  const crash = options.crash ?? (() => process.exit(137));
  let file: string | null = null;
  let skills = "";

  return {
    name: "echo",
    start: (context: EngineContext) => {
      file = join(context.dataDir, "workspace", "memory.json");
      const names = (context.skills ?? []).map(({ slug, version }) => `${slug} ${version}`);
      skills = names.length === 0 ? "" : ` My skills: ${names.join(", ")}.`;
      return Promise.resolve();
    },
    stop: () => Promise.resolve(),
    run: async (turn: Turn) => {
      if (file === null) throw new Error("The echo engine was not started.");
      const command = parseEchoCommand(turn.userText);
      if (command.kind === "fail") {
        throw new EngineError("The echo engine failed on request.", { retryable: true });
      }
      if (command.kind === "refuse") {
        throw new EngineError("The echo engine refused on request.", { retryable: false });
      }
      await clock.sleep(
        (options.delayMs ?? 0) + (command.kind === "slow" ? command.ms : 0),
        turn.signal,
      );
      if (turn.signal.aborted) throw new EngineError("Aborted.", { retryable: true });

      const { memory, earlier, previous } = remember(
        await readMemory(file),
        turn.messageId,
        turn.userText,
      );
      await writeMemory(file, memory);
      if (command.kind === "crash") crash();
      const count = `${earlier} earlier ${earlier === 1 ? "message" : "messages"}`;
      const last = previous === null ? "" : `; the last one was: "${previous}"`;
      return { text: `You said: "${turn.userText}". I remember ${count}${last}.${skills}` };
    },
  };
}

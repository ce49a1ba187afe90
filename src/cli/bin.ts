#!/usr/bin/env node
/** The `agent-factory` command: one file per subcommand, each gets its arguments and gives the exit code. */
import { doctor } from "./doctor.js";
import { skillBundle } from "./skillBundle.js";

export type Io = { out: (text: string) => void; err: (text: string) => void };
/** 0 done, 1 refused, 2 used wrongly. */
export type Command = (args: readonly string[], io: Io) => Promise<number>;

const COMMANDS: Readonly<Record<string, { usage: string; run: Command }>> = {
  doctor: {
    usage: "doctor [module:function] [--prod]   what a deployment lacks, and what to do",
    run: async (args) => await doctor(args),
  },
  "skill-bundle": {
    usage:
      "skill-bundle <dir>                  packs a skill's directory into the JSON that is deployed",
    run: skillBundle,
  },
};

const io: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

const [name = "", ...args] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command === undefined) {
  const usages = Object.values(COMMANDS).map(({ usage }) => `  npx agent-factory ${usage}`);
  io.err(`Usage:\n${usages.join("\n")}\n`);
  process.exitCode = name === "--help" ? 0 : 2;
} else process.exitCode = await command.run(args, io);

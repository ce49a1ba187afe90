#!/usr/bin/env node
/** The `agent-factory` command: one subcommand per file. */
import { doctor } from "./doctor.js";

type Command = { usage: string; run: (args: string[]) => Promise<number> };

const COMMANDS: Readonly<Record<string, Command>> = {
  doctor: {
    usage: "doctor [module:function] [--prod]   what a deployment lacks, and what to do",
    run: doctor,
  },
};

const [name = "", ...args] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command === undefined) {
  const usages = Object.values(COMMANDS).map(({ usage }) => `  npx agent-factory ${usage}`);
  process.stderr.write(`Usage:\n${usages.join("\n")}\n`);
  process.exitCode = name === "" || name === "--help" ? 0 : 2;
} else process.exitCode = await command.run(args);

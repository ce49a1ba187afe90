#!/usr/bin/env node
/** The `agent-factory` command: one file per subcommand, each gets its arguments and gives the exit code. */
import { skillBundle } from "./skillBundle.js";

export type Io = { out: (text: string) => void; err: (text: string) => void };
/** 0 done, 1 refused, 2 used wrongly. */
export type Command = (args: readonly string[], io: Io) => Promise<number>;

const COMMANDS: Readonly<Record<string, Command>> = {
  "skill-bundle": skillBundle,
};

const io: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

const [name = "", ...args] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command === undefined) {
  io.err(`Usage: agent-factory <command>, one of ${Object.keys(COMMANDS).join(", ")}\n`);
  process.exitCode = 2;
} else process.exitCode = await command(args, io);

import { expect, test } from "vitest";
import { parseOptions, USAGE } from "./options.js";

test("nothing given means one message of one agent, then a prompt", () => {
  expect(parseOptions([])).toEqual({
    engine: "echo",
    once: false,
    idleMs: 4_000,
    agents: 1,
    messages: 1,
    killWorker: false,
    telegram: false,
    verbose: false,
  });
});

test.each([
  [["--idle-ms", "soon"], "--idle-ms must be a whole number"],
  [["--agents", "9"], "--agents must be a whole number from 1 to 8"],
  [["--messages", "0"], "--messages must be"],
  [["--engine", "gpt"], "--engine must be echo or openclaw"],
  [["--nonsense"], "nonsense"],
  [["--help"], USAGE],
])("%j is answered with a sentence", (args, text) => {
  expect(() => parseOptions(args)).toThrow(text);
});

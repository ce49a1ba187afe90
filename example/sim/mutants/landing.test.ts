import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { toOptions, type CorpusEntry } from "../corpus.js";
import { simulate } from "../run.js";
import { copySources, plant } from "./apply.js";
import { MUTANTS } from "./list.js";

const LANDED = "a lease that was no delivery";
let root = "";
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

/** In a process of its own that does not know that it is started by a test. */
function run(command: string, ...args: string[]) {
  const env = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|NODE_ENV$|TEST$)/.test(name),
  );
  const bin = path.join(root, "node_modules/.bin", command);
  const options = { cwd: root, encoding: "utf8", env: Object.fromEntries(env) } as const;
  const { status, stdout, stderr } = spawnSync(bin, args, options);
  return { status, output: `${stdout}${stderr}` };
}

test("a fault is found, shrunk, landed as a test that fails, and that passes when the fault is gone", async () => {
  const mutant = MUTANTS.find(({ name }) => name === "count no deliveries");
  if (mutant === undefined) throw new Error("The fault of this test is gone.");
  root = copySources();
  plant(mutant, root);
  const corpus = path.join(root, "example/sim/corpus.json");
  fs.writeFileSync(corpus, "[]");

  const seed = ["--seed", "1", "--steps", "150", "--quiet"];
  const found = run("tsx", "example/sim/cli.ts", ...seed, "--land", LANDED);
  expect(found.output).toContain("every lease is a delivery");
  expect(found.status).toBe(1);
  const [landed, ...more] = JSON.parse(fs.readFileSync(corpus, "utf8")) as CorpusEntry[];
  expect(more).toEqual([]);
  expect(landed).toMatchObject({ name: LANDED, seed: 1 });
  // One message that is claimed is all that it takes.
  expect(landed?.only).toHaveLength(1);
  expect(landed?.only?.[0]).toMatch(/^(enqueue|say)\//);
  expect(landed?.steps).toBeLessThan(150);

  const landedTest = ["run", "--project", "node", "example/sim/sim.test.ts", "-t", LANDED] as const;
  const failing = run("vitest", ...landedTest);
  expect(failing.status, failing.output).toBe(1);
  expect(failing.output).toContain("every lease is a delivery");
  // These sources have no fault: what the landed test asserts holds.
  const { violation } = await simulate(toOptions(landed as CorpusEntry));
  expect(violation).toBe(null);
});

/** `npm run sim:mutants`: plants one fault after the other in a copy of the sources and says what catches it. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { plant } from "./apply.js";
import { MUTANTS, type Mutant } from "./list.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const COPIED = ["src", "example", "package.json", "tsconfig.json", "vitest.config.ts"];
const SEEDS = 8;
const STEPS = 400;
const TIMEOUT_MS = 240_000;

const say = (text: string) => void process.stdout.write(`${text}\n`);

function copySources(): string {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "mutants-"));
  const kept = (from: string) => !/[\\/](node_modules|dist)$/.test(from);
  for (const name of COPIED)
    fs.cpSync(path.join(ROOT, name), path.join(root, name), { recursive: true, filter: kept });
  fs.symlinkSync(fs.realpathSync(path.join(ROOT, "node_modules")), path.join(root, "node_modules"));
  return root;
}

function run(root: string, command: string, args: string[]) {
  const bin = path.join(root, "node_modules/.bin", command);
  return spawnSync(bin, args, { cwd: root, encoding: "utf8", timeout: TIMEOUT_MS });
}

/** What caught the planted fault, or null. */
function catchIt(root: string, mutant: Mutant): string | null {
  const steps = ["--seeds", String(SEEDS), "--steps", String(STEPS), "--no-shrink"];
  const simulated = run(root, "tsx", ["example/sim/cli.ts", ...steps]);
  if (simulated.status === 1) {
    const broken = /✗ (seed \d+: [^:\n]+)/.exec(simulated.stdout);
    return `simulator, ${broken?.[1] ?? "a run that broke off"}`;
  }
  if (simulated.status !== 0)
    return `simulator, a run that broke off (${simulated.status ?? "hung"})`;
  const tests = mutant.tests.map((file) => `src/${file}`);
  const tested = run(root, "vitest", ["run", ...tests]);
  return tested.status === 1 && `${tested.stdout}${tested.stderr}`.includes("FAIL")
    ? `tests, ${mutant.tests.join(", ")}`
    : null;
}

function main(names: string[]): number {
  const chosen = names.length === 0 ? MUTANTS : MUTANTS.filter(({ name }) => names.includes(name));
  const root = copySources();
  let caught = 0;
  try {
    for (const mutant of chosen) {
      const heal = plant(mutant, root);
      const by = catchIt(root, mutant);
      heal();
      if (by !== null) caught += 1;
      say(`${by === null ? "✗" : "✓"} ${mutant.name}: ${by ?? "NOT CAUGHT"}`);
    }
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
  say(`\n${caught}/${chosen.length} caught`);
  return caught === chosen.length ? 0 : 1;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

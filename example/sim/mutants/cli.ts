/** `npm run sim:mutants`: plants one fault after the other in a copy of the sources and says what catches it; --write renews docs/PROOF.md. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { copySources, plant, ROOT } from "./apply.js";
import { MUTANTS, type Mutant } from "./list.js";
import { toMarkdown } from "./summary.js";

const SEEDS = 8;
const STEPS = 400;
const TIMEOUT_MS = 120_000;
const SOUND_WITHIN_MS = 600_000;
/** The summary stands between these lines of docs/PROOF.md. */
const BEGIN = "<!-- planted -->";
const END = "<!-- /planted -->";

const say = (text: string) => void process.stdout.write(`${text}\n`);

function run(root: string, command: string, args: string[], timeout = TIMEOUT_MS) {
  const bin = path.join(root, "node_modules/.bin", command);
  return spawnSync(bin, args, { cwd: root, encoding: "utf8", timeout });
}

/** On a busy machine a test must not fail for its time. */
const vitest = (files: readonly string[]) => [
  ...["run", "--testTimeout", "60000", "--maxWorkers", "1"],
  ...files.map((file) => `src/${file}`),
];

function simulateIt(root: string): string | null {
  const steps = ["--seeds", String(SEEDS), "--steps", String(STEPS), "--no-shrink"];
  const { status, stdout, error } = run(root, "tsx", ["example/sim/cli.ts", ...steps]);
  // A run out of time may just be on a busy machine: it proves nothing. (tsx turns the signal into a status.)
  if (status === 0 || error !== undefined) return null;
  if (status !== 1) return `simulator, a run that broke off (${status})`;
  const broken = /✗ (seed \d+: [^:\n]+)/.exec(stdout);
  return `simulator, ${broken?.[1] ?? "a run that broke off"}`;
}

function testIt(root: string, { tests }: Mutant): string | null {
  const { status, stdout, stderr, error } = run(root, "vitest", vitest(tests));
  return error === undefined && status === 1 && `${stdout}${stderr}`.includes("FAIL")
    ? `tests, ${tests.join(", ")}`
    : null;
}

/** What caught the planted fault, or null. Who is likelier to notice is asked first. */
function catchIt(root: string, mutant: Mutant): string | null {
  return mutant.noticedBy === "tests"
    ? (testIt(root, mutant) ?? simulateIt(root))
    : (simulateIt(root) ?? testIt(root, mutant));
}

/** A copy that fails as it is would catch everything. */
function checkSound(root: string, chosen: readonly Mutant[]): void {
  const tests = [...new Set(chosen.flatMap((mutant) => mutant.tests))];
  const { status, stdout, stderr, error } = run(root, "vitest", vitest(tests), SOUND_WITHIN_MS);
  if (error !== undefined) throw new Error("The tests did not end in time without any fault.");
  if (status !== 0) throw new Error(`The tests fail without any fault:\n${stdout}\n${stderr}`);
  const broken = simulateIt(root);
  if (broken !== null) throw new Error(`The simulator fails without any fault: ${broken}`);
}

type Outcome = { mutant: Mutant; by: string | null };

function writeDocument(outcomes: readonly Outcome[], minutes: number): void {
  const file = path.join(ROOT, "docs/PROOF.md");
  const text = fs.readFileSync(file, "utf8");
  const [before, after] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`PROOF.md has no ${BEGIN} … ${END}.`);
  const figures = toMarkdown(
    outcomes.map(({ mutant, by }) => ({ name: mutant.name, file: mutant.file, by })),
    {
      ...{ date: new Date().toISOString().slice(0, 10), node: process.versions.node },
      ...{ cpus: os.availableParallelism(), seeds: SEEDS, steps: STEPS, minutes },
    },
  );
  fs.writeFileSync(file, `${text.slice(0, before)}${BEGIN}\n\n${figures}\n\n${text.slice(after)}`);
  run(ROOT, "prettier", ["--write", file]);
}

function main(names: string[], write: boolean): number {
  const chosen = names.length === 0 ? MUTANTS : MUTANTS.filter(({ name }) => names.includes(name));
  if (chosen.length === 0) throw new Error("There is no planted fault of this name.");
  if (write && names.length > 0) throw new Error("--write takes a run of all of them.");
  const startedAt = performance.now();
  const root = copySources();
  const outcomes: Outcome[] = [];
  try {
    checkSound(root, chosen);
    for (const mutant of chosen) {
      const heal = plant(mutant, root);
      const by = catchIt(root, mutant);
      heal();
      outcomes.push({ mutant, by });
      say(`${by === null ? "✗" : "✓"} ${mutant.name}: ${by ?? "NOT CAUGHT"}`);
    }
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
  const caught = outcomes.filter(({ by }) => by !== null).length;
  const minutes = (performance.now() - startedAt) / 60_000;
  say(`\n${caught}/${chosen.length} caught in ${minutes.toFixed(1)} minutes`);
  if (write) writeDocument(outcomes, minutes);
  return caught === chosen.length ? 0 : 1;
}

try {
  const { values, positionals } = parseArgs({
    options: { write: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  process.exitCode = main(positionals, values.write);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

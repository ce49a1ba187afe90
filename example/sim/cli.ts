/** `npm run sim`: runs seeds; the first one that breaks a promise is shrunk and told. See docs/PROOF.md. */
import { land } from "./corpus.js";
import { HELP, readOptions, type CliOptions } from "./options.js";
import { simulate, type SimResult } from "./run.js";
import { shrink } from "./shrink.js";

const MINUTE_MS = 60_000;
const REPORT_EVERY_MS = 20_000;

const say = (text: string) => void process.stdout.write(`${text}\n`);

function summary(result: SimResult): string {
  const counts = Object.entries(result.counts).map(([what, count]) => `${count} ${what}`);
  const hours = (result.virtualMs / 3_600_000).toFixed(1);
  return `${result.steps} steps and ${result.restSteps} of rest in ${hours} virtual hours: ${counts.join(", ")}`;
}

async function explain(options: CliOptions, seed: number): Promise<void> {
  const { steps, faults } = options;
  say(`\nshrinking seed ${seed} …`);
  const shrunk = await shrink({ seed, steps, faults, fullTrace: true });
  if (shrunk === null) return say("it does not fail again: the run is not determined by its seed");
  const { schedule, result, runs } = shrunk;
  say(result.lines.join("\n"));
  say(`\n✗ ${result.violation?.message ?? ""}`);
  say(
    `  seed ${seed}, ${schedule.steps} steps, ${schedule.only.length} events (${runs} runs to shrink):`,
  );
  for (const id of schedule.only) say(`    ${id}`);
  if (options.land === null)
    return say(`  land it with --seed ${seed} --steps ${steps} --land "<name>"`);
  land(options.land, schedule);
  say(`  landed in example/sim/corpus.json as "${options.land}"`);
}

/** The exit code: 1 when a promise was broken. */
async function main(options: CliOptions): Promise<number> {
  const { steps, faults, minutes } = options;
  const startedAt = performance.now();
  const deadline = minutes === null ? Infinity : startedAt + minutes * MINUTE_MS;
  const single = options.seeds === 1 && minutes === null;
  const last = minutes === null ? options.seed + options.seeds - 1 : Infinity;
  let [ran, total, trouble, reportedAt] = [0, 0, 0, startedAt];
  const rate = () => Math.round(total / ((performance.now() - startedAt) / 1_000));
  const progress = () =>
    `${ran} seeds, ${trouble} steps of trouble, ${total} steps in all, ${rate()} steps/s, no promise broken`;
  for (let seed = options.seed; seed <= last && performance.now() < deadline; seed++) {
    const result = await simulate({ seed, steps, faults, fullTrace: single });
    ran += 1;
    trouble += result.steps;
    total += result.steps + result.restSteps;
    if (single && !options.quiet) say(result.lines.join("\n"));
    if (result.violation !== null) {
      say(`\n✗ seed ${seed}: ${result.violation.message}`);
      if (options.shrink) await explain(options, seed);
      return 1;
    }
    if (single) say(`\n✓ seed ${seed}: ${summary(result)}`);
    else if (performance.now() - reportedAt > REPORT_EVERY_MS) {
      reportedAt = performance.now();
      say(progress());
    }
  }
  if (!single) say(`✓ ${progress()} (seeds ${options.seed} to ${options.seed + ran - 1})`);
  return 0;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === null) say(HELP);
  else process.exitCode = await main(options);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

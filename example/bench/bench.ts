/** `npm run bench`: measures, prints, and on request writes docs/BENCHMARKS.md or compares with a saved run. */
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { measureIdle, measureTraffic } from "./calls.js";
import { measureClaims, measureEnqueues, type Contention } from "./contention.js";
import { measureCosts } from "./costs.js";
import { measureDrain, type Drain } from "./drain.js";
import { toSvg } from "./plot.js";
import { compare } from "./compare.js";
import { toMarkdown, type Report } from "./report.js";

const USAGE = `npm run bench [-- options]
  --seed N        seed of all that is drawn (1)
  --save FILE     keep the figures as JSON
  --compare FILE  print what differs from a saved run
  --write         renew docs/BENCHMARKS.md and its plot`;
const DOCS = new URL("../../docs/", import.meta.url);
const CONCURRENT = [1, 16, 64];
/** Conversations, when there are hardly more than workers. */
const FEW = 100;
const BURST = 100;
const FLEETS = [5, 20];
const TRAFFIC = { conversations: 10, perConversation: 100, everyMs: 120_000 };
/** The figures stand between these lines of the document. */
const BEGIN = "<!-- figures -->";
const END = "<!-- /figures -->";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    save: { type: "string" },
    compare: { type: "string" },
    write: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

async function measure(seed: number): Promise<Report> {
  const contention: Contention[] = [];
  for (const assigned of [true, false])
    for (const concurrent of CONCURRENT)
      contention.push(await measureClaims(concurrent, assigned, seed));
  contention.push(await measureClaims(64, false, seed, { waiting: FEW }));
  for (const concurrent of CONCURRENT) contention.push(await measureEnqueues(concurrent, seed));
  return {
    conditions: {
      date: new Date().toISOString().slice(0, 10),
      ...{ node: process.versions.node, cpus: availableParallelism(), seed },
    },
    costs: await measureCosts(),
    contention,
    drains: await measureDrains(seed),
    calls: [await measureTraffic(TRAFFIC, seed), ...(await measureIdle(seed))],
  };
}

async function measureDrains(seed: number): Promise<Drain[]> {
  const drains: Drain[] = [];
  for (const workers of FLEETS) {
    const drain = await measureDrain(BURST, workers, seed);
    if (drain.done !== BURST || drain.peakMachines > workers)
      throw new Error(`${drain.done} of ${BURST} answered by ${drain.peakMachines} machines.`);
    drains.push(drain);
  }
  return drains;
}

async function writeDocument(report: Report): Promise<void> {
  const file = new URL("BENCHMARKS.md", DOCS);
  const text = await readFile(file, "utf8");
  const [before, after] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (before < 0 || after < before) throw new Error(`BENCHMARKS.md has no ${BEGIN} … ${END}.`);
  const figures = `${BEGIN}\n\n${toMarkdown(report)}\n\n`;
  await writeFile(file, text.slice(0, before) + figures + text.slice(after));
  await writeFile(new URL("images/benchmarks.svg", DOCS), toSvg(report));
}

if (values.help) console.log(USAGE);
else {
  const report = await measure(Number(values.seed));
  console.log(toMarkdown(report));
  // Read before a run is saved under the same name.
  const saved = values.compare === undefined ? null : await readFile(values.compare, "utf8");
  if (values.save !== undefined) await writeFile(values.save, JSON.stringify(report, null, 2));
  if (saved !== null) console.log(`\n${compare(JSON.parse(saved) as Report, report)}`);
  if (values.write) await writeDocument(report);
}

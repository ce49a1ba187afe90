/** The figures of a run as Markdown, and beside those of a saved run. */
import type { Calls } from "./calls.js";
import type { Contention } from "./contention.js";
import { SIZES, type Cost } from "./costs.js";
import { PHASES, type Drain } from "./drain.js";

export type Report = {
  conditions: { date: string; node: string; cpus: number; seed: number };
  costs: Cost[];
  contention: Contention[];
  drains: Drain[];
  calls: Calls[];
};

const table = (head: string[], rows: (string | number)[][]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

const round = (value: number) => String(Math.round(value * 1_000) / 1_000);
const many = (rows: number) => rows.toLocaleString("en-US");

/** Operations in the order in which they were measured, each with its cost per size. */
export function byOperation(costs: readonly Cost[]): Map<string, Map<number, Cost>> {
  const found = new Map<string, Map<number, Cost>>();
  for (const cost of costs) {
    const sizes = found.get(cost.operation) ?? new Map<number, Cost>();
    found.set(cost.operation, sizes.set(cost.rows, cost));
  }
  return found;
}

function costTable(costs: readonly Cost[]): string {
  const cell = (cost: Cost | undefined) =>
    cost === undefined ? "–" : `${cost.reads} / ${cost.writes} / ${cost.scheduled}`;
  return table(
    ["operation", ...SIZES.map((rows) => `${many(rows)} messages`)],
    [...byOperation(costs)].map(([operation, sizes]) => [
      operation,
      ...SIZES.map((rows) => cell(sizes.get(rows))),
    ]),
  );
}

function contentionTable(rows: readonly Contention[]): string {
  return table(
    ["operation", "at once", "conflicts per call", "gave up", "documents read per call", "where"],
    rows.map((row) => [
      row.operation,
      row.concurrent,
      round(row.conflictsPerCall),
      row.gaveUp,
      round(row.readsPerCall),
      Object.entries(row.ranges)
        .map(([range, count]) => `${range}: ${count}`)
        .join(", ") || "–",
    ]),
  );
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
export const shareOf = ({ phases, totalMs }: Drain, phase: (typeof PHASES)[number]) =>
  phases[phase] / totalMs;

function drainTable(drains: readonly Drain[]): string {
  const row = (what: string, cell: (drain: Drain) => string | number) => [
    what,
    ...drains.map(cell),
  ];
  const each = ({ phases, conversations }: Drain, phase: (typeof PHASES)[number]) =>
    seconds(phases[phase] / conversations);
  return table(
    ["", ...drains.map(({ maxWorkers }) => `${maxWorkers} workers`)],
    [
      row("answered", ({ done, conversations }) => `${done} of ${conversations}`),
      row("**until the last one is done**", ({ drainMs }) => `**${seconds(drainMs)}**`),
      row("median message", ({ medianMs }) => seconds(medianMs)),
      row("machines at once, in all", (drain) => `${drain.peakMachines}, ${drain.machines}`),
      ...PHASES.map((phase) =>
        row(
          `phase: ${phase}`,
          (drain) => `${(100 * shareOf(drain, phase)).toFixed(1)} % (${each(drain, phase)})`,
        ),
      ),
    ],
  );
}

const totalOf = (counts: Record<string, number>) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

function callsTable(rows: readonly Calls[]): string {
  return table(
    [
      ...["", "app", "gateway queries", "gateway mutations", "of these empty polls"],
      ...["scheduled", "from actions", "Fly", "of these"],
    ],
    rows.map((calls) => [
      ...[calls.scene, many(calls.app), many(calls.gatewayQueries), many(calls.gatewayMutations)],
      ...[many(calls.emptyPolls), many(calls.scheduled), many(calls.fromActions)],
      many(totalOf(calls.fly)),
      Object.entries(calls.fly)
        .map(([action, count]) => `${action} ${many(count)}`)
        .join(", ") || "–",
    ]),
  );
}

export function toMarkdown(report: Report): string {
  const { date, node, cpus, seed } = report.conditions;
  return [
    `Measured on ${date}, Node ${node}, ${cpus} cores, seed ${seed}.`,
    "## Documents read / written / functions scheduled per call",
    costTable(report.costs),
    "## Conflicts",
    contentionTable(report.contention),
    "## A burst of 100 conversations",
    drainTable(report.drains),
    "## Calls",
    callsTable(report.calls),
  ].join("\n\n");
}

const countsOf = ({ scene: _scene, fly, ...counts }: Calls): Record<string, number> => ({
  ...counts,
  Fly: totalOf(fly),
});

/** Every figure of the saved run that is another one now. */
export function compare(saved: Report, now: Report): string {
  const rows: (string | number)[][] = [];
  const note = (what: string, before: number | undefined, after: number) => {
    if (before === after) return;
    const ratio = before === undefined || before === 0 ? "–" : `${round(after / before)} ×`;
    rows.push([what, before === undefined ? "–" : round(before), round(after), ratio]);
  };
  for (const cost of now.costs) {
    const before = saved.costs.find(
      (other) => other.operation === cost.operation && other.rows === cost.rows,
    );
    const what = `${cost.operation}, ${many(cost.rows)} messages`;
    note(`${what}: read`, before?.reads, cost.reads);
    note(`${what}: written`, before?.writes, cost.writes);
    note(`${what}: scheduled`, before?.scheduled, cost.scheduled);
  }
  for (const row of now.contention) {
    const before = saved.contention.find(
      (other) => other.operation === row.operation && other.concurrent === row.concurrent,
    );
    const what = `${row.operation}, ${row.concurrent} at once`;
    note(`${what}: conflicts per call`, before?.conflictsPerCall, row.conflictsPerCall);
    note(`${what}: gave up`, before?.gaveUp, row.gaveUp);
  }
  // A run saved before these were measured has none of them.
  const { drains = [], calls = [] } = saved as Partial<Report>;
  for (const drain of now.drains) {
    const before = drains.find((other) => other.maxWorkers === drain.maxWorkers);
    const what = `burst, ${drain.maxWorkers} workers`;
    note(`${what}: ms until the last one`, before?.drainMs, drain.drainMs);
    for (const phase of PHASES)
      note(`${what}: ms of ${phase}`, before?.phases[phase], drain.phases[phase]);
  }
  for (const row of now.calls) {
    const before = calls.find((other) => other.scene === row.scene);
    for (const [what, count] of Object.entries(countsOf(row)))
      note(`${row.scene}: ${what}`, before && countsOf(before)[what], count);
  }
  if (rows.length === 0) return `No figure differs from the run of ${saved.conditions.date}.`;
  return table(["figure", saved.conditions.date, "now", "ratio"], rows);
}

/** The figures of a run as Markdown. */
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

export const table = (head: string[], rows: (string | number)[][]): string =>
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

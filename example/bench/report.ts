/** The figures of a run as Markdown, and beside those of a saved run. */
import type { Contention } from "./contention.js";
import { SIZES, type Cost } from "./costs.js";

export type Report = {
  conditions: { date: string; node: string; cpus: number; seed: number };
  costs: Cost[];
  contention: Contention[];
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

export function toMarkdown(report: Report): string {
  const { date, node, cpus, seed } = report.conditions;
  return [
    `Measured on ${date}, Node ${node}, ${cpus} cores, seed ${seed}.`,
    "## Documents read / written / functions scheduled per call",
    costTable(report.costs),
    "## Conflicts",
    contentionTable(report.contention),
  ].join("\n\n");
}

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
  if (rows.length === 0) return `No figure differs from the run of ${saved.conditions.date}.`;
  return table(["figure", saved.conditions.date, "now", "ratio"], rows);
}

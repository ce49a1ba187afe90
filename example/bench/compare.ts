/** Two runs of the bench beside each other: every figure that is another one, or in one of them only. */
import { table, type Report } from "./report.js";

/** What tells the entries of a list apart, instead of their place in it. */
const NAMES = ["operation", "scene", "rows", "concurrent", "maxWorkers"];

const round = (value: number) => String(Math.round(value * 1_000) / 1_000);

/** Every number in it, under the path of names to it. */
function figuresOf(value: unknown, path: string, found: Map<string, number>): Map<string, number> {
  if (typeof value === "number") return found.set(path, value);
  if (Array.isArray(value))
    for (const [place, entry] of (value as unknown[]).entries())
      figuresOf(entry, `${path}, ${nameOf(entry) || place}`, found);
  else if (typeof value === "object" && value !== null)
    for (const [key, entry] of Object.entries(value))
      if (!NAMES.includes(key)) figuresOf(entry, `${path}: ${key}`, found);
  return found;
}

function nameOf(entry: unknown): string {
  if (typeof entry !== "object" || entry === null) return "";
  const named = new Map(Object.entries(entry));
  return NAMES.filter((key) => named.has(key))
    .map(
      (key) => (key === "operation" || key === "scene" ? "" : `${key} `) + String(named.get(key)),
    )
    .join(", ");
}

function allFigures(report: Report): Map<string, number> {
  const found = new Map<string, number>();
  for (const [part, value] of Object.entries(report))
    if (part !== "conditions") figuresOf(value, part, found);
  return found;
}

export function compare(saved: Report, now: Report): string {
  const [before, after] = [allFigures(saved), allFigures(now)];
  const rows: string[][] = [];
  for (const what of new Set([...before.keys(), ...after.keys()])) {
    const [old, fresh] = [before.get(what), after.get(what)];
    if (old === fresh) continue;
    const shown = (value: number | undefined) => (value === undefined ? "–" : round(value));
    const ratio =
      old === undefined || fresh === undefined || old === 0 ? "–" : `${round(fresh / old)} ×`;
    rows.push([what, shown(old), shown(fresh), ratio]);
  }
  if (rows.length === 0) return `No figure differs from the run of ${saved.conditions.date}.`;
  return table(["figure", saved.conditions.date, "now", "ratio"], rows);
}

/**
 * Four panels: what calls read by backlog, how often they meet by concurrency, what a burst waits for, who is called how
 * often. Readable on light and dark.
 */
import { PHASES } from "./drain.js";
import { byOperation, shareOf, type Report } from "./report.js";

type Line = { label: string; points: { x: string; y: number }[] };
type Panel = { title: string; xLabel: string; ticks: string[]; lines: Line[]; max: number };

const SHOWN = [
  "claim, free worker",
  "hydrate",
  "complete",
  "claim, conversation assigned",
  "enqueue, known conversation",
];
const COLOURS = ["#2f81f7", "#d29922", "#3fb950", "#a371f7", "#f85149"];
const PANEL = { width: 330, height: 200, left: 44, top: 44, gap: 70 };

function panel({ title, xLabel, ticks, lines, max }: Panel, offset: number): string {
  const { width, height, top } = PANEL;
  const left = PANEL.left + offset;
  const x = (tick: string) => left + (ticks.indexOf(tick) * width) / Math.max(1, ticks.length - 1);
  const y = (value: number) => top + height - (value / max) * height;
  const text = (at: [number, number], words: string, anchor = "middle", weight = 400) =>
    `<text x="${at[0]}" y="${at[1]}" text-anchor="${anchor}" font-weight="${weight}">${words}</text>`;
  const parts = [text([left, top - 20], title, "start", 600)];
  for (const share of [0, 0.5, 1]) {
    const value = max * share;
    parts.push(
      `<line x1="${left}" x2="${left + width}" y1="${y(value)}" y2="${y(value)}" class="grid"/>`,
      text([left - 8, y(value) + 4], String(Math.round(value * 100) / 100), "end"),
    );
  }
  for (const tick of ticks) parts.push(text([x(tick), top + height + 18], tick));
  parts.push(text([left + width / 2, top + height + 36], xLabel));
  for (const [index, line] of lines.entries()) {
    const colour = COLOURS[index % COLOURS.length];
    const points = line.points.map((point) => `${x(point.x)},${y(point.y).toFixed(1)}`);
    const legendY = top + height + 60 + index * 17;
    parts.push(
      `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...points.map((point) => {
        const [cx, cy] = point.split(",");
        return `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`;
      }),
      `<rect x="${left}" y="${legendY - 9}" width="10" height="10" rx="2" fill="${colour}"/>`,
      text([left + 16, legendY], line.label, "start"),
    );
  }
  return parts.join("\n");
}

export function toSvg(report: Report): string {
  const costs = byOperation(report.costs);
  const sizes = [...new Set(report.costs.map((cost) => cost.rows))];
  const reads: Panel = {
    ...{ title: "Documents read per call", xLabel: "messages in the queue", max: 30 },
    ticks: sizes.map((rows) => rows.toLocaleString("en-US")),
    lines: SHOWN.map((label) => ({
      label,
      points: sizes.map((rows) => ({
        ...{ x: rows.toLocaleString("en-US"), y: costs.get(label)?.get(rows)?.reads ?? 0 },
      })),
    })),
  };
  const operations = [...new Set(report.contention.map((row) => row.operation))];
  const conflicts: Panel = {
    ...{ title: "Conflicts per call", xLabel: "callers at once", max: 0.3 },
    ticks: [...new Set(report.contention.map((row) => String(row.concurrent)))],
    lines: operations.map((label) => ({
      label,
      points: report.contention
        .filter((row) => row.operation === label)
        .map((row) => ({ x: String(row.concurrent), y: Math.min(0.3, row.conflictsPerCall) })),
    })),
  };
  const bars = [burstBars(report), callBars(report)];
  const width = 2 * (PANEL.width + PANEL.gap) + 20;
  const top = PANEL.top + PANEL.height + 60 + SHOWN.length * 17;
  const height = top + Math.max(...bars.map(({ rows }) => PANEL.top + rows.length * BAR.step)) + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Documents read per call stay flat from 10 to 100,000 messages; conflicts per call at 1, 16 and 64 callers; the phases of a burst; calls per 1,000 messages and per idle hour">
<style>text{font:12px system-ui,sans-serif;fill:#8b949e}.grid{stroke:#8b949e;stroke-opacity:.3}</style>
${panel(reads, 0)}
${panel(conflicts, PANEL.width + PANEL.gap)}
${bars.map((chart, index) => barPanel(chart, index * (PANEL.width + PANEL.gap), top)).join("\n")}
</svg>
`;
}

/** `share` of the full width. */
type Bars = { title: string; rows: { label: string; share: number; value: string }[] };
const BAR = { label: 205, step: 20, height: 12 };

function barPanel({ title, rows }: Bars, offset: number, from: number): string {
  const left = PANEL.left + offset;
  const start = left + BAR.label;
  const room = PANEL.width - BAR.label - 10;
  const parts = [`<text x="${left}" y="${from + 24}" font-weight="600">${title}</text>`];
  for (const [index, { label, share, value }] of rows.entries()) {
    const y = from + PANEL.top + index * BAR.step;
    const width = Math.max(1, share * room);
    parts.push(
      `<text x="${start - 8}" y="${y + 10}" text-anchor="end">${label}</text>`,
      `<rect x="${start}" y="${y}" width="${width.toFixed(1)}" height="${BAR.height}" rx="2" fill="${COLOURS[0]}"/>`,
      `<text x="${(start + width + 6).toFixed(1)}" y="${y + 10}">${value}</text>`,
    );
  }
  return parts.join("\n");
}

function burstBars({ drains }: Report): Bars {
  const drain = drains.at(-1);
  if (drain === undefined) return { title: "", rows: [] };
  const seconds = Math.round(drain.drainMs / 1_000);
  const title = `${drain.conversations} conversations, ${drain.maxWorkers} workers: ${seconds} s`;
  return {
    title,
    rows: PHASES.map((label) => {
      const share = shareOf(drain, label);
      return { label, share: share * 0.8, value: `${(100 * share).toFixed(1)} %` };
    }),
  };
}

/** Calls differ by orders of magnitude: the bars are logarithmic. */
function callBars({ calls }: Report): Bars {
  const counted = calls.flatMap(({ scene, fly, ...counts }) => {
    const { app, gatewayQueries, gatewayMutations, scheduled, fromActions } = counts;
    return [
      {
        label: `${scene}: Convex`,
        count: app + gatewayQueries + gatewayMutations + scheduled + fromActions,
      },
      { label: "Fly", count: Object.values(fly).reduce((sum, count) => sum + count, 0) },
    ];
  });
  const most = Math.max(...counted.map(({ count }) => Math.log10(1 + count)));
  return {
    title: "Calls (logarithmic)",
    rows: counted.map(({ label, count }) => ({
      ...{ label, share: (Math.log10(1 + count) / most) * 0.7 },
      value: count.toLocaleString("en-US"),
    })),
  };
}

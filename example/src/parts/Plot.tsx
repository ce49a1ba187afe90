/** A line over time, drawn with SVG: small, no library, described in words for those who cannot see it. */
export type Point = { at: number; value: number };

type Props = {
  title: string;
  points: readonly Point[];
  format: (value: number) => string;
  tone: "busy" | "warn";
};

const WIDTH = 600;
const HEIGHT = 140;
const PAD = { top: 10, right: 8, bottom: 26, left: 60 };

export function Plot({ title, points, format, tone }: Props) {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || points.length < 2)
    return <p className="muted">{title}: the first points come in a moment.</p>;
  const highest = Math.max(...points.map((point) => point.value));
  const top = niceTop(highest);
  const span = Math.max(1, last.at - first.at);
  const x = (at: number) => PAD.left + ((at - first.at) / span) * (WIDTH - PAD.left - PAD.right);
  const y = (value: number) =>
    HEIGHT - PAD.bottom - (value / top) * (HEIGHT - PAD.top - PAD.bottom);
  const line = points.map((p) => `${x(p.at).toFixed(1)},${y(p.value).toFixed(1)}`).join(" ");
  const base = y(0);
  const seconds = Math.round(span / 1000);
  return (
    <figure className={`plot tone-${tone}`}>
      <figcaption>
        {title} <strong>{format(last.value)}</strong>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${title} over the last ${seconds} seconds: now ${format(last.value)}, highest ${format(highest)}`}
      >
        {[0, top / 2, top].map((value) => (
          <g key={value}>
            <line
              className="grid"
              x1={PAD.left}
              x2={WIDTH - PAD.right}
              y1={y(value)}
              y2={y(value)}
            />
            <text x={PAD.left - 6} y={y(value) + 4} textAnchor="end">
              {format(value)}
            </text>
          </g>
        ))}
        <polygon className="area" points={`${x(first.at)},${base} ${line} ${x(last.at)},${base}`} />
        <polyline className="line" points={line} />
        <text x={PAD.left} y={HEIGHT - 5}>
          {seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`}
        </text>
        <text x={WIDTH - PAD.right} y={HEIGHT - 5} textAnchor="end">
          now
        </text>
      </svg>
    </figure>
  );
}

/** The lowest of 2, 4, 10, 20, 40, 100 … that is not below the value: its half is a round number too. */
function niceTop(value: number): number {
  for (let power = 1; ; power *= 10)
    for (const step of [2, 4, 10]) if (step * power >= value) return step * power;
}

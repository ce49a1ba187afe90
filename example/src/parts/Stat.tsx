import type { ReactNode } from "react";
import type { Tone } from "../format/words.js";

type Props = { label: string; value: ReactNode; note?: ReactNode; tone?: Tone };

export function Stat({ label, value, note, tone = "calm" }: Props) {
  return (
    <div className={`stat tone-${tone}`}>
      <dt>{label}</dt>
      <dd>
        <span className="value">{value}</span>
        {note !== undefined && <span className="note">{note}</span>}
      </dd>
    </div>
  );
}

export function Stats({ children }: { children: ReactNode }) {
  return <dl className="stats">{children}</dl>;
}

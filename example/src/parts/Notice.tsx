import type { ReactNode } from "react";
import type { Tone } from "../format/words.js";

type Props = { tone: Tone; title?: string; children?: ReactNode };

export function Notice({ tone, title, children }: Props) {
  return (
    <div className={`notice tone-${tone}`} role={tone === "bad" ? "alert" : "note"}>
      {title !== undefined && <strong>{title}</strong>}
      {children !== undefined && <div>{children}</div>}
    </div>
  );
}

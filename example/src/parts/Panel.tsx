import { useId, type ReactNode } from "react";
import { Guarded } from "./Guarded.js";

type Props = { title: string; hint?: ReactNode; actions?: ReactNode; children: ReactNode };

/** A titled part of a page. What fails inside it fails alone. */
export function Panel({ title, hint, actions, children }: Props) {
  const id = useId();
  return (
    <section className="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {actions !== undefined && <div className="actions">{actions}</div>}
      </header>
      {hint !== undefined && <p className="hint">{hint}</p>}
      <Guarded what={title}>{children}</Guarded>
    </section>
  );
}

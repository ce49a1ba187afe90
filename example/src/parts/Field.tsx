import type { ReactNode } from "react";

type Props = { label: string; hint?: string; grow?: boolean; children: ReactNode };

/** A label around its control. */
export function Field({ label, hint, grow = false, children }: Props) {
  return (
    <label className={grow ? "field grow" : "field"}>
      <span>{label}</span>
      {children}
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

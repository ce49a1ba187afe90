import type { ReactNode } from "react";

type Props = { caption: string; columns: readonly string[]; children: ReactNode };

/** On narrow screens every cell stands below its column's name, which the cell carries as `data-label`. */
export function Table({ caption, columns, children }: Props) {
  return (
    <table>
      <caption className="unseen">{caption}</caption>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

export function Cell({ label, children }: { label: string; children: ReactNode }) {
  return (
    <td data-label={label}>
      <div>{children}</div>
    </td>
  );
}

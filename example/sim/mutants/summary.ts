/** A run of the planted faults as it stands in docs/PROOF.md. */
type Row = { name: string; file: string; by: string | null };
type Conditions = {
  date: string;
  node: string;
  cpus: number;
  seeds: number;
  steps: number;
  minutes: number;
};

export function toMarkdown(rows: readonly Row[], conditions: Conditions): string {
  const { date, node, cpus, seeds, steps, minutes } = conditions;
  const caught = rows.filter(({ by }) => by !== null).length;
  return [
    `${caught}/${rows.length} caught on ${date}: Node ${node}, ${cpus} cores, ${seeds} seeds of ${steps} steps against ` +
      `each, ${Math.ceil(minutes)} minutes in all.`,
    [
      "| planted fault | in src/ | caught by |",
      "| --- | --- | --- |",
      ...rows.map(({ name, file, by }) => `| ${name} | ${file} | ${by ?? "**nothing**"} |`),
    ].join("\n"),
  ].join("\n\n");
}

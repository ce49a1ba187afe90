import { Notice } from "../../parts/Notice.js";

type Counts = {
  machinesFound: number;
  machinesDeleted: number;
  machineIdsRemaining: string[];
  volumesFound: number;
  volumesDeleted: number;
  volumeIdsRemaining: string[];
  warnings: string[];
  errors: string[];
};
type Props = { report: Counts; isDryRun?: boolean };

export function Report({ report, isDryRun = false }: Props) {
  const { machinesFound, machinesDeleted, volumesFound, volumesDeleted } = report;
  return (
    <div className="stack">
      <dl className="facts">
        <dt>Machines</dt>
        <dd>{isDryRun ? machinesFound : `${machinesDeleted} of ${machinesFound} destroyed`}</dd>
        <Ids title={isDryRun ? "Which" : "Remaining"} ids={report.machineIdsRemaining} />
        <dt>Volumes</dt>
        <dd>{isDryRun ? volumesFound : `${volumesDeleted} of ${volumesFound} deleted`}</dd>
        <Ids title={isDryRun ? "Which" : "Remaining"} ids={report.volumeIdsRemaining} />
      </dl>
      <Issues tone="bad" title="Errors" texts={report.errors} />
      <Issues tone="warn" title="Warnings" texts={report.warnings} />
    </div>
  );
}

function Ids({ title, ids }: { title: string; ids: readonly string[] }) {
  if (ids.length === 0) return null;
  return (
    <>
      <dt>{title}</dt>
      <dd>
        <code>{ids.slice(0, 20).join(", ")}</code>
        {ids.length > 20 && ` and ${ids.length - 20} more`}
      </dd>
    </>
  );
}

type IssuesProps = { tone: "bad" | "warn"; title: string; texts: readonly string[] };

function Issues({ tone, title, texts }: IssuesProps) {
  if (texts.length === 0) return null;
  return (
    <Notice tone={tone} title={title}>
      <ul>
        {texts.map((text, index) => (
          <li key={index}>{text}</li>
        ))}
      </ul>
    </Notice>
  );
}

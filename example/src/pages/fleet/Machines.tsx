import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { useNow } from "../../app/useNow.js";
import { agoText, shortId } from "../../format/format.js";
import { driftWord, workerWord } from "../../format/words.js";
import { Badge } from "../../parts/Badge.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Cell, Table } from "../../parts/Table.js";

const COLUMNS = ["Row", "Machine", "Seen", "Volumes", "Memory", "Agree?"];
const AGREE = { label: "yes", tone: "good" } as const;

/** Live rows beside their machines, then machines without a row. */
export function Machines() {
  const rows = useQuery(api.agentFactory.fleet, {});
  const now = useNow();
  if (rows === undefined) return <Loading />;
  if (rows.length === 0)
    return <Empty title="No row and no machine.">Nothing runs, nothing costs.</Empty>;
  return (
    <Table caption="Rows and machines" columns={COLUMNS}>
      {rows.map((row) => (
        <tr key={row.workerId ?? row.machineId}>
          <Cell label="Row">
            {row.workerId === null ? "none" : <code>{shortId(row.workerId)}</code>}{" "}
            {row.status !== null && <Badge word={workerWord(row.status)} />}
          </Cell>
          <Cell label="Machine">
            {row.machineId === null ? "none" : <code>{row.machineId}</code>}
            {row.machinePhase !== null && ` ${row.machinePhase}`}
            {row.region !== null && <small> {row.region}</small>}
          </Cell>
          <Cell label="Seen">
            {row.observedAt === null ? "not yet" : agoText(row.observedAt, now)}
          </Cell>
          <Cell label="Volumes">{row.volumeIds.length}</Cell>
          <Cell label="Memory">
            {row.snapshot.lastSnapshotAt === null
              ? row.snapshot.state
              : `${row.snapshot.state} ${agoText(row.snapshot.lastSnapshotAt, now)}`}
          </Cell>
          <Cell label="Agree?">
            <Badge word={row.drift === null ? AGREE : driftWord(row.drift)} />
          </Cell>
        </tr>
      ))}
    </Table>
  );
}

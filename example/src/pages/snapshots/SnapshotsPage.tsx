import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { useMe } from "../../app/useMe.js";
import { useNow } from "../../app/useNow.js";
import { agoText, bytesText } from "../../format/format.js";
import { snapshotWord } from "../../format/words.js";
import { Badge } from "../../parts/Badge.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Panel } from "../../parts/Panel.js";
import { Cell, Table } from "../../parts/Table.js";

/** What an agent remembers of its user between machines. */
export default function SnapshotsPage() {
  const { userId } = useMe();
  const overview = useQuery(api.agentFactory.getUserAgentsOverview, { consumerUserId: userId });
  if (overview === undefined) return <Loading />;
  const own = overview.agents.filter((agent) => agent.conversationId !== null);
  if (own.length === 0)
    return (
      <Panel title="Your agents' memory">
        <Empty title="You have no agent yet.">
          <a href="#/chat">Choose one and talk to it</a>: its memory then shows up here.
        </Empty>
      </Panel>
    );
  return own.map(({ agentKey }) => (
    <Panel
      key={agentKey}
      title={`Memory of ${agentKey}`}
      hint="An archive of the worker's /data. The newest ready one is restored when the next machine starts for you."
    >
      <Archives agentKey={agentKey} />
    </Panel>
  ));
}

function Archives({ agentKey }: { agentKey: string }) {
  const { userId } = useMe();
  const snapshots = useQuery(api.agentFactory.listSnapshotsForUserAgent, {
    consumerUserId: userId,
    agentKey,
    limit: 50,
  });
  const now = useNow();
  if (snapshots === undefined) return <Loading />;
  if (snapshots.length === 0)
    return (
      <Empty title="Nothing was saved yet.">
        A worker saves its memory when it has been idle for a moment, and before it leaves.
      </Empty>
    );
  return (
    <Table
      caption={`Snapshots of ${agentKey}`}
      columns={["Taken", "State", "Size", "Checksum", ""]}
    >
      {snapshots.map((snapshot) => (
        <tr key={snapshot.snapshotId}>
          <Cell label="Taken">{agoText(snapshot.createdAt, now)}</Cell>
          <Cell label="State">
            <Badge word={snapshotWord(snapshot.status)} />
          </Cell>
          <Cell label="Size">
            {snapshot.sizeBytes === null ? "–" : bytesText(snapshot.sizeBytes)}
          </Cell>
          <Cell label="Checksum">
            {snapshot.sha256 === null ? "–" : <code>{snapshot.sha256.slice(0, 12)}</code>}
          </Cell>
          <Cell label="">
            {snapshot.downloadUrl !== null && (
              <a href={snapshot.downloadUrl} download>
                Download
              </a>
            )}
          </Cell>
        </tr>
      ))}
    </Table>
  );
}

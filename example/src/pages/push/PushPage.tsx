import { useMe } from "../../app/useMe.js";
import { Panel } from "../../parts/Panel.js";
import { Broadcasts } from "./Broadcasts.js";
import { Jobs } from "./Jobs.js";
import { NewBroadcast } from "./NewBroadcast.js";
import { NewJob } from "./NewJob.js";
import { Templates } from "./Templates.js";

/** What agents say without being asked: at set times to one user, or once to everybody. */
export default function PushPage() {
  const { isOperator } = useMe();
  return (
    <>
      <Panel title="Your pushes" hint="At these times your agent writes to you first.">
        <Jobs />
        <NewJob />
      </Panel>
      {isOperator && (
        <>
          <Panel title="Templates" hint="Texts with suggested times that people can choose from.">
            <Templates />
          </Panel>
          <Panel
            title="Broadcasts"
            hint="One message to every enabled agent of the company and of no company."
          >
            <NewBroadcast />
            <Broadcasts />
          </Panel>
        </>
      )}
    </>
  );
}

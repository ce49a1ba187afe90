import { useMutation, useQuery } from "convex/react";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useTask } from "../../app/useTask.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Panel } from "../../parts/Panel.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";

export function ChooseAgent() {
  const agents = useQuery(api.people.offeredAgents, {});
  const choose = useMutation(api.people.chooseAgent);
  const task = useTask(
    useCallback(
      async (agentKey: string) => {
        await choose({ agentKey });
        return null;
      },
      [choose],
    ),
  );
  return (
    <Panel
      title="Choose your agent"
      hint="It answers here at once. You can have it in Telegram too, with a bot of your own."
    >
      {agents === undefined && <Loading />}
      {agents?.length === 0 && (
        <Empty title="There is no agent to choose.">
          An operator adds one on the page “Agents &amp; secrets”.
        </Empty>
      )}
      <div className="row">
        {agents?.map((agentKey) => (
          <TaskButton
            key={agentKey}
            task={task}
            kind="primary"
            onClick={() => void task.run(agentKey)}
          >
            Talk to {agentKey}
          </TaskButton>
        ))}
      </div>
      <TaskNote task={task} />
    </Panel>
  );
}

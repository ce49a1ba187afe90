import { useMutation, useQuery } from "convex/react";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useTask } from "../../app/useTask.js";
import { Badge } from "../../parts/Badge.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Cell, Table } from "../../parts/Table.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";

export function AgentList() {
  const agents = useQuery(api.agentFactory.listAgents, {});
  const pause = useMutation(api.agentFactory.pauseAgent);
  const resume = useMutation(api.agentFactory.resumeAgent);
  const task = useTask(
    useCallback(
      async (agentKey: string, isPaused: boolean) => {
        await (isPaused ? resume : pause)({ agentKey });
        return isPaused ? `${agentKey} goes on.` : `${agentKey} is paused: its messages wait.`;
      },
      [pause, resume],
    ),
  );
  if (agents === undefined) return <Loading />;
  if (agents.length === 0)
    return <Empty title="There is no agent yet.">Add the first one below.</Empty>;
  return (
    <>
      <Table
        caption="Agents"
        columns={["Agent", "State", "Version", "Company", "Telegram bot", ""]}
      >
        {agents.map((agent) => {
          const isPaused = agent.pausedAt !== null;
          return (
            <tr key={agent.agentKey}>
              <Cell label="Agent">
                <code>{agent.agentKey}</code>
              </Cell>
              <Cell label="State">
                <Badge word={stateWord(agent.enabled, isPaused)} />
              </Cell>
              <Cell label="Version">{agent.version}</Cell>
              <Cell label="Company">{agent.companyId ?? "everybody"}</Cell>
              <Cell label="Telegram bot">{agent.botIdentity ?? "none"}</Cell>
              <Cell label="">
                <TaskButton
                  task={task}
                  label={`${isPaused ? "Resume" : "Pause"} ${agent.agentKey}`}
                  onClick={() => void task.run(agent.agentKey, isPaused)}
                >
                  {isPaused ? "Resume" : "Pause"}
                </TaskButton>
              </Cell>
            </tr>
          );
        })}
      </Table>
      <TaskNote task={task} />
    </>
  );
}

function stateWord(enabled: boolean, isPaused: boolean) {
  if (!enabled) return { label: "switched off", tone: "calm" as const };
  return isPaused
    ? { label: "paused", tone: "warn" as const }
    : { label: "on", tone: "good" as const };
}

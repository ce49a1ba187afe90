import { useMutation, useQuery } from "convex/react";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useNow } from "../../app/useNow.js";
import { useTask } from "../../app/useTask.js";
import { agoText, countText } from "../../format/format.js";
import { runWord } from "../../format/words.js";
import { Badge } from "../../parts/Badge.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";
import { COMPANY_ID } from "./company.js";

export function Broadcasts() {
  const broadcasts = useQuery(api.agentFactory.listBroadcasts, {
    companyId: COMPANY_ID,
    limit: 20,
  });
  const cancel = useMutation(api.agentFactory.cancelBroadcast);
  const task = useTask(
    useCallback(
      async (broadcastId: string) =>
        (await cancel({ broadcastId })) ? "Stopped; what was sent stays." : "It was over already.",
      [cancel],
    ),
  );
  const now = useNow(10_000);
  if (broadcasts === undefined) return <Loading />;
  if (broadcasts.length === 0) return <Empty title="Nothing was broadcast yet." />;
  return (
    <>
      <ul className="cards">
        {broadcasts.map((broadcast) => {
          const reached = broadcast.enqueued + broadcast.failed;
          return (
            <li key={broadcast.broadcastId} className="card">
              <header>
                <h3>{broadcast.title}</h3>
                <Badge word={runWord(broadcast.status)} />
                <small>
                  {agoText(broadcast.requestedAt, now)} by {broadcast.requestedBy}
                </small>
              </header>
              <p>{broadcast.text}</p>
              <progress
                aria-label={`Progress of ${broadcast.title}`}
                value={reached}
                max={Math.max(1, broadcast.totalTargets)}
              />
              <p className="muted">
                {countText(broadcast.enqueued, "agent")} of {broadcast.totalTargets} reached
                {broadcast.failed > 0 && `, ${broadcast.failed} failed`}
              </p>
              {broadcast.status === "running" && (
                <TaskButton
                  task={task}
                  kind="danger"
                  onClick={() => void task.run(broadcast.broadcastId)}
                >
                  Stop
                </TaskButton>
              )}
            </li>
          );
        })}
      </ul>
      <TaskNote task={task} />
    </>
  );
}

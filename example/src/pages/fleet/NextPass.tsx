import { useAction, useQuery } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useNow } from "../../app/useNow.js";
import { useTask } from "../../app/useTask.js";
import { agoText, inText, shortId } from "../../format/format.js";
import { decisionWord } from "../../format/words.js";
import { Badge } from "../../parts/Badge.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Notice } from "../../parts/Notice.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";

type Decision = FunctionReturnType<typeof api.agentFactory.explainPass>["decisions"][number];

export function NextPass() {
  const pass = useQuery(api.agentFactory.explainPass, {});
  const start = useAction(api.agentFactory.startWorkers);
  const task = useTask(
    useCallback(async () => {
      const { activeWorkers, spawned, terminated } = await start({});
      return `Done: ${activeWorkers} active, ${spawned} started, ${terminated} ended.`;
    }, [start]),
  );
  const now = useNow();
  if (pass === undefined) return <Loading />;
  return (
    <>
      {pass.spawnBlock !== null && (
        <Notice tone="bad" title="No machine can be created">
          {pass.spawnBlock}
        </Notice>
      )}
      {pass.lastPassErrors.length > 0 && (
        <Notice tone="warn" title="The last pass met errors">
          <ul>
            {pass.lastPassErrors.map((error, index) => (
              <li key={index}>{error}</li>
            ))}
          </ul>
        </Notice>
      )}
      {pass.decisions.length === 0 ? (
        <Empty title="Nothing to do." />
      ) : (
        <ul className="plain">
          {pass.decisions.map((decision, index) => (
            <li key={index} className="decision">
              <Badge word={decisionWord(decision.kind)} />
              <code>{subjectOf(decision)}</code>
              <span>{decision.reason}</span>
            </li>
          ))}
        </ul>
      )}
      <p className="muted">
        {pass.running && "A pass is running. "}
        Last pass {pass.lastPassAt === null ? "never" : agoText(pass.lastPassAt, now)}, next{" "}
        {pass.nextWakeAt === null ? "when somebody writes" : inText(pass.nextWakeAt, now)}.
      </p>
      <div>
        <TaskButton task={task} onClick={() => void task.run()}>
          Run a pass now
        </TaskButton>
      </div>
      <TaskNote task={task} />
    </>
  );
}

function subjectOf(decision: Decision): string {
  if ("workerId" in decision) return shortId(decision.workerId);
  if ("machineId" in decision) return decision.machineId;
  return decision.conversationId;
}

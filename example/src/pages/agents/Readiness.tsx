import { useAction } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useTask } from "../../app/useTask.js";
import { Badge } from "../../parts/Badge.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";

type Diagnosis = FunctionReturnType<typeof api.agentFactory.diagnose>;

const WORDS = {
  ok: { label: "ok", tone: "good" },
  warning: { label: "look", tone: "warn" },
  problem: { label: "missing", tone: "bad" },
} as const;

/** What `npx agent-factory doctor` asks: key, secrets, gateway, provider, agents, webhooks. */
export function Readiness() {
  const [checks, setChecks] = useState<Diagnosis["checks"]>([]);
  const diagnose = useAction(api.agentFactory.diagnose);
  const task = useTask(
    useCallback(async () => {
      const found = await diagnose({});
      setChecks(found.checks);
      return found.ok ? "Everything is in place." : null;
    }, [diagnose]),
  );
  return (
    <>
      <div>
        <TaskButton task={task} kind="primary" onClick={() => void task.run()}>
          {task.isRunning ? "Looking …" : "Check everything"}
        </TaskButton>
      </div>
      <TaskNote task={task} />
      <ul className="plain">
        {checks.map(({ name, subject, status, message, fix }, index) => (
          <li key={index} className="decision">
            <Badge word={WORDS[status]} />
            <span>
              <strong>{name.replaceAll("_", " ")}</strong> {subject} <span>{message}</span>
              {fix !== null && (
                <>
                  <br />
                  <code>{fix}</code>
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

import { useAction } from "convex/react";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useTask } from "../../app/useTask.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";
import type { StepProps } from "./TokenStep.js";

export function WebhookStep({ agentKey }: StepProps) {
  const connect = useAction(api.people.connectTelegram);
  const task = useTask(
    useCallback(async () => {
      const { isReady, description } = await connect({ agentKey });
      if (!isReady) throw new Error(description);
      return null;
    }, [connect, agentKey]),
  );
  return (
    <div className="stack">
      <p>Telegram will deliver what people write to the bot to this deployment.</p>
      <div>
        <TaskButton task={task} kind="primary" onClick={() => void task.run()}>
          {task.isRunning ? "Asking Telegram …" : "Connect the bot"}
        </TaskButton>
      </div>
      <TaskNote task={task} />
    </div>
  );
}

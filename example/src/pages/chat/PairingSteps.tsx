import { useMutation } from "convex/react";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useMe } from "../../app/useMe.js";
import { useTask } from "../../app/useTask.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";
import type { StepProps } from "./TokenStep.js";

export function PairingStep({ agentKey }: StepProps) {
  return (
    <div className="stack">
      <p>The link tells the bot that the chat is yours. It works once.</p>
      <NewLink agentKey={agentKey} title="Make my link" kind="primary" />
    </div>
  );
}

export function LinkStep({ agentKey, deepLink }: StepProps) {
  return (
    <div className="stack">
      <p>Open it on the device where you use Telegram, then press “Start”.</p>
      {deepLink !== null && (
        <a className="deep-link" href={deepLink} target="_blank" rel="noreferrer">
          {deepLink}
        </a>
      )}
      <NewLink agentKey={agentKey} title="Make another link" kind="plain" />
    </div>
  );
}

type NewLinkProps = { agentKey: string; title: string; kind: "primary" | "plain" };

function NewLink({ agentKey, title, kind }: NewLinkProps) {
  const { userId } = useMe();
  const create = useMutation(api.agentFactory.createUserAgentPairing);
  const task = useTask(
    useCallback(async () => {
      await create({ consumerUserId: userId, agentKey });
      return null;
    }, [create, userId, agentKey]),
  );
  return (
    <div>
      <TaskButton task={task} kind={kind} onClick={() => void task.run()}>
        {title}
      </TaskButton>
      <TaskNote task={task} />
    </div>
  );
}

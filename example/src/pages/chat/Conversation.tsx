import { useMutation, useQuery } from "convex/react";
import { useCallback, useEffect, useRef } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useMe } from "../../app/useMe.js";
import { useTask } from "../../app/useTask.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Panel } from "../../parts/Panel.js";
import { TaskNote } from "../../parts/TaskButton.js";
import { Composer } from "./Composer.js";
import { linesOf } from "./lines.js";
import { Line } from "./Line.js";

/** Live: what was said, and the messages that are not answered yet with their states. */
export function Conversation({ agentKey }: { agentKey: string }) {
  const { userId } = useMe();
  const view = useQuery(api.agentFactory.getConversationViewForUserAgent, {
    consumerUserId: userId,
    agentKey,
  });
  const send = useMutation(api.agentFactory.sendMessageToUserAgent);
  const task = useTask(
    useCallback(
      async (content: string) => {
        const idempotencyKey = crypto.randomUUID();
        await send({ consumerUserId: userId, agentKey, content, idempotencyKey });
        return null;
      },
      [send, userId, agentKey],
    ),
  );
  const lines = view === undefined ? [] : linesOf(view.contextHistory, view.queueItems);
  const end = useRef<HTMLLIElement>(null);
  useEffect(() => {
    // In a block: newer browsers return a promise, which React would take for a clean-up.
    void end.current?.scrollIntoView({ block: "nearest" });
  }, [lines.length]);
  return (
    <Panel title={`Conversation with ${agentKey}`}>
      {view === undefined && <Loading />}
      {view !== undefined && lines.length === 0 && (
        <Empty title="Nothing was said yet.">
          The first message takes a few seconds: a machine starts for it.
        </Empty>
      )}
      <ol className="lines" aria-label="Messages" aria-live="polite" tabIndex={0}>
        {lines.map((line) => (
          <Line key={line.key} line={line} />
        ))}
        <li ref={end} aria-hidden="true" className="end" />
      </ol>
      <Composer isSending={task.isRunning} onSend={task.run} />
      <TaskNote task={task} />
    </Panel>
  );
}

import { useMutation, useQuery } from "convex/react";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useNow } from "../../app/useNow.js";
import { useTask } from "../../app/useTask.js";
import { countText, inText } from "../../format/format.js";
import { conversationWord } from "../../format/words.js";
import { Badge } from "../../parts/Badge.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Cell, Table } from "../../parts/Table.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";

/** Every conversation that is not idle; undefined until all states were read. */
function useBusyConversations() {
  const limit = 50;
  const list = api.agentFactory.listConversationsByState;
  const states = [
    useQuery(list, { state: "leased", limit }),
    useQuery(list, { state: "ready", limit }),
    useQuery(list, { state: "waiting", limit }),
    useQuery(list, { state: "paused", limit }),
    useQuery(list, { state: "blocked", limit }),
  ];
  if (states.includes(undefined)) return undefined;
  return states.flatMap((rows) => rows ?? []);
}

/** The conversations in which something waits or happens, and the paused ones. */
export function Conversations() {
  const conversations = useBusyConversations();
  const pause = useMutation(api.agentFactory.pauseConversation);
  const resume = useMutation(api.agentFactory.resumeConversation);
  const task = useTask(
    useCallback(
      async (conversationId: string, isPaused: boolean) => {
        if (isPaused) await resume({ conversationId });
        else await pause({ conversationId, reason: "paused on the queue page" });
        return isPaused ? "Goes on." : "Paused: its messages wait until you resume it.";
      },
      [pause, resume],
    ),
  );
  const now = useNow();
  if (conversations === undefined) return <Loading />;
  return (
    <>
      <TaskNote task={task} />
      {conversations.length === 0 ? (
        <Empty title="No conversation has anything to do.">Idle conversations cost nothing.</Empty>
      ) : (
        <Table
          caption="Conversations by state"
          columns={["Conversation", "State", "Waiting", "Changes by itself", ""]}
        >
          {conversations.map(
            ({ conversationId, agentKey, state, queuedCount, readyAt, pauseReason }) => (
              <tr key={conversationId}>
                <Cell label="Conversation">
                  <code>{conversationId}</code> <small className="muted">{agentKey}</small>
                </Cell>
                <Cell label="State">
                  <Badge word={conversationWord(state)} />{" "}
                  {pauseReason !== null && <small>{pauseReason}</small>}
                </Cell>
                <Cell label="Waiting">{countText(queuedCount, "message")}</Cell>
                <Cell label="Changes by itself">
                  {readyAt === null || readyAt <= now ? "–" : inText(readyAt, now)}
                </Cell>
                <Cell label="">
                  <TaskButton
                    task={task}
                    label={`${state === "paused" ? "Resume" : "Pause"} ${conversationId}`}
                    onClick={() => void task.run(conversationId, state === "paused")}
                  >
                    {state === "paused" ? "Resume" : "Pause"}
                  </TaskButton>
                </Cell>
              </tr>
            ),
          )}
        </Table>
      )}
    </>
  );
}

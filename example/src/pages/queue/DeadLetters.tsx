import { useMutation, useQuery } from "convex/react";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useNow } from "../../app/useNow.js";
import { useTask } from "../../app/useTask.js";
import { agoText, countText, shortId } from "../../format/format.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";

export function DeadLetters() {
  const groups = useQuery(api.agentFactory.listDeadLetterGroups, {});
  const redrive = useMutation(api.agentFactory.redriveDeadLetters);
  const skip = useMutation(api.agentFactory.skipMessage);
  const redriving = useTask(
    useCallback(
      async (which: { fingerprint: string } | { messageId: string }) => {
        const { redriven, more } = await redrive(which);
        return `Started ${countText(redriven, "message")} again.${more ? " There are more: press again." : ""}`;
      },
      [redrive],
    ),
  );
  const skipping = useTask(
    useCallback(
      async (messageId: string) => {
        const skipped = await skip({ messageId, reason: "given up on by an operator" });
        return skipped ? "Skipped." : "Nothing to skip: it is being answered or over.";
      },
      [skip],
    ),
  );
  const now = useNow();
  if (groups === undefined) return <Loading />;
  return (
    <>
      <TaskNote task={redriving} />
      <TaskNote task={skipping} />
      {groups.length === 0 && (
        <Empty title="No message was given up.">
          After its last attempt a message comes here instead of being lost.
        </Empty>
      )}
      <ul className="cards">
        {groups.map((group) => (
          <li key={group.fingerprint} className="card">
            <p className="error-text">{group.sampleError}</p>
            <p className="muted">
              {countText(group.count, "message")}, last {agoText(group.lastAt, now)}
            </p>
            <TaskButton
              task={redriving}
              kind="primary"
              onClick={() => void redriving.run({ fingerprint: group.fingerprint })}
            >
              Start {group.count === 1 ? "it" : `all ${group.count}`} again
            </TaskButton>
            <Letters
              fingerprint={group.fingerprint}
              onRedrive={(messageId) => void redriving.run({ messageId })}
              onSkip={(messageId) => void skipping.run(messageId)}
            />
          </li>
        ))}
      </ul>
    </>
  );
}

type LettersProps = {
  fingerprint: string;
  onRedrive: (messageId: string) => void;
  onSkip: (messageId: string) => void;
};

function Letters({ fingerprint, onRedrive, onSkip }: LettersProps) {
  const [isOpen, setIsOpen] = useState(false);
  const letters = useQuery(
    api.agentFactory.listDeadLetters,
    isOpen ? { fingerprint, limit: 20 } : "skip",
  );
  return (
    <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>The messages</summary>
      <ul className="plain">
        {letters?.map((letter) => (
          <li key={letter._id} className="row">
            <span className="grow">
              “{letter.payload.messageText}”{" "}
              <small className="muted">
                {letter.agentKey}, {shortId(letter.conversationId)},{" "}
                {countText(letter.attempts, "attempt")}
              </small>
            </span>
            <button type="button" onClick={() => onRedrive(letter._id)}>
              Again
            </button>
            <button type="button" onClick={() => onSkip(letter._id)}>
              Skip
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

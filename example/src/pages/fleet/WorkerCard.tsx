import { useMutation, useQuery } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useNow } from "../../app/useNow.js";
import { useTask } from "../../app/useTask.js";
import { agoText, inText, shortId, timeText } from "../../format/format.js";
import { drainText } from "../../format/words.js";
import type { LocalMachine } from "../../local/localWorld.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";

type Worker = FunctionReturnType<typeof api.agentFactory.listWorkers>[number];
type Props = { worker: Worker; machine: LocalMachine | null };

export function WorkerCard({ worker, machine }: Props) {
  const now = useNow();
  const isActive = worker.status === "active";
  return (
    <article className="card" aria-label={`Worker ${shortId(worker.workerId)}`}>
      <code title={worker.workerId}>{shortId(worker.workerId)}</code>
      <dl className="facts">
        <dt>Machine</dt>
        <dd>
          {worker.machineId === null ? (
            worker.status === "stopped" ? (
              "gone"
            ) : (
              "not created"
            )
          ) : (
            <code>{worker.machineId}</code>
          )}
          {machine !== null && ` ${machine.state}`}
        </dd>
        {worker.status !== "stopped" && (
          <>
            <dt>Heartbeat</dt>
            <dd>{worker.firstSeenAt === null ? "boots" : agoText(worker.heartbeatAt, now)}</dd>
          </>
        )}
        {worker.conversationId !== null && (
          <>
            <dt>For</dt>
            <dd>
              {worker.conversationId}
              {worker.load > 0 && ", answering"}
            </dd>
          </>
        )}
        {worker.loadedSkills !== null && (
          <>
            <dt>Skills</dt>
            <dd>
              {worker.loadedSkills.skills
                .map(({ slug, version }) => `${slug} ${version}`)
                .join(", ") || "none"}
            </dd>
          </>
        )}
        {isActive && worker.scheduledShutdownAt !== null && (
          <>
            <dt>Leaves</dt>
            <dd>{inText(worker.scheduledShutdownAt, now)} when idle</dd>
          </>
        )}
        {worker.drainReason !== null && (
          <>
            <dt>Why</dt>
            <dd>{drainText(worker.drainReason)}</dd>
          </>
        )}
        {worker.stoppedAt !== null && (
          <>
            <dt>Left</dt>
            <dd>{agoText(worker.stoppedAt, now)}</dd>
          </>
        )}
      </dl>
      {worker.lastProviderError !== null && (
        <p className="error-text">{worker.lastProviderError}</p>
      )}
      {isActive && <Drain workerId={worker.workerId} />}
      <Events workerId={worker.workerId} />
    </article>
  );
}

function Drain({ workerId }: { workerId: string }) {
  const drain = useMutation(api.agentFactory.drainWorker);
  const task = useTask(
    useCallback(async () => {
      await drain({ workerId });
      return null;
    }, [drain, workerId]),
  );
  return (
    <>
      <TaskButton task={task} label={`Drain ${shortId(workerId)}`} onClick={() => void task.run()}>
        Drain
      </TaskButton>
      <TaskNote task={task} />
    </>
  );
}

function Events({ workerId }: { workerId: string }) {
  const [isOpen, setIsOpen] = useState(false);
  const events = useQuery(api.agentFactory.listWorkerEvents, isOpen ? { workerId } : "skip");
  return (
    <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>What happened</summary>
      <ol className="events">
        {events?.map((event, index) => (
          <li key={index}>
            <time>{timeText(event.at)}</time> {event.kind.replaceAll("_", " ")}
            {event.detail !== null && <small> {event.detail}</small>}
          </li>
        ))}
      </ol>
    </details>
  );
}

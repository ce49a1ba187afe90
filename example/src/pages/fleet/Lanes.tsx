import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { workerWord } from "../../format/words.js";
import { useLocalWorld } from "../../local/localWorld.js";
import { WorkerCard } from "./WorkerCard.js";

const STATUSES = ["active", "draining", "stopping", "stopped"] as const;
const SHOWN = { active: 50, draining: 50, stopping: 50, stopped: 5 } as const;
const HINTS = {
  active: "None: machines start when somebody writes.",
  draining: "None is saving its memory to leave.",
  stopping: "None is being taken down.",
  stopped: "None has left yet.",
} as const;

/** One lane per state, in the order of a worker's life. */
export function Lanes() {
  return (
    <div className="lanes">
      {STATUSES.map((status) => (
        <Lane key={status} status={status} />
      ))}
    </div>
  );
}

function Lane({ status }: { status: (typeof STATUSES)[number] }) {
  const workers = useQuery(api.agentFactory.listWorkers, { status, limit: SHOWN[status] });
  const world = useLocalWorld();
  return (
    <section className="lane" aria-label={`${status} workers`}>
      <h3>
        {workerWord(status).label}
        <span className={`badge tone-${workerWord(status).tone}`}>{workers?.length ?? "…"}</span>
      </h3>
      {workers?.length === 0 && <p className="muted">{HINTS[status]}</p>}
      {workers?.map((worker) => (
        <WorkerCard
          key={worker.workerId}
          worker={worker}
          machine={world?.machines.find((machine) => machine.id === worker.machineId) ?? null}
        />
      ))}
    </section>
  );
}

import { useTask } from "../app/useTask.js";
import { TaskButton, TaskNote } from "../parts/TaskButton.js";
import { commandLocalWorld, useLocalWorld, type LocalCommand } from "./localWorld.js";

const FAULTS: { kind: Exclude<LocalCommand["kind"], "phone_says" | "make_bot">; title: string }[] =
  [
    { kind: "kill_worker", title: "Kill a worker" },
    { kind: "fly_outage", title: "Fly is down for 30 s" },
    { kind: "fly_429", title: "Fly answers 429 for 30 s" },
    { kind: "end_faults", title: "End faults" },
  ];

const strike = async (command: LocalCommand) => await commandLocalWorld(command);

/** Things that go wrong, at the press of a button. Shown only where the local world answers. */
export function FaultBar() {
  const world = useLocalWorld();
  const task = useTask(strike);
  if (world === null) return null;
  return (
    <details className="faults">
      <summary>
        Break something <span className="muted">(local world only)</span>
        {world.faults.length > 0 && (
          <span className="badge tone-bad">{world.faults.join(", ")}</span>
        )}
      </summary>
      <div className="row">
        {FAULTS.map(({ kind, title }) => (
          <TaskButton key={kind} task={task} onClick={() => void task.run({ kind })}>
            {title}
          </TaskButton>
        ))}
      </div>
      <TaskNote task={task} />
    </details>
  );
}

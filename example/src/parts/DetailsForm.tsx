import type { ReactNode } from "react";
import type { TaskState } from "../app/useTask.js";
import { TaskNote } from "./TaskButton.js";

type Props = {
  title: string;
  submit: string;
  task: TaskState & { run: () => Promise<boolean> };
  children: ReactNode;
};

/** A form that waits behind its title until somebody wants it. */
export function DetailsForm({ title, submit, task, children }: Props) {
  return (
    <details>
      <summary>{title}</summary>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void task.run();
        }}
      >
        <div className="form-grid">{children}</div>
        <div>
          <button type="submit" className="primary" disabled={task.isRunning}>
            {submit}
          </button>
        </div>
        <TaskNote task={task} />
      </form>
    </details>
  );
}

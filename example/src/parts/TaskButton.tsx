import type { ReactNode } from "react";
import type { TaskState } from "../app/useTask.js";

type Props = {
  task: TaskState;
  onClick: () => void;
  children: ReactNode;
  kind?: "primary" | "plain" | "danger" | "person";
  disabled?: boolean;
  label?: string;
};

/** A button that starts a task and cannot start it twice. */
export function TaskButton({ task, onClick, children, kind = "plain", disabled, label }: Props) {
  return (
    <button
      type="button"
      className={kind}
      onClick={onClick}
      disabled={disabled === true || task.isRunning}
      aria-label={label}
    >
      {children}
    </button>
  );
}

/** How the task ended; read out when it changes. */
export function TaskNote({ task }: { task: TaskState }) {
  return (
    <p className="task-note" aria-live="polite">
      {task.error !== null && <span className="bad-text">{task.error}</span>}
      {task.done !== null && <span className="good-text">{task.done}</span>}
    </p>
  );
}

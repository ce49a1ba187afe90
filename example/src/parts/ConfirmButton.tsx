import { useEffect, useRef, useState, type ReactNode } from "react";
import type { TaskState } from "../app/useTask.js";
import { TaskButton } from "./TaskButton.js";

type Props = {
  task: TaskState;
  onConfirm: () => void;
  children: ReactNode;
  /** What it does to which thing: "Delete Morning". */
  label: string;
};

/** For what cannot be undone: the second press does it, at the same place and by the same finger. */
export function ConfirmButton({ task, onConfirm, children, label }: Props) {
  const [isAsking, setIsAsking] = useState(false);
  const yes = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (isAsking) yes.current?.querySelector("button")?.focus();
  }, [isAsking]);
  if (!isAsking)
    return (
      <TaskButton task={task} label={label} onClick={() => setIsAsking(true)}>
        {children}
      </TaskButton>
    );
  return (
    <span className="row" ref={yes}>
      <TaskButton
        task={task}
        kind="danger"
        label={`${label}, really`}
        onClick={() => {
          setIsAsking(false);
          onConfirm();
        }}
      >
        Really?
      </TaskButton>
      <button type="button" onClick={() => setIsAsking(false)}>
        No
      </button>
    </span>
  );
}

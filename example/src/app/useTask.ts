import { useCallback, useState } from "react";
import { errorText } from "../format/errors.js";

export type TaskState = { isRunning: boolean; error: string | null; done: string | null };
export type Task<A extends unknown[]> = TaskState & { run: (...args: A) => Promise<boolean> };

const RESTING: TaskState = { isRunning: false, error: null, done: null };

/** Something a button starts: one at a time, its end told in words. `work` returns the sentence for success. */
export function useTask<A extends unknown[]>(
  work: (...args: A) => Promise<string | null>,
): Task<A> {
  const [state, setState] = useState(RESTING);
  const run = useCallback(
    async (...args: A) => {
      setState({ isRunning: true, error: null, done: null });
      try {
        const done = await work(...args);
        setState({ isRunning: false, error: null, done });
        return true;
      } catch (error) {
        setState({ isRunning: false, error: errorText(error), done: null });
        return false;
      }
    },
    [work],
  );
  return { ...state, run };
}

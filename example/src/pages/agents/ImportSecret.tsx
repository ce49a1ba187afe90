import { useMutation } from "convex/react";
import { useCallback, useEffect, useRef, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useTask } from "../../app/useTask.js";
import { Field } from "../../parts/Field.js";
import { TaskNote } from "../../parts/TaskButton.js";

type Props = { secretRef: string; onSecretRef: (secretRef: string) => void };

/** The value lives in this field until it is sent, and nowhere after. */
export function ImportSecret({ secretRef, onSecretRef }: Props) {
  const [value, setValue] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const importSecret = useMutation(api.agentFactory.importSecret);
  const task = useTask(
    useCallback(
      async (given: { secretRef: string; plaintextValue: string }) => {
        const { version } = await importSecret(given);
        return `${given.secretRef} is stored as version ${version}.`;
      },
      [importSecret],
    ),
  );
  useEffect(() => {
    if (secretRef !== "") field.current?.focus();
  }, [secretRef]);
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void task.run({ secretRef: secretRef.trim(), plaintextValue: value });
        setValue("");
      }}
    >
      <Field label="Name">
        <input
          required
          value={secretRef}
          onChange={(event) => onSecretRef(event.target.value)}
          placeholder="fly.apiToken"
          autoComplete="off"
        />
      </Field>
      <Field label="Value">
        <input
          required
          ref={field}
          type="password"
          autoComplete="off"
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
      </Field>
      <div>
        <button type="submit" className="primary" disabled={task.isRunning}>
          Seal and store
        </button>
      </div>
      <TaskNote task={task} />
    </form>
  );
}

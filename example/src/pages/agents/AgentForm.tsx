import { useMutation } from "convex/react";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useTask } from "../../app/useTask.js";
import { Field } from "../../parts/Field.js";
import { TaskNote } from "../../parts/TaskButton.js";

type Profile = { agentKey: string; version: string; companyId: string; secretsRef: string };

const EMPTY: Profile = { agentKey: "", version: "1.0.0", companyId: "", secretsRef: "" };

export function AgentForm() {
  const [given, setGiven] = useState(EMPTY);
  const configure = useMutation(api.agentFactory.configureAgent);
  const task = useTask(
    useCallback(
      async ({ agentKey, version, companyId, secretsRef }: Profile) => {
        await configure({
          agentKey: agentKey.trim(),
          version: version.trim(),
          secretsRef: secretsRef.split(/[\s,]+/).filter((ref) => ref !== ""),
          enabled: true,
          ...(companyId.trim() === "" ? {} : { companyId: companyId.trim() }),
        });
        setGiven(EMPTY);
        return `${agentKey.trim()} is stored.`;
      },
      [configure],
    ),
  );
  const set = (name: keyof Profile) => (event: React.ChangeEvent<HTMLInputElement>) =>
    setGiven({ ...given, [name]: event.target.value });
  return (
    <details>
      <summary>Add or change an agent</summary>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void task.run(given);
        }}
      >
        <div className="form-grid">
          <Field label="Key">
            <input
              required
              value={given.agentKey}
              onChange={set("agentKey")}
              placeholder="support"
            />
          </Field>
          <Field label="Version">
            <input required value={given.version} onChange={set("version")} />
          </Field>
          <Field label="Company" hint="Empty: for everybody">
            <input value={given.companyId} onChange={set("companyId")} />
          </Field>
          <Field label="Secrets it needs" hint="Names, separated by commas">
            <input
              value={given.secretsRef}
              onChange={set("secretsRef")}
              placeholder="openai.apiKey"
            />
          </Field>
        </div>
        <div>
          <button type="submit" className="primary" disabled={task.isRunning}>
            Store the agent
          </button>
        </div>
        <TaskNote task={task} />
      </form>
    </details>
  );
}

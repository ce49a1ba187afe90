import { useMutation } from "convex/react";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useFields } from "../../app/useFields.js";
import { useTask } from "../../app/useTask.js";
import { DetailsForm } from "../../parts/DetailsForm.js";
import { Field } from "../../parts/Field.js";

const EMPTY = { agentKey: "", version: "1.0.0", companyId: "", secretsRef: "" };

export function AgentForm() {
  const { values: given, bind, reset } = useFields(EMPTY);
  const configure = useMutation(api.agentFactory.configureAgent);
  const task = useTask(
    useCallback(async () => {
      const agentKey = given.agentKey.trim();
      const companyId = given.companyId.trim();
      await configure({
        agentKey,
        version: given.version.trim(),
        secretsRef: given.secretsRef.split(/[\s,]+/).filter((ref) => ref !== ""),
        enabled: true,
        ...(companyId === "" ? {} : { companyId }),
      });
      reset();
      return `${agentKey} is stored.`;
    }, [configure, given, reset]),
  );
  return (
    <DetailsForm title="Add or change an agent" submit="Store the agent" task={task}>
      <Field label="Key">
        <input required {...bind("agentKey")} placeholder="support" />
      </Field>
      <Field label="Version">
        <input required {...bind("version")} />
      </Field>
      <Field label="Company" hint="Empty: for everybody">
        <input {...bind("companyId")} />
      </Field>
      <Field label="Secrets it needs" hint="Names, separated by commas">
        <input {...bind("secretsRef")} placeholder="openai.apiKey" />
      </Field>
    </DetailsForm>
  );
}

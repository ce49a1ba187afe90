import { useMutation, useQuery } from "convex/react";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useFields } from "../../app/useFields.js";
import { useMe } from "../../app/useMe.js";
import { useTask } from "../../app/useTask.js";
import { DetailsForm } from "../../parts/DetailsForm.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Field } from "../../parts/Field.js";
import { TaskNote } from "../../parts/TaskButton.js";
import { COMPANY_ID } from "./company.js";
import { ScheduleInput } from "./ScheduleInput.js";
import { DEFAULT_SCHEDULE, OWN_ZONE, scheduleOf, scheduleText } from "./schedules.js";

export function Templates() {
  const { userId } = useMe();
  const templates = useQuery(api.agentFactory.listPushTemplatesByCompany, {
    companyId: COMPANY_ID,
    includeDisabled: true,
  });
  const overview = useQuery(api.agentFactory.getUserAgentsOverview, { consumerUserId: userId });
  const adopt = useMutation(api.agentFactory.createPushJobFromTemplateForAgent);
  const agentKey = overview?.activeAgentKey ?? null;
  const adopting = useTask(
    useCallback(
      async (templateId: string) => {
        if (agentKey === null) throw new Error("Choose an agent on the page “Chat” first.");
        const owner = { companyId: COMPANY_ID, consumerUserId: userId, agentKey };
        await adopt({ ...owner, templateId, timezone: OWN_ZONE });
        return "It is among your pushes now.";
      },
      [adopt, userId, agentKey],
    ),
  );
  if (templates === undefined) return <Loading />;
  return (
    <>
      {templates.length === 0 && <Empty title="There is no template yet." />}
      <ul className="plain">
        {templates.map((template) => (
          <li key={template._id} className="row">
            <span className="grow">
              <strong>{template.title}</strong>{" "}
              <small>
                {template.suggestedTimes.map(scheduleText).join(", ") || "only by hand"}
              </small>
              <br />
              <small>{template.text}</small>
            </span>
            <button
              type="button"
              aria-label={`Use ${template.title} for me`}
              disabled={adopting.isRunning}
              onClick={() => void adopting.run(template._id)}
            >
              Use it for me
            </button>
          </li>
        ))}
      </ul>
      <TaskNote task={adopting} />
      <NewTemplate />
    </>
  );
}

const EMPTY = { templateKey: "", title: "", text: "" };

function NewTemplate() {
  const { userId } = useMe();
  const { values: given, bind, reset } = useFields(EMPTY);
  const [when, setWhen] = useState(DEFAULT_SCHEDULE);
  const create = useMutation(api.agentFactory.createPushTemplate);
  const task = useTask(
    useCallback(async () => {
      const slot = scheduleOf(when);
      await create({
        companyId: COMPANY_ID,
        ...given,
        periodicity: slot.kind,
        suggestedTimes: slot.kind === "manual" ? [] : [slot],
        actorUserId: userId,
      });
      reset();
      return "The template is stored.";
    }, [create, given, when, userId, reset]),
  );
  return (
    <DetailsForm title="Add a template" submit="Store the template" task={task}>
      <Field label="Key">
        <input required {...bind("templateKey")} placeholder="morning" />
      </Field>
      <Field label="Title">
        <input required {...bind("title")} />
      </Field>
      <ScheduleInput value={when} onChange={setWhen} />
      <div className="wide">
        <Field label="Text">
          <textarea required rows={2} {...bind("text")} />
        </Field>
      </div>
    </DetailsForm>
  );
}

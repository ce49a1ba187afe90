import { useMutation, useQuery } from "convex/react";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useFields } from "../../app/useFields.js";
import { useMe } from "../../app/useMe.js";
import { useTask } from "../../app/useTask.js";
import { DetailsForm } from "../../parts/DetailsForm.js";
import { Field } from "../../parts/Field.js";
import { COMPANY_ID } from "./company.js";
import { ScheduleInput } from "./ScheduleInput.js";
import { DEFAULT_SCHEDULE, OWN_ZONE, scheduleOf, ZONES } from "./schedules.js";

const EMPTY = { title: "", text: "", timezone: OWN_ZONE };

export function NewJob() {
  const { userId } = useMe();
  const overview = useQuery(api.agentFactory.getUserAgentsOverview, { consumerUserId: userId });
  const agentKey = overview?.activeAgentKey ?? null;
  const { values: given, bind, reset } = useFields(EMPTY);
  const [when, setWhen] = useState(DEFAULT_SCHEDULE);
  const create = useMutation(api.agentFactory.createPushJobCustomForAgent);
  const task = useTask(
    useCallback(async () => {
      if (agentKey === null) throw new Error("Choose an agent on the page “Chat” first.");
      const schedule = scheduleOf(when);
      await create({
        companyId: COMPANY_ID,
        consumerUserId: userId,
        agentKey,
        ...given,
        periodicity: schedule.kind,
        schedule,
      });
      reset();
      return "The push is set.";
    }, [create, agentKey, userId, given, when, reset]),
  );
  return (
    <DetailsForm title="Add a push" submit="Set the push" task={task}>
      <Field label="Title">
        <input required {...bind("title")} placeholder="Morning" />
      </Field>
      <ScheduleInput value={when} onChange={setWhen} />
      <Field label="Time zone">
        <select {...bind("timezone")}>
          {ZONES.map((zone) => (
            <option key={zone}>{zone}</option>
          ))}
        </select>
      </Field>
      <div className="wide">
        <Field label="Message to your agent">
          <textarea
            required
            rows={2}
            {...bind("text")}
            placeholder="Tell me what is planned for today."
          />
        </Field>
      </div>
    </DetailsForm>
  );
}

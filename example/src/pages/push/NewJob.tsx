import { useMutation, useQuery } from "convex/react";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useMe } from "../../app/useMe.js";
import { useTask } from "../../app/useTask.js";
import { Field } from "../../parts/Field.js";
import { TaskNote } from "../../parts/TaskButton.js";
import { COMPANY_ID } from "./company.js";
import { ScheduleInput } from "./ScheduleInput.js";
import { DEFAULT_SCHEDULE, OWN_ZONE, scheduleOf, ZONES } from "./schedules.js";

const EMPTY = { title: "", text: "", timezone: OWN_ZONE };

export function NewJob() {
  const { userId } = useMe();
  const overview = useQuery(api.agentFactory.getUserAgentsOverview, { consumerUserId: userId });
  const agentKey = overview?.activeAgentKey ?? null;
  const [given, setGiven] = useState(EMPTY);
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
      setGiven(EMPTY);
      return "The push is set.";
    }, [create, agentKey, userId, given, when]),
  );
  const set = (name: keyof typeof EMPTY) => (event: { target: { value: string } }) =>
    setGiven({ ...given, [name]: event.target.value });
  return (
    <details>
      <summary>Add a push</summary>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void task.run();
        }}
      >
        <div className="form-grid">
          <Field label="Title">
            <input required value={given.title} onChange={set("title")} placeholder="Morning" />
          </Field>
          <ScheduleInput value={when} onChange={setWhen} />
          <Field label="Time zone">
            <select value={given.timezone} onChange={set("timezone")}>
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
                value={given.text}
                onChange={set("text")}
                placeholder="Tell me what is planned for today."
              />
            </Field>
          </div>
        </div>
        <div>
          <button type="submit" className="primary" disabled={task.isRunning}>
            Set the push
          </button>
        </div>
        <TaskNote task={task} />
      </form>
    </details>
  );
}

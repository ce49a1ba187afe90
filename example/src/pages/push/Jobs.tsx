import { useMutation, useQuery } from "convex/react";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useMe } from "../../app/useMe.js";
import { useNow } from "../../app/useNow.js";
import { useTask } from "../../app/useTask.js";
import { agoText, inText, zoneTimeText } from "../../format/format.js";
import { Badge } from "../../parts/Badge.js";
import { ConfirmButton } from "../../parts/ConfirmButton.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Cell, Table } from "../../parts/Table.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";
import { scheduleText } from "./schedules.js";

const GONE = "It was gone already.";

type Which = { jobId: string; agentKey: string };

export function Jobs() {
  const { userId: consumerUserId } = useMe();
  const jobs = useQuery(api.agentFactory.listPushJobsForUser, { consumerUserId });
  const trigger = useMutation(api.agentFactory.triggerPushJobNowForAgent);
  const setEnabled = useMutation(api.agentFactory.setPushJobEnabled);
  const remove = useMutation(api.agentFactory.deletePushJob);
  const pushing = useTask(
    useCallback(
      async (which: Which) => {
        await trigger({ consumerUserId, ...which, idempotencyKey: crypto.randomUUID() });
        return "Pushed: the answer comes in the chat.";
      },
      [trigger, consumerUserId],
    ),
  );
  const switching = useTask(
    useCallback(
      async (jobId: string, enabled: boolean) => {
        if (!(await setEnabled({ jobId, enabled }))) return GONE;
        return enabled ? "Switched on." : "Switched off.";
      },
      [setEnabled],
    ),
  );
  const deleting = useTask(
    useCallback(
      async (jobId: string, title: string) =>
        (await remove({ jobId })) ? `“${title}” is deleted.` : GONE,
      [remove],
    ),
  );
  const now = useNow(10_000);
  if (jobs === undefined) return <Loading />;
  if (jobs.length === 0)
    return (
      <>
        <Empty title="Nothing is pushed to you.">
          Add a push below, for example a morning hello.
        </Empty>
        <TaskNote task={deleting} />
      </>
    );
  return (
    <>
      <Table caption="Your pushes" columns={["Push", "Repeats", "Next, by its zone", "Last", ""]}>
        {jobs.map((job) => {
          const which = { jobId: job._id, agentKey: job.agentKey ?? "" };
          return (
            <tr key={job._id}>
              <Cell label="Push">
                <strong>{job.title}</strong>{" "}
                {!job.enabled && <Badge word={{ label: "off", tone: "calm" }} />}
                <br />
                <small>{job.text}</small>
              </Cell>
              <Cell label="Repeats">{scheduleText(job.schedule)}</Cell>
              <Cell label="Next, by its zone">
                {job.nextRunAt === null || !job.enabled ? (
                  "–"
                ) : (
                  <>
                    {zoneTimeText(job.nextRunAt, job.timezone)}
                    <br />
                    <small>
                      {job.timezone}, {inText(job.nextRunAt, now)}
                    </small>
                  </>
                )}
              </Cell>
              <Cell label="Last">
                {job.lastRunAt === null ? "never" : agoText(job.lastRunAt, now)}
              </Cell>
              <Cell label="">
                <div className="row">
                  <TaskButton
                    task={pushing}
                    label={`Push ${job.title} now`}
                    onClick={() => void pushing.run(which)}
                  >
                    Now
                  </TaskButton>
                  <TaskButton
                    task={switching}
                    label={`Switch ${job.title} ${job.enabled ? "off" : "on"}`}
                    onClick={() => void switching.run(job._id, !job.enabled)}
                  >
                    {job.enabled ? "Off" : "On"}
                  </TaskButton>
                  <ConfirmButton
                    task={deleting}
                    label={`Delete ${job.title}`}
                    onConfirm={() => void deleting.run(job._id, job.title)}
                  >
                    Delete
                  </ConfirmButton>
                </div>
              </Cell>
            </tr>
          );
        })}
      </Table>
      <TaskNote task={pushing} />
      <TaskNote task={switching} />
      <TaskNote task={deleting} />
    </>
  );
}

import { useMutation, useQuery } from "convex/react";
import { useCallback, useState } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useMe } from "../../app/useMe.js";
import { useTask } from "../../app/useTask.js";
import { timeText } from "../../format/format.js";
import { Badge } from "../../parts/Badge.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";

/** The releases that are kept, and the way back to one of them. */
export function Releases({ slug }: { slug: string }) {
  const { userId } = useMe();
  const [isOpen, setIsOpen] = useState(false);
  const releases = useQuery(api.agentFactory.globalSkillsReleases, isOpen ? { slug } : "skip");
  const rollBack = useMutation(api.agentFactory.globalSkillsRollback);
  const task = useTask(
    useCallback(
      async (version: string) => {
        await rollBack({ slug, version, actor: userId });
        return `Version ${version} is active.`;
      },
      [rollBack, slug, userId],
    ),
  );
  return (
    <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>Releases</summary>
      <ul className="plain">
        {releases?.map((release) => (
          <li key={release.releaseId} className="row">
            <span className="grow">
              <strong>{release.version}</strong>{" "}
              <small>
                {timeText(release.activatedAt)} by {release.activatedBy}
              </small>
            </span>
            {release.isActive ? (
              <Badge word={{ label: "active", tone: "good" }} />
            ) : (
              <TaskButton task={task} onClick={() => void task.run(release.version)}>
                Go back to {release.version}
              </TaskButton>
            )}
          </li>
        ))}
      </ul>
      <TaskNote task={task} />
    </details>
  );
}

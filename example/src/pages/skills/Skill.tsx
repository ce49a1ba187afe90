import { useMutation } from "convex/react";
import type { FunctionReturnType } from "convex/server";
import { useCallback } from "react";
import { api } from "../../../convex/_generated/api.js";
import { useTask } from "../../app/useTask.js";
import { Badge } from "../../parts/Badge.js";
import { TaskButton, TaskNote } from "../../parts/TaskButton.js";
import { Releases } from "./Releases.js";

export type SkillView = FunctionReturnType<typeof api.agentFactory.globalSkillsList>[number];

export function Skill({ skill }: { skill: SkillView }) {
  const { slug, status, activeRelease } = skill;
  const isActive = status === "active";
  const setStatus = useMutation(api.agentFactory.globalSkillsSetStatus);
  const task = useTask(
    useCallback(
      async (next: "active" | "disabled") => {
        await setStatus({ slug, status: next });
        return next === "active" ? "New workers load it again." : "New workers do not load it.";
      },
      [setStatus, slug],
    ),
  );
  return (
    <li className="card">
      <header>
        <h3>{skill.displayName}</h3>
        <code className="muted">{slug}</code>
        <Badge
          word={isActive ? { label: "on", tone: "good" } : { label: "switched off", tone: "calm" }}
        />
      </header>
      {skill.description !== undefined && <p>{skill.description}</p>}
      <p className="muted">
        {activeRelease === null
          ? "No release on the stable channel"
          : `Version ${activeRelease.version} (${activeRelease.moduleFormat}, ${activeRelease.sha256.slice(0, 12)})`}
        , for {audienceOf(skill)}.
      </p>
      <TaskButton task={task} onClick={() => void task.run(isActive ? "disabled" : "active")}>
        {isActive ? "Switch off" : "Switch on"}
      </TaskButton>
      <TaskNote task={task} />
      <Releases slug={slug} />
    </li>
  );
}

function audienceOf({ agentKey, companyId }: SkillView): string {
  const parts = [
    ...(agentKey === undefined ? [] : [`the agent ${agentKey}`]),
    ...(companyId === undefined ? [] : [`the company ${companyId}`]),
  ];
  return parts.length === 0 ? "every worker" : `workers of ${parts.join(" and ")}`;
}

import { useQuery } from "convex/react";
import { api } from "../../../convex/_generated/api.js";
import { Empty, Loading } from "../../parts/Empty.js";
import { Panel } from "../../parts/Panel.js";
import { DeploySkill } from "./DeploySkill.js";
import { Loaded } from "./Loaded.js";
import { Skill } from "./Skill.js";

/** Code bundles that every worker, or those of one agent or company, load when they start. */
export default function SkillsPage() {
  return (
    <>
      <Panel title="Bundles">
        <Skills />
      </Panel>
      <Panel
        title="Which worker loaded what"
        hint="As each worker reported it when its engine started."
      >
        <Loaded />
      </Panel>
      <Panel
        title="Deploy a skill"
        hint="Workers that start from now on load it; running ones keep theirs."
      >
        <DeploySkill />
      </Panel>
    </>
  );
}

function Skills() {
  const skills = useQuery(api.agentFactory.globalSkillsList, {});
  if (skills === undefined) return <Loading />;
  if (skills.length === 0)
    return <Empty title="No skill is deployed.">Deploy the first one below.</Empty>;
  return (
    <ul className="cards">
      {skills.map((skill) => (
        <Skill key={skill.skillId} skill={skill} />
      ))}
    </ul>
  );
}
